"""What is shipped: never edited, sound, and the same to the table and to the state machine."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from inspect import signature
from types import UnionType
from typing import Any, get_args, get_type_hints

import msgspec
import pytest
from transitions import MachineError

from events.mutation import EVENTS
from workflow import commands as cmd
from workflow.definition import PROCEED, Definition
from workflow.guards import GUARDS
from workflow.library import DEFINITIONS, RULES, Unknown, definition, definitions, load, pack_on, packs
from workflow.machine import machine
from workflow.refusal import wordings

SHIPPED = {
    "definitions/R1@1.toml": "5445588e888093a7ca10a5b48d644006f6a36c79f4b8fe0d98bedfaa60fb6425",
    "definitions/R5@1.toml": "640dd971f6532ec47039e2eb9215ffb2b1abfe345285d826e4c33bd3cc305022",
    "rules/2023-10-31.toml": "496e47d566d776b7af06bc0522ee7c0649cb52fdc538f750e053e6b8581c3dc1",
}

each_definition = pytest.mark.parametrize("shipped", definitions().values(), ids=definitions())


class Model:
    """A model whose guards answer as told."""

    def __init__(self, holding: set[str]) -> None:
        self.state = ""
        for name in GUARDS:
            setattr(self, name, lambda name=name: name in holding)


def test_nothing_shipped_is_ever_edited() -> None:
    folder = DEFINITIONS.parent
    files = [*DEFINITIONS.glob("*.toml"), *RULES.glob("*.toml")]
    assert {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files} == SHIPPED


@each_definition
def test_the_table_and_the_machine_agree_on_every_state_and_trigger(shipped: Definition) -> None:
    driven = machine(shipped)
    for state in shipped.states:
        for trigger in driven.events:
            rules = shipped.table.get((state, trigger), ())
            for holding in [set[str](), set(GUARDS), *({*rule.guards} for rule in rules)]:
                model = Model(holding)
                driven.add_model(model, initial=state)
                expected = next((rule for rule in rules if holding.issuperset(rule.guards)), None)
                if not rules:
                    with pytest.raises(MachineError):
                        model.trigger(trigger)  # type: ignore[attr-defined]
                else:
                    assert model.trigger(trigger) is (expected is not None)  # type: ignore[attr-defined]
                assert model.state == ((expected and expected.to) or state)
                driven.remove_model(model)


@each_definition
def test_every_command_has_a_place_and_every_trigger_a_cause(shipped: Definition) -> None:
    outcomes = {"screen": ("pass", "return", "fail"), "settle": ("panel", "return", "reject")}
    commands = {str(each.__struct_config__.tag) for each in cmd.Command.__subclasses__()}
    given = {f"{name}.{end}" for name, ends in outcomes.items() for end in ends} | commands
    clocks = {duty.silence for duty in shipped.duties.values()} | {timer.fires for timer in shipped.timers.values()}
    assert {rule.on for rule in shipped.transitions} <= given | clocks | {PROCEED}


@each_definition
def test_terminal_states_have_no_way_out_and_others_have_one(shipped: Definition) -> None:
    left = {state for state, _ in shipped.table}
    assert left == {name for name, state in shipped.states.items() if not state.terminal}


@each_definition
def test_a_duty_that_falls_due_can_be_discharged_in_its_state(shipped: Definition) -> None:
    for name, duty in shipped.duties.items():
        if duty.within is not None:
            assert (duty.state, duty.silence) in shipped.table, name
            assert duty.silence != "overdue" or duty.escalates_to, name


@each_definition
def test_guards_judge_only_commands_they_are_typed_for(shipped: Definition) -> None:
    by_trigger: dict[str, type] = {str(each.__struct_config__.tag): each for each in cmd.Command.__subclasses__()}
    for rule in shipped.transitions:
        command = by_trigger.get(rule.on.split(".")[0], cmd.Command)
        for name in rule.guards:
            assert any(issubclass(command, fit) for fit in _fitting(GUARDS[name])), (rule.row, name)


def _fitting(guard: Callable[..., Any]) -> tuple[type, ...]:
    hint = get_type_hints(guard)[next(iter(signature(guard).parameters))]
    (command,) = get_args(hint)
    return get_args(command) if isinstance(command, UnionType) else (command,)


@each_definition
def test_every_event_it_emits_is_in_the_catalogue(shipped: Definition) -> None:
    assert {type_ for rule in shipped.transitions for type_ in rule.emits} <= set(EVENTS)


@each_definition
def test_the_rows_of_the_table_are_covered(shipped: Definition) -> None:
    rows = {*range(1, 13), 14, *range(17, 22), 27, 28, 29}
    if shipped.route == "R5":
        rows |= {22, 23, 24, 25, 26}
    assert {int(rule.row) for rule in shipped.transitions} == rows


def test_a_definition_that_refers_to_nothing_is_not_loaded() -> None:
    text = (DEFINITIONS / "R5@1.toml").read_text()
    with pytest.raises(ValueError, match="everyone_happy"):
        load(text.replace('"everyone_agreed"', '"everyone_happy"'))
    with pytest.raises(msgspec.ValidationError):
        load(text.replace("escalates_to", "tells"))


def test_an_unknown_definition_or_pack_is_named() -> None:
    with pytest.raises(Unknown, match="R5@99"):
        definition("R5@99")
    with pytest.raises(Unknown, match="2001-01-01"):
        pack_on(packs()["asn-2023-10-31"].valid_from.replace(year=2001, month=1, day=1))


def test_every_refusal_has_its_words_in_both_languages() -> None:
    for rule, wording in wordings().items():
        assert wording.text.id != wording.text.en, rule
        assert wording.remedy.id != wording.remedy.en, rule
        assert wording.basis, rule
