"""A case that began under any definition ever shipped still comes to its end, from whatever state it was left in."""

from __future__ import annotations

from datetime import timedelta

import pytest
from msgspec.structs import replace

from tests.unit.workflow import parked
from workflow.evolution import replay
from workflow.library import definition, definitions, newest
from workflow.migration import fit

NAMES = list(definitions())


@pytest.mark.parametrize("name", NAMES)
def test_a_case_is_parked_in_every_state_in_which_one_can_wait(name: str) -> None:
    law = definition(name)
    waiting = {state for state, told in law.states.items() if not told.terminal and state != law.initial}
    assert set(parked.read(name)) == waiting


@pytest.mark.parametrize("name", NAMES)
def test_every_parked_case_goes_on_to_its_end(name: str) -> None:
    for state, history in parked.read(name).items():
        now = replay(definition, history)
        assert (now.state, now.definition, now.version) == (state, name, len(history))
        case = parked.resumed(name, history, now)
        assert parked.finish(case) > 0
        assert case.state in ("COMPLETED", "RETURNED")
        assert case.replayed() == case.it


def test_a_case_at_rest_waits_with_its_version_until_it_goes_on() -> None:
    case = parked.Case("R5", law="R5@2").consulting()
    case.do("officer", parked.cmd.Hold, reason_class="legal_process", until=case.today + timedelta(days=5))
    assert fit(case.asks(None), replace(definition("R5@2"), version=3)).obstacle == "at_rest"


@pytest.mark.parametrize("name", [name for name in NAMES if newest()[definition(name).route].name != name])
def test_every_parked_case_of_an_older_version_moves_to_the_newest_and_ends_there(name: str) -> None:
    latest = newest()[definition(name).route]
    for state, history in parked.read(name).items():
        case = parked.resumed(name, history, replay(definition, history))
        assert fit(case.asks(None), latest).obstacle == ""
        assert case.do(None, parked.cmd.Migrate, definition=latest.name, by="operator") == ["mutation.migrated"]
        assert (case.state, case.it.definition) == (state, latest.name)
        parked.finish(case)
        assert case.replayed() == case.it
