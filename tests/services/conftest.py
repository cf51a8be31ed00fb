"""Worlds that several test files share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.staff import small_world
from tests.town import town
from tests.worlds import World


@pytest.fixture
def staffed(tmp_path: Path) -> Iterator[World]:
    """The service `personnel` with a small staff."""
    made = small_world(f"sqlite:///{tmp_path / 'imbang.db'}")
    yield made
    made.close()


@pytest.fixture(scope="session")
def calm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """The same for many tests: only for what is refused, and so changes nothing."""
    made = small_world(f"sqlite:///{tmp_path_factory.mktemp('calm') / 'imbang.db'}")
    yield made
    made.close()


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """The whole application with a small town, for the tests of one file."""
    made = town(f"sqlite:///{tmp_path_factory.mktemp('town') / 'imbang.db'}")
    yield made
    made.close()
