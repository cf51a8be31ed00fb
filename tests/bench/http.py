"""The area `http`: durable commands of the case flow over HTTP, against an empty Flask route on the same server.

Sixteen clients in a process of their own, each on a kept connection and waiting for its answer. The programs that act
have signed in with their API keys; every command is validated, authorised and on disk when it is answered. Not counted:
the signing in.
"""

from __future__ import annotations

import json
import os
import statistics
import urllib.request
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import sqlalchemy as sa

from deploy.native import free_ports
from events import ids
from services import identity, mutations
from services.app import Application, assemble
from services.batch import Batch
from services.config import EMBEDDED_LOG
from services.db import Databases
from services.identity import credentials
from services.identity.commands import IssueKey, OpenAccount
from services.mutations.api import INTERNAL
from services.service import Command
from tests.bench import flow
from tests.bench.clients import Asked, apart
from tests.bench.door import Door
from tests.bench.gauges import ratio
from tests.bench.report import Goal
from tests.bench.stage import Told, fresh, settings, settle, staged

CLIENTS = 16
#: Empty requests for each command: they are quicker.
MORE = 3
SERVICES = (identity.SERVICE, mutations.SERVICE)


class Program:
    """An account that signs in with an API key: who it is, and its token."""

    def __init__(self, account: str, token: str):
        self.account, self.token = account, token


class Web:
    """The two doors, and the programs that have signed in at the real one."""

    def __init__(self, directory: Path, url: str, people: int):
        self.config = config = settings(url, EMBEDDED_LOG, directory)
        settle(config, SERVICES, people)
        told = {"DATABASE_URL": url, "IMBANG_SECRET_KEY": config.secret_key}
        told["IMBANG_SERVICES"] = ",".join(s.name for s in SERVICES)
        ports = free_ports(2)
        self.real, self.empty = (
            Door(directory / kind, port, kind, told) for kind, port in zip(("real", "empty"), ports, strict=True)
        )
        app = assemble(config, services=SERVICES)
        self._keys = _keys(app, ["officer", "sekda", *map(flow.person, range(people)), *_heads()])
        app.runtime.stop()
        self.programs: dict[str, Program] = {}
        for door in (self.real, self.empty):
            door.start()

    def commands(self, sent: Iterable[bytes]) -> list[str]:
        """Messages of the flow as requests; the id of a case follows from the key of its draft."""
        cases: dict[str, str] = {}
        requests = []
        for raw in sent:
            message = flow.decoded(raw)
            command, author = message.command, self._signed_in(message.person)
            name = str(command.__struct_config__.tag)
            if name == "draft":
                cases[command.mutation] = ids.derived("draft", author.account, message.id)
            path = "" if name == "draft" else f"{cases[command.mutation]}/{name}"
            fields = {k: v for k, v in msgspec.to_builtins(command).items() if k not in {"command", *INTERNAL}}
            told = {"Authorization": f"Bearer {author.token}", "Idempotency-Key": message.id}
            requests.append(_request(f"/api/mutations/{path}", fields, told))
        return requests

    def give(self, parts: Sequence[Sequence[str]]) -> Asked:
        """Let a client give each part of the commands."""
        with fresh(self.config):
            return apart(self.real.port, parts)

    def _signed_in(self, person: str) -> Program:
        if person not in self.programs:
            account, key = self._keys[person]
            asked = urllib.request.Request(
                f"http://127.0.0.1:{self.real.port}/api/identity/tokens",
                json.dumps({"key": key}).encode(),
                {"Content-Type": "application/json"},
            )
            with urllib.request.urlopen(asked) as answer:
                self.programs[person] = Program(account, json.load(answer)["token"])
        return self.programs[person]

    def finished(self) -> int:
        """How many cases went all the way."""
        placed = "SELECT count(*) FROM mutations_case WHERE state = 'PLACED' AND version = 6"
        databases = Databases(self.config)
        with databases.reader(mutations.SERVICE.name).connect() as conn:
            found = conn.scalar(sa.text(placed)) or 0
        databases.close()
        return found

    def close(self) -> None:
        for door in (self.real, self.empty):
            door.kill()


def measure(cases: int, rounds: int, told: Told) -> dict[str, Any]:
    """The area `http` of bench.json; `cases` of a round, shared out among the clients."""
    each = max(1, cases // CLIENTS)
    with staged() as stage:
        web = Web(stage.directory, stage.database("http"), each * CLIENTS * (rounds + 1))
        try:
            answered, empty = _rounds(web, each, rounds, told)
        finally:
            web.close()
    return figures(answered, empty)


def _rounds(web: Web, each: int, rounds: int, told: Told) -> tuple[list[Asked], list[Asked]]:
    """Each client has cases of its own. The first round is not counted."""
    answered, empty = [], []
    for number in range(rounds + 1):
        told(f"round {number} of {rounds}")
        first = number * each * CLIENTS
        parts = [web.commands(flow.messages(each, first + client * each)) for client in range(CLIENTS)]
        empties = [nothing(MORE * len(part)) for part in parts]
        answered.append(web.give(parts))
        empty.append(apart(web.empty.port, empties))
    done, wanted = web.finished(), each * CLIENTS * (rounds + 1)
    if done != wanted:
        raise AssertionError(f"{done} cases finished, not {wanted}")
    return answered[1:], empty[1:]


def figures(answered: Sequence[Asked], empty: Sequence[Asked]) -> dict[str, Any]:
    def middle(of: Callable[[Asked], float], among: Sequence[Asked]) -> float:
        return round(statistics.median(map(of, among)), 2)

    share = ratio([a.rate for a in answered], [e.rate for e in empty])
    goal = Goal("durable commands over HTTP ÷ an empty route", share, least=0.33, stretch=0.5)
    return {
        "http_commands_per_s": middle(lambda a: a.rate, answered),
        "http_empty_per_s": middle(lambda a: a.rate, empty),
        "share": round(share, 3),
        "latency_ms": {
            "p50": middle(lambda a: a.quantile(0.5), answered),
            "p99": middle(lambda a: a.quantile(0.99), answered),
        },
        "clients_cpu_us": {
            "command": middle(lambda a: a.cpu / len(a.waits) * 1e6, answered),
            "empty": middle(lambda a: a.cpu / len(a.waits) * 1e6, empty),
        },
        "goals": [goal.facts()],
        "conditions": {
            "rounds": len(answered),
            "commands_a_round": len(answered[0].waits),
            "clients": CLIENTS,
            "cores": os.cpu_count(),
            "load_average": round(os.getloadavg()[0], 1),
        },
    }


def nothing(times: int, path: str = "/") -> list[str]:
    """Requests without content, with headers as a command's."""
    return [_request(path, {}, {})] * times


def _heads() -> list[str]:
    return [f"head-{number:03d}" for number in range(flow.AGENCIES)]


def _request(path: str, body: dict[str, Any], headers: dict[str, str]) -> str:
    text = json.dumps(body)
    told = {"Host": "127.0.0.1", "Content-Type": "application/json", "Content-Length": str(len(text)), **headers}
    return f"POST {path} HTTP/1.1\r\n" + "".join(f"{k}: {v}\r\n" for k, v in told.items()) + f"\r\n{text}"


def _keys(app: Application, people: Sequence[str]) -> dict[str, tuple[str, str]]:
    """An account with an API key for each: account, key."""
    opened = _run(app, [OpenAccount(login=f"program-{who}", label=who, person=who) for who in people])
    accounts = [answer["account"] for answer in opened]
    keys = [credentials.new_key() for _ in people]
    issued = zip(accounts, keys, strict=True)
    _run(app, [IssueKey(account=a, key=k.id, label="benchmark", secret_hash=k.secret_hash) for a, k in issued])
    return {who: (a, k.text) for who, a, k in zip(people, accounts, keys, strict=True)}


def _run(app: Application, asked: Sequence[msgspec.Struct]) -> list[Any]:
    commands = [Command(id=ids.new(), data=data) for data in asked]
    answers = app.committer.run(identity.SERVICE, Batch(commands=commands))
    return [answers[command.id] for command in commands]
