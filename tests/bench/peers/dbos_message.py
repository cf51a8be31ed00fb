"""DBOS, a short workflow for each message, as its consumer of Kafka has it: the cheapest form that was found. It gives
up the long-lived workflow that waits for the next message.
"""

from __future__ import annotations

import sys

import sqlalchemy as sa
from dbos import DBOS, SetWorkflowID, SQLAlchemyDatasource

from tests.bench.peers import rows
from tests.bench.peers.protocol import ANSWERS, Message, Program, after, at_once, by_case, case_of, serve, step_of

AT_ONCE = 8


class Messages(Program):
    def __init__(self, url: str):
        self.engine: sa.Engine = rows.engine(url)
        config = {"name": "peer", "system_database_url": url, "log_level": "ERROR"}
        DBOS(config={**config, "executor_id": "peer", "application_version": "1"})
        source = SQLAlchemyDatasource.create(rows.driver(url), {"pool_size": 20})

        @source.transaction(isolation_level="READ COMMITTED")
        def record(message: Message) -> None:
            session, step = source.sql_session(), step_of(message)
            row = session.execute(rows.READ, {"id": case_of(message)}).first()
            before, known, version = (row.state, row.agreed, row.version) if row else ("new", "", 0)
            agreed = {*filter(None, known.split(",")), *({step} & set(ANSWERS))}
            state = after(before, step, agreed)
            rows.write(session, message, state, version + 1, ",".join(sorted(agreed)))

        @DBOS.workflow()
        def on_message(message: Message) -> None:
            record(message)

        self.on_message = on_message
        DBOS.launch()

    def take(self, messages: list[Message]) -> None:
        at_once(by_case(messages), AT_ONCE, lambda case: [self.give(message) for message in case])

    def give(self, message: Message) -> None:
        with SetWorkflowID(message["id"]):
            self.on_message(message)

    def finished(self) -> int:
        return rows.finished(self.engine)

    def close(self) -> None:
        DBOS.destroy()


if __name__ == "__main__":
    serve(lambda: Messages(sys.argv[1]))
