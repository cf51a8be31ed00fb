"""DBOS, a workflow for each case, which waits for its messages. As its documentation recommends: the id of the workflow
is that of the case, messages carry idempotency keys, and what a step writes is one transaction of a datasource.
"""

from __future__ import annotations

import sys
import threading

from dbos import DBOS, SetWorkflowID, SQLAlchemyDatasource

from tests.bench.peers import rows
from tests.bench.peers.protocol import ANSWERS, Message, Program, at_once, by_case, case_of, serve, step_of

#: Cases at a time; 1, 4, 16 and 32 were tried, this was the quickest.
AT_ONCE = 16
HOUR = 3600


class Cases(Program):
    def __init__(self, url: str):
        self.engine = rows.engine(url)
        config = {"name": "peer", "system_database_url": url, "log_level": "ERROR", "sys_db_pool_size": 20}
        DBOS(config={**config, "executor_id": "peer", "application_version": "1"})
        source = SQLAlchemyDatasource.create(rows.driver(url), {"pool_size": 20})
        waiting: dict[str, threading.Event] = {}

        @source.transaction(isolation_level="READ COMMITTED")
        def record(message: Message, state: str, version: int) -> None:
            rows.write(source.sql_session(), message, state, version)

        def step(message: Message, state: str, version: int) -> None:
            record(message, state, version)
            if done := waiting.pop(message["id"], None):
                done.set()

        @DBOS.workflow()
        def transfer(draft: Message) -> None:
            step(draft, "proposed", 1)
            step(DBOS.recv("submit", HOUR), "consulted", 2)
            agreed: set[str] = set()
            while len(agreed) < len(ANSWERS):
                answer = DBOS.recv("answer", HOUR)
                agreed.add(step_of(answer))
                step(answer, "agreed" if len(agreed) == len(ANSWERS) else "consulted", 2 + len(agreed))
            step(DBOS.recv("sign", HOUR), "placed", 6)

        self.transfer, self.waiting = transfer, waiting
        DBOS.launch()

    def take(self, messages: list[Message]) -> None:
        at_once(by_case(messages), AT_ONCE, self._whole)

    def _whole(self, messages: list[Message]) -> None:
        handles = [handle for message in messages if (handle := self._hand_over(message))]
        for handle in handles:
            handle.get_result()

    def give(self, message: Message) -> None:
        self.waiting[message["id"]] = done = threading.Event()
        self._hand_over(message)
        done.wait()

    def _hand_over(self, message: Message):
        step = step_of(message)
        if step == "draft":
            with SetWorkflowID(case_of(message)):
                return DBOS.start_workflow(self.transfer, message)
        DBOS.send(case_of(message), message, "answer" if step in ANSWERS else step, idempotency_key=message["id"])
        return None

    def finished(self) -> int:
        return rows.finished(self.engine)

    def close(self) -> None:
        DBOS.destroy()


if __name__ == "__main__":
    serve(lambda: Cases(sys.argv[1]))
