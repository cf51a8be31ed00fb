"""The library `eventsourcing`: an aggregate for each case, saved with each message. Its stored events are the record,
its notification log is the outbox; the ids of the messages that were taken are kept in the aggregate.
"""

from __future__ import annotations

import os
import sys
from urllib.parse import urlsplit
from uuid import NAMESPACE_URL, UUID, uuid5

from eventsourcing.application import AggregateNotFoundError, Application
from eventsourcing.domain import Aggregate, event

from tests.bench.peers.protocol import ANSWERS, Message, Program, after, case_of, serve, step_of


class Transfer(Aggregate):
    @event("Drafted")
    def __init__(self, case: str, message: Message):
        self.case, self.state, self.agreed, self.seen = case, "proposed", [], [message["id"]]

    @staticmethod
    def create_id(case: str) -> UUID:
        return uuid5(NAMESPACE_URL, f"/transfer/{case}")

    @event("Stepped")
    def step(self, message: Message) -> None:
        step = step_of(message)
        if step in ANSWERS:
            self.agreed.append(step)
        self.state = after(self.state, step, set(self.agreed))
        self.seen.append(message["id"])


class Transfers(Application):
    pass


class Aggregates(Program):
    def __init__(self, url: str):
        at = urlsplit(url)
        os.environ |= {
            "PERSISTENCE_MODULE": "eventsourcing.postgres",
            "POSTGRES_DBNAME": at.path.removeprefix("/"),
            "POSTGRES_HOST": str(at.hostname),
            "POSTGRES_PORT": str(at.port),
            "POSTGRES_USER": str(at.username),
            "POSTGRES_PASSWORD": str(at.password),
        }
        self.application = Transfers()

    def give(self, message: Message) -> None:
        case = case_of(message)
        try:
            transfer = self.application.repository.get(Transfer.create_id(case))
        except AggregateNotFoundError:
            transfer = Transfer(case=case, message=message)
        else:
            if message["id"] in transfer.seen:
                return
            transfer.step(message)
        self.application.save(transfer)

    def finished(self) -> int:
        stored = self.application.recorder.select_notifications(start=1, limit=1_000_000)
        cases = {notification.originator_id for notification in stored}
        open_ = [case for case in cases if self.application.repository.get(case).state != "placed"]
        if open_ or len(stored) != 6 * len(cases):
            raise AssertionError(f"{len(cases)} cases, {len(open_)} open, {len(stored)} events")
        return len(cases)

    def close(self) -> None:
        self.application.close()


if __name__ == "__main__":
    serve(lambda: Aggregates(sys.argv[1]))
