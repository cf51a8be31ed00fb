"""A small town served by real processes, and officials who draft cases there over HTTP without ever asking twice."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from deploy.cluster import GROUPS, FrontDoor, Instance
from deploy.daemon import wait_until
from deploy.native import free_ports
from events import ids
from services import mutations
from services.app import NAMES, Application, build
from services.auth import User, issue
from services.config import Config, driver
from tests.crowd import Answer, Crowd, Request, closed_loop
from tests.scenarios import proofs
from tests.town import COUNTER, PERSON

ROOT = Path(__file__).parents[2]
SECRET, ACCOUNT = "for tests only", "account-officer"
POPULATE = "import sys; from tests.town import town; town(sys.argv[1]).close()"


def populate(url: str, code: Path = ROOT) -> None:
    """Migrate the database and bring the town into it, by this code."""
    told = [sys.executable, "-W", "ignore", "-c", POPULATE, driver(url)]
    subprocess.run(told, cwd=code, env=os.environ | {"PYTHONPATH": str(code)}, check=True)


class Process(Instance):
    """All services in one process, as this code has them."""

    def __init__(self, directory: Path, url: str, port: int, code: Path = ROOT) -> None:
        super().__init__(directory, port, NAMES, {"DATABASE_URL": url, "IMBANG_SECRET_KEY": SECRET})
        self.environment["PYTHONPATH"] = str(code)
        self.environment["IMBANG_DIRECTORY"] = str(directory.parent)  # the key of the audit log is for all


def processes(directory: Path, url: str, code: Path) -> tuple[list[Process], FrontDoor]:
    """Two that share the work, and the door in front of them; none of the three runs yet."""
    *ports, front = free_ports(3)
    both = [Process(directory / f"all-{n}", url, port, code) for n, port in enumerate(ports, start=1)]
    return both, FrontDoor(
        directory / "nginx", front, {group: [process.address for process in both] for group in GROUPS}
    )


def observer(url: str, directory: Path) -> Application:
    """The same stores, looked at from here."""
    return build(Config(database_url=driver(url), secret_key=SECRET, directory=directory))


class Office:
    """The officer's programs: endless drafts, and looks at the inbox."""

    def __init__(self, app: Application) -> None:
        self.app = app
        with app.web.app_context():
            self.token = issue(User(ACCOUNT, PERSON["officer"], "officer", (), time.time()))
        start = date.today() + timedelta(days=60)
        draft = {"person": PERSON["ana"], "to_position": f"{COUNTER}.p", "mode": "temporary", "origin": "opd"}
        self.body = json.dumps(draft | {"start": f"{start}", "until": f"{start + timedelta(days=80)}"}).encode()

    def drafts(self) -> Iterator[Request]:
        while True:
            yield Request.make("/api/mutations/", self.token, self.body, ids.new())

    def looks(self, path: str = "/api/mutations/inbox") -> Iterator[Request]:
        while True:
            yield Request.make(path, self.token)

    def opens(self, port: int) -> None:
        """Wait until a first draft is taken: a process that has just started must hear of the offices first."""

        async def taken() -> bool:
            crowd = Crowd(port)
            answer = await crowd.ask(next(self.drafts()))
            await crowd.close()
            return answer.status == 201

        assert wait_until(lambda: asyncio.run(taken()), 60, every=0.2)

    def effects(self, answers: Sequence[Answer]) -> Counter[int]:
        """How many of these commands are so many times in the histories."""
        causes = Counter(str(row["causation"]) for row in proofs.rows(self.app, mutations.SERVICE.outbox.event))
        return Counter(causes[ids.derived("http", ACCOUNT, "mutations", answer.key)] for answer in answers)


@dataclass(frozen=True)
class Seen:
    """What clients were answered while something happened."""

    drafts: list[Answer]
    looks: list[Answer]

    def faults(self) -> list[str]:
        """What no client should have seen."""
        wrong = [a for a in self.drafts if a.status != 201] + [a for a in self.looks if a.status != 200]
        return [a.fault or f"{a.status} {a.body.decode()}" for a in wrong]


def working(office: Office, port: int, happens: Callable[[], None], clients: int = 4) -> Seen:
    """What clients see who draft and look without a pause while it happens; raises what it raises."""

    async def run() -> Seen:
        crowd = Crowd(port)
        happening = asyncio.create_task(asyncio.to_thread(happens))

        def going() -> bool:
            return not happening.done()

        drafts, looks = await asyncio.gather(
            closed_loop(crowd, clients, office.drafts(), going), closed_loop(crowd, 1, office.looks(), going)
        )
        await crowd.close()
        await happening
        return Seen(drafts, looks)

    return asyncio.run(run())
