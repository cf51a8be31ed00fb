"""Statements to PostgreSQL over libpq itself: prepared once a connection, sent together, answered together.

A statement costs Python 50 µs in psycopg's pipeline and 3 µs here, which is most of a small batch. Only `bulk` uses it,
on the connection and in the transaction of SQLAlchemy; psycopg's interface to libpq is `psycopg.pq`.
"""

from __future__ import annotations

import itertools
import select
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import psycopg
from psycopg import pq
from psycopg.adapt import Transformer
from psycopg.errors import error_from_result

#: Binary, of parameters and of results.
BINARY = 1
#: Bytes of parameters that are not kept back: sooner would cost a call of the system for each statement, and later the
#: server would have nothing to do while Python prepares the rest of a small batch.
MUCH = 1_000

Row = tuple[Any, ...]
#: A statement, its parameters, and who waits for the answer.
Asked = tuple[str, Sequence[bytes | None], "Reply"]


class Reply:
    """What a statement will have returned."""

    def __init__(self, wire: Wire):
        self._wire = wire
        self.result: pq.abc.PGresult | None = None

    def rows(self) -> list[Row]:
        """The rows; sends what is still held back."""
        if self.result is None:
            self._wire.send()
        assert self.result is not None
        return self._wire.rows(self.result)


class Wire:
    """One connection. While `held`, statements are kept until somebody looks at an answer, or `send`; much of them
    is handed over at once, so that the server works while Python prepares the rest.
    """

    def __init__(self, connection: psycopg.Connection[Any]):
        self._connection, self._pg = connection, connection.pgconn
        self._names: dict[str, bytes] = {}
        self._numbers = itertools.count()
        self._kept: list[Asked] = []
        self._size = 0
        #: Whose answers are to come: a reply's, a statement's that is prepared, or BEGIN's.
        self._awaited: list[Reply | str | None] = []
        self._transformer = Transformer(connection)
        self.held = False

    @property
    def closed(self) -> bool:
        return bool(self._pg.status == pq.ConnStatus.BAD)

    def ask(self, statement: str, parameters: Sequence[bytes | None] = ()) -> Reply:
        """A statement with parameters $1, $2, … in binary. Errors show when it is sent."""
        reply = Reply(self)
        self._kept.append((statement, parameters, reply))
        self._size += sum(len(parameter) for parameter in parameters if parameter)
        if not self.held:
            self.send()
        elif self._size > MUCH:
            self._hand_over()
        return reply

    def forget(self) -> None:
        """Leave unsaid what is held back, and unheard what comes of what was handed over."""
        self._kept.clear()
        if self._awaited:
            with suppress(psycopg.Error):
                self.send()

    def send(self) -> None:
        """Send what is kept, in order, and wait for all answers. Raises psycopg's error for the first that failed."""
        if not self._kept and not self._awaited:
            return
        self._hand_over()
        awaited, self._awaited = self._awaited, []
        with self._whole():
            self._pg.pipeline_sync()
            results = self._answers()
            self._pg.exit_pipeline_mode()
        failed = None
        for whose, result in zip(awaited, results, strict=True):
            if isinstance(whose, Reply):
                whose.result = result
            if result.status in (pq.ExecStatus.FATAL_ERROR, pq.ExecStatus.PIPELINE_ABORTED):
                failed = failed or result
                if isinstance(whose, str):
                    del self._names[whose]
        if failed is not None:
            raise error_from_result(failed, encoding="utf-8")

    def rows(self, result: pq.abc.PGresult) -> list[Row]:
        """The rows of a result as Python's values."""
        self._transformer.set_pgresult(result)
        return self._transformer.load_rows(0, result.ntuples, tuple)

    def _hand_over(self) -> None:
        """Give what is kept to libpq, which sends it as far as the server takes it."""
        kept, self._kept, self._size, awaited = self._kept, [], 0, self._awaited
        with self._whole():
            if not awaited:
                begins = self._pg.transaction_status == pq.TransactionStatus.IDLE
                self._pg.enter_pipeline_mode()
                if begins:
                    self._pg.send_query_params(b"BEGIN", None)
                    awaited.append(None)
            for statement, parameters, reply in kept:
                name = self._names.get(statement)
                if name is None:
                    name = self._names[statement] = f"wire_{next(self._numbers)}".encode()
                    self._pg.send_prepare(name, statement.encode())
                    awaited.append(statement)
                self._pg.send_query_prepared(name, parameters, [BINARY] * len(parameters), BINARY)
                awaited.append(reply)
            self._pg.flush()

    @contextmanager
    def _whole(self) -> Iterator[None]:
        """A conversation that is broken off in the middle leaves a connection of no use."""
        try:
            yield
        except BaseException:
            self._awaited = []
            self._connection.close()
            raise

    def _answers(self) -> list[pq.abc.PGresult]:
        """One result for each statement, in order."""
        pg, ready = self._pg, select.poll()
        results: list[pq.abc.PGresult] = []
        while True:
            while (unsent := pg.flush()) or pg.is_busy():
                ready.register(pg.socket, select.POLLIN | (select.POLLOUT if unsent else 0))
                ready.poll()
                pg.consume_input()
            result = pg.get_result()
            if result is None:  # the end of one statement's
                if pg.status == pq.ConnStatus.BAD:
                    raise psycopg.OperationalError(pg.get_error_message())
                continue
            if result.status == pq.ExecStatus.PIPELINE_SYNC:
                return results
            results.append(result)
