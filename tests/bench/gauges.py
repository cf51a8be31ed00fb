"""What a stretch of work cost: time, CPU of this process and of the database, bytes of its log, bytes it keeps."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Reading:
    """One measurement. `waits`: how long each step, or each batch, took, in seconds."""

    steps: int
    seconds: float
    python: float
    database: float
    wal_bytes: int
    waits: Sequence[float] = field(repr=False)

    @property
    def rate(self) -> float:
        """Steps a second."""
        return self.steps / self.seconds

    @property
    def cpu(self) -> float:
        """CPU microseconds a step, Python and database."""
        return (self.python + self.database) / self.steps * 1e6

    def quantile(self, share: float) -> float:
        """Of the waits, in milliseconds: 0.5 is the median."""
        return quantile(self.waits, share) * 1e3


class Gauge:
    """Measures work of this process on a PostgreSQL cluster, known by its first process."""

    def __init__(self, postmaster: int, url: str):
        self.postmaster = postmaster
        self.conn = psycopg.connect(url, autocommit=True)
        self.server_version = self.conn.info.parameter_status("server_version")

    def measure(self, steps: int, work: Callable[[], Sequence[float]]) -> Reading:
        """Do the work and read what it cost; it returns how long its steps took."""
        wal, database, python, began = self._wal(), self._database(), time.process_time(), time.perf_counter()
        waits = work()
        seconds, python = time.perf_counter() - began, time.process_time() - python
        return Reading(steps, seconds, python, self._database() - database, self._wal() - wal, waits)

    def stored(self, url: str) -> int:
        """Bytes of all tables of a database, with their indexes."""
        sizes = "SELECT sum(pg_total_relation_size(oid)) FROM pg_class WHERE relkind = 'r' AND oid >= 16384"
        with psycopg.connect(url) as conn:
            row = conn.execute(sizes).fetchone()
        assert row is not None
        return int(row[0])

    def close(self) -> None:
        self.conn.close()

    def _wal(self) -> int:
        row = self.conn.execute("SELECT pg_current_wal_lsn() - '0/0'::pg_lsn").fetchone()
        assert row is not None
        return int(row[0])

    def _database(self) -> float:
        """CPU seconds of the cluster so far."""
        return cpu_ticks(self.postmaster) / TICKS


def cpu_ticks(pid: int) -> int:
    """CPU of a process so far, of its children, and of those that have ended."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return _ticks(pid, ended=True) + sum(_ticks(int(c)) for c in children)


def _ticks(pid: int, ended: bool = False) -> int:
    """User and system time of a process, with `ended` also that of the children it has outlived (man 5 proc)."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return sum(map(int, fields[11:15] if ended else fields[11:13]))


def quantile(found: Sequence[float], share: float) -> float:
    """Of what was found: the value that this share of them does not exceed."""
    return sorted(found)[min(len(found) - 1, int(share * len(found)))]


def ratio(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """The median of the ratios within a round: what slows a whole round slows both."""
    return statistics.median(a / b for a, b in zip(ours, theirs, strict=True))
