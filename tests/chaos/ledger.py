"""What clients were told, against what the stores hold: lost, doubled, and every other promise that was broken."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from deploy.sample.ledger import doubled
from events import ids
from services import mutations, workload
from services.app import Application
from services.audit.export import verify_all
from services.db import table
from services.identity.models import Account
from services.mutations.execute import PREFIX
from tests.chaos.book import Book, Given
from tests.scenarios import proofs

#: The events of one service by the id of the command that caused them.
Effects = dict[str, list[dict[str, Any]]]
#: The event that a command of `workload` leaves exactly once.
MEASURED = "workload.measured"


@dataclass(frozen=True)
class Verdict:
    """Sentences, one for each command or fact that is not as it was promised; all empty when every promise held."""

    lost: list[str]
    doubled: list[str]
    broken: list[str]


def judge(app: Application, book: Book) -> Verdict:
    """Compare; everything that was under way must have settled before."""
    accounts = {row["login"]: row["id"] for row in proofs.rows(app, table(Account))}
    effects = {
        service.name: by_cause(proofs.rows(app, service.outbox.event))
        for service in (mutations.SERVICE, workload.SERVICE)
    }
    caused = [
        (given, effects[given.service].get(ids.derived("http", accounts[given.login], given.service, given.key), []))
        for given in book.given
    ]
    with app.databases.reader("audit").connect() as conn:
        twice = [f"{n} {what}" for what, n in doubled(conn).items()]
    return Verdict(
        lost=[sentence for given, events in caused if (sentence := missing(given, events))],
        doubled=[sentence for given, events in caused for sentence in repeated(given, events)] + twice,
        broken=list(_broken(app)),
    )


def by_cause(events: Iterable[dict[str, Any]]) -> Effects:
    found: Effects = {}
    for event in sorted(events, key=lambda e: (e["subject"], e["subject_version"])):
        found.setdefault(str(event["causation"]), []).append(event)
    return found


def missing(given: Given, events: list[dict[str, Any]]) -> str:
    """What an acknowledged command should have left and did not; nothing if all is there."""
    if not given.acknowledged:
        return ""
    if given.service == "workload":
        there = any(event["type"] == MEASURED for event in events)
    else:
        last = (PREFIX + given.mutation, given.answer["version"])
        there = bool(events) and (events[-1]["subject"], events[-1]["subject_version"]) == last
    return "" if there else f"{given.command} {given.key}: told {given.answer}, left {len(events)} events"


def repeated(given: Given, events: list[dict[str, Any]]) -> Iterator[str]:
    """What a command did more than once, whether or not it was acknowledged."""
    kinds = Counter((event["subject"], event["type"]) for event in events)
    yield from (f"{given.command} {given.key}: {kind} {n} times" for (_, kind), n in kinds.items() if n > 1)
    versions = [event["subject_version"] for event in events]
    if given.service == "mutations" and versions and versions != list(range(versions[0], versions[0] + len(versions))):
        yield f"{given.command} {given.key}: versions {versions} in two goes"


def _broken(app: Application) -> Iterator[str]:
    if proofs.replayed(app) != proofs.cases(app):
        yield "the stored state of a case is not what its history says"
    verdict = verify_all(app)
    yield from (f"{fault['where']}: {fault['en']}" for fault in verdict["faults"])
    if verdict["pending"]:
        yield f"{verdict['pending']} events are not sealed"
