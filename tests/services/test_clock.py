"""A clock that jumps stops the timers until somebody answers for it, whoever looks and however often they restart."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection
from structlog.testing import capture_logs

from services import clock, mutations
from services.__main__ import main
from services.clock import DatabaseClock, Kept, Moment, business_clock
from services.config import Config
from services.db import Databases
from services.metrics import figures
from services.migrate import migrate
from tests.worlds import World, toy

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


class Process:
    """A process that looks at the clock; `fast` is how much the database's clock is ahead of the true time."""

    fast = timedelta(0)

    def __init__(self, databases: Databases):
        self.databases, self.clock = databases, Fast(self)

    def timers_fire(self) -> bool:
        with self.databases.reader("personnel").connect() as conn:
            return self.clock.timers_may_fire(conn, self.databases.writer("personnel"))

    def confirm(self, by: str) -> None:
        with self.databases.writer("personnel").begin() as conn:
            self.clock.confirm(conn, by)

    def move(self, by: timedelta) -> None:
        with self.databases.writer("personnel").begin() as conn:
            self.clock.move(conn, by)

    def kept(self) -> Kept:
        with self.databases.reader("personnel").connect() as conn:
            return clock.kept(conn)


class Fast(DatabaseClock):
    def __init__(self, process: Process):
        super().__init__()
        self.process = process

    def read(self, conn: Connection) -> Moment:
        return Moment(*(time + self.process.fast for time in super().read(conn)))


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def databases(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Databases]:
    sqlite = request.param == "sqlite"
    url = f"sqlite:///{tmp_path / 'imbang.db'}" if sqlite else request.getfixturevalue("postgres_url")
    made = Databases(Config(database_url=url))
    migrate(made, [toy("personnel")])
    yield made
    made.close()


@pytest.fixture
def process(databases: Databases) -> Process:
    """It has looked once."""
    made = Process(databases)
    assert made.timers_fire()
    return made


def jump(process: Process, by: timedelta) -> None:
    process.fast += by
    process.timers_fire()


def test_a_small_correction_stops_nothing(process: Process) -> None:
    for by in (0.9 * HOUR, -0.5 * HOUR, 0.9 * HOUR):
        process.fast += by
        assert process.timers_fire()


def test_a_jump_stops_the_timers_of_every_process_and_after_every_restart(
    process: Process, databases: Databases
) -> None:
    jump(process, 2 * HOUR)
    for each in (process, process, Process(databases), Process(databases)):
        each.fast = 2 * HOUR
        assert not each.timers_fire()


def test_the_jump_is_warned_of_once_by_each_process(process: Process) -> None:
    with capture_logs() as lines:
        for _ in range(3):
            jump(process, 2 * HOUR)
    assert [(line["event"], line["log_level"], line["remedy"]) for line in lines] == [
        ("timers stand still", "warning", "imbang clock --confirm")
    ]


def test_after_a_confirmation_timers_fire_and_the_operator_is_named(process: Process, databases: Databases) -> None:
    jump(process, 2 * HOUR)
    process.confirm("rahma")
    restarted = Process(databases)
    restarted.fast = process.fast
    assert process.timers_fire()
    assert restarted.timers_fire()
    assert (process.kept().stopped, process.kept().confirmed_by) == (None, "rahma")


def test_a_second_jump_after_a_confirmation_stops_them_again(process: Process) -> None:
    jump(process, 2 * HOUR)
    process.confirm("rahma")
    assert process.timers_fire()
    process.fast += 2 * HOUR
    assert not process.timers_fire()


def test_a_clock_that_is_put_back_needs_no_confirmation(process: Process, databases: Databases) -> None:
    jump(process, 2 * HOUR)
    restarted = Process(databases)
    assert restarted.timers_fire()
    process.fast = timedelta(0)
    assert process.timers_fire()


def test_a_server_that_was_off_over_the_weekend_goes_on(process: Process, databases: Databases) -> None:
    monday = Process(databases)
    monday.fast = 3 * DAY
    assert monday.timers_fire()


def test_an_offset_that_was_edited_while_all_was_off_is_a_jump(process: Process, databases: Databases) -> None:
    with databases.writer("personnel").begin() as conn:
        conn.execute(business_clock.update().values(offset_seconds=int(DAY.total_seconds())))
    assert not Process(databases).timers_fire()


def test_business_time_that_is_moved_on_purpose_is_no_jump(process: Process, databases: Databases) -> None:
    process.move(3 * DAY)
    assert process.timers_fire()
    assert Process(databases).timers_fire()


def test_the_last_look_is_written_down_once_a_minute(process: Process) -> None:
    first = process.kept().seen
    assert first is not None
    for _ in range(3):
        process.timers_fire()
    assert process.kept().seen == first
    process.fast += timedelta(minutes=1)
    process.timers_fire()
    seen = process.kept().seen
    assert seen is not None
    assert seen - first >= timedelta(minutes=1)


def test_the_command_shows_the_clock_and_lets_the_timers_go_on_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("IMBANG_DIRECTORY", str(tmp_path))
    main(["migrate"])
    engine = sa.create_engine(f"sqlite:///{tmp_path / 'imbang.db'}")
    with engine.begin() as conn:
        conn.execute(business_clock.update().values(stopped=business_clock.c.confirmed))
    engine.dispose()
    capsys.readouterr()
    assert main(["clock"]) == 0
    assert "stand still since the clock jumped to" in capsys.readouterr().out
    assert main(["clock", "--confirm", "--by", "rahma", "--json"]) == 0
    (told,) = json.loads(capsys.readouterr().out)
    assert (told["timers"], told["confirmed_by"], told["offset_seconds"]) == ("run", "rahma", 0)


def test_timers_that_stand_still_are_told_and_measured_but_keep_nobody_from_working(tmp_path: Path) -> None:
    world = World(f"sqlite:///{tmp_path / 'imbang.db'}", [mutations.SERVICE], [])
    ready = world.app.web.test_client().get
    assert (ready("/readyz").get_json()["told"], figures(world.app)["timers_stopped"]) == ({}, {"mutations": 0})
    with world.app.databases.writer("mutations").begin() as conn:
        conn.execute(business_clock.update().values(stopped=world.clock.now))
    answer = ready("/readyz")
    assert (answer.status_code, list(answer.get_json()["told"])) == (200, ["timers mutations"])
    assert figures(world.app)["timers_stopped"] == {"mutations": 1}
    world.close()
