"""Backups that must not be trusted, and places that must not be overwritten, are refused in one line."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa

from events import ids
from services import dump, mutations
from services.__main__ import main
from services.audit import key
from services.batch import AnswerLost
from services.config import Config
from services.dump import ToolFailed
from services.mutations.execute import Act
from services.service import Command
from tests.town import acting, drafted, give, town
from workflow import commands as cmd

Run = Callable[..., int]


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a system with a small town."""
    home = tmp_path_factory.mktemp("original")
    world = town(f"sqlite:///{home / 'imbang.db'}", directory=home)
    give(acting(world, "officer"), "/api/mutations/", drafted())
    world.drain()
    world.close()
    key.signer(Config(directory=home))
    return home


@pytest.fixture
def run(original: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs `imbang` in a folder, with the keys of the original unless told otherwise."""

    def imbang(home: Path, *words: str, **settings: str) -> int:
        told = {"IMBANG_DIRECTORY": str(home), "IMBANG_SECRET_KEY": "for tests only"}
        told |= {"IMBANG_AUDIT_KEY": str(original / "audit-key.pem")}
        with monkeypatch.context() as environment:
            for name, value in (told | settings).items():
                environment.setenv(name, value)
            return main(list(words))

    return imbang


@pytest.fixture
def backup(original: Path, run: Run, tmp_path: Path) -> Path:
    assert run(original, "backup", str(tmp_path / "backup")) == 0
    return tmp_path / "backup"


def tables(file: Path) -> dict[str, list[tuple[object, ...]]]:
    """All rows of a SQLite file."""
    with closing(sqlite3.connect(file)) as conn:
        names = [name for (name,) in conn.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {name: sorted(conn.execute(f'SELECT * FROM "{name}"'), key=repr) for name in names}


def test_a_restore_gives_every_row_of_every_table(original: Path, backup: Path, run: Run, tmp_path: Path) -> None:
    assert run(tmp_path / "new", "restore", str(backup)) == 0
    before, after = tables(original / "imbang.db"), tables(tmp_path / "new" / "imbang.db")
    # The verification signs the head, and the migration counts rows for the planner.
    signed = {"audit_checkpoint", "audit_claim", "audit_job", "sqlite_stat1"}
    assert {name: rows for name, rows in after.items() if name not in signed} == {
        name: rows for name, rows in before.items() if name not in signed
    }


def test_a_backup_says_what_it_holds(original: Path, backup: Path, run: Run, tmp_path: Path) -> None:
    told = json.loads((backup / "manifest.json").read_text())
    (copy,) = told["databases"]
    assert (copy["kind"], copy["bytes"]) == ("sqlite", (backup / copy["file"]).stat().st_size)
    assert copy["services"]["mutations"]["events"] == 1
    assert copy["services"]["audit"]["read_to"]["mutation/0"] == copy["log_ends"]["mutation/0"] == 1
    secrets = ("for tests only", (original / "audit-key.pem").read_text().splitlines()[1])
    assert not any(secret in (backup / "manifest.json").read_text() for secret in secrets)
    assert (backup.stat().st_mode & 0o777) == 0o700


def test_what_was_deleted_is_not_in_a_backup(original: Path, run: Run, tmp_path: Path) -> None:
    secret = b"a key that was destroyed, as its person asked"
    with closing(sqlite3.connect(original / "imbang.db")) as conn:
        conn.execute("INSERT INTO personnel_key VALUES ('gone', ?)", (secret,))
        conn.commit()
        conn.execute("DELETE FROM personnel_key WHERE person = 'gone'")
        conn.commit()
    assert run(original, "backup", str(tmp_path / "backup")) == 0
    assert secret not in (tmp_path / "backup" / "database-1.db").read_bytes()


def test_a_backup_overwrites_nothing(
    original: Path, backup: Path, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (backup / "manifest.json").read_bytes()
    assert run(original, "backup", str(backup)) == 2
    assert "nothing is overwritten" in capsys.readouterr().err
    assert (backup / "manifest.json").read_bytes() == before


def test_a_backup_of_nothing_is_refused(run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(tmp_path, "backup", str(tmp_path / "backup")) == 2
    assert "imbang.db" in capsys.readouterr().err
    assert not (tmp_path / "imbang.db").exists()


def cut(backup: Path) -> None:
    (backup / "manifest.json").unlink()


def alter(backup: Path) -> None:
    with (backup / "database-1.db").open("r+b") as file:
        file.seek(5000)
        file.write(b"x")


def lose(backup: Path) -> None:
    (backup / "database-1.db").unlink()


def garble(backup: Path) -> None:
    (backup / "manifest.json").write_text('{"made_at": 1}')


def make_newer(backup: Path) -> None:
    path = backup / "manifest.json"
    path.write_text(path.read_text().replace('"revision": "0003"', '"revision": "9999"'))


def make_distributed(backup: Path) -> None:
    path = backup / "manifest.json"
    path.write_text(path.read_text().replace('"log": "database"', '"log": "kafka"'))


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (cut, "holds no whole backup"),
        (alter, "was altered since the backup"),
        (lose, "database-1.db: No such file"),
        (garble, "manifest.json"),
        (make_newer, "of a newer release"),
        (make_distributed, "EVENT_LOG_URL names one in database"),
    ],
)
def test_a_backup_that_is_not_what_it_says_is_not_restored(
    fault: Callable[[Path], None], said: str, backup: Path, run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fault(backup)
    assert run(tmp_path / "new", "restore", str(backup)) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "new" / "imbang.db").exists()


def test_a_place_that_holds_something_is_not_restored_into(
    backup: Path, run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "imbang.db").write_bytes(b"somebody's")
    assert run(tmp_path / "new", "restore", str(backup)) == 2
    assert "an empty place" in capsys.readouterr().err
    assert (tmp_path / "new" / "imbang.db").read_bytes() == b"somebody's"


def test_other_keys_are_noticed_unless_the_old_ones_are_lost(
    backup: Path, run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    new = tmp_path / "new"
    assert run(new, "restore", str(backup), IMBANG_SECRET_KEY="another") == 2
    assert "IMBANG_SECRET_KEY is not the key" in capsys.readouterr().err
    assert not (new / "imbang.db").exists()
    assert run(new, "restore", str(backup), "--other-keys", IMBANG_SECRET_KEY="another") == 0


def test_a_program_that_is_missing_is_named_with_what_to_install() -> None:
    with pytest.raises(ToolFailed, match="install the client programs of PostgreSQL 99"):
        dump._find("pg_nothing", 99)


def test_in_one_database_there_is_nothing_to_reconcile(
    original: Path, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(original, "restore", "--reconcile", "--json") == 0
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (told["taken_back"], told["lost"], told["next"]) == ([], [], ["start the services"])
    assert run(original, "restore") == 2


def test_a_repeat_of_a_command_known_by_its_events_alone_is_told_so(tmp_path: Path) -> None:
    world = town(f"sqlite:///{tmp_path / 'imbang.db'}")
    officer, pressed = acting(world, "officer"), ids.new()
    withdraw = cmd.Withdraw(mutation=ids.new(), reason_class="need_gone")
    claim = mutations.SERVICE.inbox.claim
    known = ids.derived("http", "account-officer", "mutations", pressed)
    for n, (answer, status) in enumerate(((b'{"mutation":"m","version":1,"state":"DRAFT"}', 201), (None, 409))):
        with world.app.databases.writer("mutations").begin() as conn:
            conn.execute(sa.delete(claim))
            conn.execute(
                sa.insert(claim), [{"command_id": known, "fingerprint": b"", "answer": answer, "at": world.clock.now}]
            )
        reply = give(officer, "/api/mutations/", drafted(), pressed)
        assert reply.status_code == status, n
    with pytest.raises(AnswerLost):
        world.app.committer.submit("mutations", Command(id=known, data=Act(command=withdraw), fingerprint=b"x"))
    world.close()
