"""Worlds of the service `audit` beside two toys that record events, and ways to look at them and to meddle."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from events import ids
from events.personnel import UnitRegistered
from services import audit
from services.audit import key
from services.audit.checkpoint import Checkpoint, verified
from services.audit.models import CheckpointRow, Entry
from services.audit.sealing import publish_head
from services.batch import Batch
from services.db import table
from services.jobs import Read
from services.service import Command
from tests.worlds import Emit, World

SUBJECTS = ("personnel/unit/a", "personnel/unit/b", "workload/unit/a")
Edit = Callable[[Connection], Any]


def file_url(directory: Path) -> str:
    return f"sqlite:///{directory / 'imbang.db'}"


def opened(url: str, directory: Path, **config: Any) -> World:
    return World(url, [audit.SERVICE], ("personnel", "workload"), directory=directory, **config)


def unit(name: str) -> UnitRegistered:
    return UnitRegistered(
        unit=name.replace("/", "."), name=name, opd="o", opd_name="O", instansi="8200", instansi_name="P", region="82",
        island="H",
    )  # fmt: skip


def tell(world: World, *subjects: str) -> None:
    for subject in subjects:
        world.tell(subject, unit(subject))


def tell_many(world: World, count: int) -> None:
    """So many events of one subject in one transaction."""
    emits = [Emit(SUBJECTS[0], unit("a"))] * count
    service = world.app.committer.services["personnel"]
    world.app.committer.run(service, Batch(commands=[Command(id=ids.new(), data=emit) for emit in emits]))


def told(url: str, directory: Path) -> World:
    """Seven events of three subjects, sealed and signed; the later ones of each subject after the others'."""
    world = opened(url, directory)
    tell(world, *SUBJECTS, *SUBJECTS, SUBJECTS[0])
    world.drain()
    publish_head(world.app)
    return world


def entries(world: World) -> list[dict[str, Any]]:
    return world.rows("audit", table(Entry))


def read(world: World) -> Read:
    return Read(world.app.databases.reader("audit").connect, world.app.config)


def heads(world: World) -> list[Checkpoint]:
    """The kept checkpoints, once their signatures hold."""
    public = key.signer(world.app.config).verifier
    return [verified(row["note"].decode(), public) for row in world.rows("audit", table(CheckpointRow))]


def by_hand(world: World, edit: Edit) -> Any:
    """Work on the database as its owner, beside the program."""
    engine = sa.create_engine(world.app.config.database_url)
    with engine.begin() as conn:
        answer = edit(conn)
    engine.dispose()
    return answer
