"""The sample province goes in the way everything does: by commands, in batches, each remembered by its id."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import TypeVar

import msgspec
import sqlalchemy as sa

from deploy.sample.accounts import PASSWORD, accounts, accounts_text, employee_login
from deploy.sample.days import morning, move_clock, province
from deploy.sample.model import Province
from events import ids
from services.app import Application
from services.config import Misconfigured
from services.identity.models import Account
from services.optimizer.planning import SignAssessment
from services.personnel import SERVICE as PERSONNEL
from services.personnel import commands as personnel
from services.personnel.models import Unit
from services.service import Actor, Command
from services.workload import commands as workload

__all__ = ["PASSWORD", "accounts_text", "employee_login", "load", "load_once"]

BATCH = 500
T = TypeVar("T")


def load_once(app: Application, settle: Callable[[], object] | None = None) -> None:
    """Bring the sample in, on the morning of its day zero, unless it is there. An interrupted load goes on.

    `settle` waits until the services have heard of all; without it, this process alone tells them. Misconfigured when
    the database holds another government's data: everybody knows the password of the sample's accounts.
    """
    complete = sa.select(Account.id).where(Account.login == "operator")
    with app.databases.reader("identity").connect() as conn:
        if conn.scalar(complete) is not None:
            return
    if _is_foreign(app, province()):
        raise Misconfigured(
            "the database holds data that are not of the sample: leave out --demo and IMBANG_DEMO, "
            "or name an empty database by DATABASE_URL"
        )
    move_clock(app, morning(province().day_zero))
    settle = settle or app.runtime.drain
    load(app, province(), settle)
    sign_assessment(app, province())
    settle()


def load(app: Application, sample: Province, settle: Callable[[], object]) -> None:
    """Give the commands of each stage, and let the services hear of it before the next."""
    for service, stage in STAGES:
        commands = list(stage(sample))
        for n, data in enumerate(shown(commands, service)):
            app.committer.submit(service, Command(id=_command_id(sample, service, n), data=data))
        settle()


def _is_foreign(app: Application, sample: Province) -> bool:
    """Whether somebody registered units or opened accounts here before the sample's first command."""
    first = _command_id(sample, "personnel", 0)
    with app.databases.reader("identity").connect() as conn:
        used = conn.scalar(sa.select(sa.exists().where(Account.id.is_not(None))))
    with app.databases.reader("personnel").connect() as conn:
        used = used or conn.scalar(sa.select(sa.exists().where(Unit.id.is_not(None))))
        begun = conn.scalar(sa.select(sa.exists().where(PERSONNEL.inbox.claim.c.command_id == first)))
    return bool(used and not begun)


def _command_id(sample: Province, service: str, n: int) -> str:
    return ids.derived("sample", str(sample.seed), service, str(n))


def sign_assessment(app: Application, sample: Province) -> None:
    """The regional secretary signs the sample's impact assessment, without which nothing is proposed."""
    document = hashlib.sha256((Path(__file__).parent / "DPIA.md").read_bytes()).hexdigest()
    secretary = next(h.person for h in sample.holdings if h.office == "8200.pyb")
    data = SignAssessment(instansi="8200", document=document)
    command_id = ids.derived("sample assessment", document)
    app.committer.submit("optimizer", Command(id=command_id, data=data, actor=Actor("sample", secretary)))


def registrations(sample: Province) -> Iterator[msgspec.Struct]:
    """Structure, people, elected leaders, offices and their holders."""
    for units in batches(sample.units):
        yield personnel.RegisterUnits(units=units)
    for positions in batches(sample.positions):
        yield personnel.RegisterPositions(positions=positions)
    for people in batches(sample.people):
        new = [msgspec.convert(person, personnel.NewPerson, from_attributes=True) for person in people]
        yield personnel.RegisterPeople(people=new)
    leaders = [msgspec.convert(leader, personnel.NewOfficial, from_attributes=True) for leader in sample.officials]
    yield personnel.RegisterOfficials(officials=leaders)
    for offices in batches(sample.offices):
        yield personnel.EstablishOffices(offices=offices)
    for holders in batches(sample.holdings):
        yield personnel.AppointHolders(holders=holders)


def loads(sample: Province) -> Iterator[msgspec.Struct]:
    """Final workload analyses, and the reports of the week before day zero."""
    final = [
        workload.FinaliseAbk(
            unit=abk.unit,
            version=abk.version,
            wke=abk.wke,
            lines=[msgspec.convert(task, workload.AbkLine, from_attributes=True) for task in abk.tasks],
            signed_on=abk.signed_on,
        )
        for abk in sample.abk
        if abk.signed_on is not None
    ]
    for analyses in batches(final):
        yield workload.FinaliseAbks(analyses=analyses)
    for reports in batches(sample.reports):
        yield workload.SubmitReports(
            reports=[
                workload.SubmitReport(
                    unit=report.unit,
                    period_from=report.period_from,
                    period_to=report.period_to,
                    lines=[workload.Counted(task=task, volume=count) for task, count in report.counts.items()],
                    absent_days=report.absent_days,
                )
                for report in reports
            ]
        )


#: Which service takes which commands, in this order: a later stage rests on what an earlier one told.
STAGES: Sequence[tuple[str, Callable[[Province], Iterable[msgspec.Struct]]]] = (
    ("personnel", registrations),
    ("workload", loads),
    ("identity", accounts),
)


def batches(items: Iterable[T]) -> Iterator[list[T]]:
    rest = iter(items)
    while batch := list(islice(rest, BATCH)):
        yield batch


def shown(items: Sequence[T], what: str) -> Iterator[T]:
    """The items, with a bar on the terminal that fills as they are done; where there is no terminal, silently."""
    for done, item in enumerate(items, start=1):
        yield item
        if sys.stderr.isatty():
            filled = 30 * done // len(items)
            end = "\n" if done == len(items) else ""
            print(f"\r{what:10} {'█' * filled:░<30} {done}/{len(items)}", end=end, file=sys.stderr, flush=True)
