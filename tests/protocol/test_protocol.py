"""The protocol of storage and delivery holds in every state of its models, and each of its rules is needed."""

from __future__ import annotations

import importlib
import re
from functools import reduce
from pathlib import Path

import pytest

from tests.protocol import model
from tests.protocol.model import HERE, HOLDS, NAMES, WEAKENINGS

MODELS = {path.name: path.read_text() for path in HERE.glob("*.pml")}


@pytest.mark.parametrize("part", HOLDS)
def test_no_promise_breaks_in_any_state(spin: Path, part: str) -> None:
    file, bounds = HOLDS[part]
    run = model.explore(file, bounds)
    print(f"{part}: {run.states} states, {run.depth} steps deep")
    assert run.broken is None, "\n".join(run.story)
    assert run.complete
    assert run.depth < model.DEPTH
    assert run.states > 10_000


@pytest.mark.parametrize("rule", WEAKENINGS)
def test_without_a_rule_a_promise_breaks(spin: Path, rule: str) -> None:
    run = model.weakened(rule)
    print(rule, *run.story, sep="\n  ")
    assert run.broken == WEAKENINGS[rule].promise


def test_every_rule_that_a_model_can_leave_out_is_left_out_once() -> None:
    bounds = {"SERVICES", "PARTS", "FAULTS", "RELAYS", "CONSUMERS", "DATABASE_LOG"}
    for file, text in MODELS.items():
        macros = set(re.findall(r"^#ifn?def (\w+)", text, re.MULTILINE)) - bounds
        assert macros == {rule for rule, weakening in WEAKENINGS.items() if weakening.file == file}


@pytest.mark.parametrize("name", NAMES)
def test_a_name_of_the_models_is_a_name_of_the_code(name: str) -> None:
    module, path = NAMES[name].split(":")
    *owners, last = path.split(".")
    owner = reduce(getattr, owners, importlib.import_module(module))
    assert hasattr(owner, last) or last in owner.__annotations__
    assert any(re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text) for text in MODELS.values())


def test_a_model_stays_within_the_width_of_a_line() -> None:
    assert [line for text in MODELS.values() for line in text.splitlines() if len(line) > 120] == []
