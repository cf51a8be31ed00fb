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
    "definitions/R1@2.toml": "31d55bfadcaf24c814ddcac0ab3e19d0492085d2d5a50ac606e3e06c2e8739d2",
    "definitions/R2@1.toml": "181265e4be79e74e21d57baa44b4812b6538e1bb6a57b746175be8437359a169",
    "definitions/R3@1.toml": "17c81ef5eca5cafef95350e2503d46d05d57b0ce6236cfd2ff1b7b793b4decb0",
    "definitions/R4@1.toml": "6100554c5418b99366cc6c95dd337a6e7c8eca93b0feeaab2dede5c5a91fbb3b",
    "definitions/R5@1.toml": "640dd971f6532ec47039e2eb9215ffb2b1abfe345285d826e4c33bd3cc305022",
    "definitions/R5@2.toml": "823e95e2025aa34129a764d9fd01f8e6e7d0829992d912e8c73d5965418a6b4c",
    "definitions/R6@1.toml": "4b1d51e316e39c1eea80e9a20111e7d448a75151b7966bf9e28e7f651f2f6b3d",
    "definitions/parts/appointment@1.toml": "f525b7b37cfd7bae6f76f48beeedddc614649681069199333972e7198557844d",
    "definitions/parts/clearance@1.toml": "11f52af8967fdc40b8155cabb4dee473a64f1738a5fb1e0007deb3891d8e24a5",
    "definitions/parts/completion@1.toml": "588d2c628e7b5bd894e6936cbecbd92881ef008d3e3a925c424c8b22b54df250",
    "definitions/parts/consent@1.toml": "ba98ea54e1e43ee8ab679c8d5915b1cb9b812f34541f09f7978b5500c0c64049",
    "definitions/parts/consultation@1.toml": "a0243c3a9035d15137b6fcaa46c2c1fc4a0ca59f3f510504f8816be1e81420a9",
    "definitions/parts/decision@1.toml": "36729cfe1fd69e0401de95f30eb60869a3d2fa4258924450f886d59ac0943c3f",
    "definitions/parts/exits@1.toml": "11198c45f635a6fe3450fd94515e16364cec99e28551b2c6fad426d5e92daaec",
    "definitions/parts/external@1.toml": "1cc1b8b572dff431c0253120164a9fb000c1d2e63b06d7387cbf0a308199444c",
    "definitions/parts/opening@1.toml": "91ae62ba7a9293be68d3f8bc9e18970001e234ff9ee5a8f913b3f1e7d6c7b909",
    "definitions/parts/panel@1.toml": "fdb4cfadd18ea42f80e9faf2ff42f0dce2558f043a296d1d5eb022aff3ec2376",
    "definitions/parts/pertek@1.toml": "271a1d2046c07c9ab515bc6c7f225e554cecac275c1c4d23ffd562fe3a6d2121",
    "definitions/parts/placement@1.toml": "0d5511fbcb91e32483ae22d869fc403c0049bf8d77fef2d6a8d6c4095d6fd0d1",
    "definitions/parts/remedies@1.toml": "ecd4bd1f0bf6d93df3fcd867476759666eecfa058238f99497956d4ba1da9c2e",
    "definitions/parts/temporary@1.toml": "2675defd2a06e8079ca8bb8f38b1e4d1a88a8a2b695057562c4c7b49bd266de2",
    "rules/2023-10-31.toml": "496e47d566d776b7af06bc0522ee7c0649cb52fdc538f750e053e6b8581c3dc1",
    "rules/2024-01-01.toml": "c1657096016e77574d52cbc0fb6c210b7f18190f47393e081bf061c2e41f7d20",
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
    files = [*DEFINITIONS.rglob("*.toml"), *RULES.glob("*.toml")]
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
    outcomes = {
        "screen": ("pass", "return", "fail"),
        "settle": ("panel", "return", "reject"),
        "consent": ("yes", "no"),
        "decide_objection": ("uphold", "dismiss"),
        "grant": ("return", "refuse", "acting", *shipped.grants),
    }
    commands = {str(each.__struct_config__.tag) for each in cmd.Command.__subclasses__()}
    given = {f"{name}.{end}" for name, ends in outcomes.items() for end in ends} | commands
    clocks = {duty.silence for duty in shipped.duties.values()} | {timer.fires for timer in shipped.timers.values()}
    assert {rule.on for rule in shipped.transitions} <= given | clocks | {PROCEED}


@each_definition
def test_terminal_states_are_left_only_by_undoing_the_decree_and_others_have_a_way_out(shipped: Definition) -> None:
    left = {state for state, _ in shipped.table}
    assert {name for name, state in shipped.states.items() if not state.terminal} <= left
    out = {rule.to for (state, _), rules in shipped.table.items() if shipped.states[state].terminal for rule in rules}
    assert out <= {None, "REVERSED"}


@each_definition
def test_a_duty_that_falls_due_can_be_discharged_in_its_state(shipped: Definition) -> None:
    for name, duty in shipped.duties.items():
        if duty.within is not None:
            places = [duty.state] if duty.state else _while_asked(shipped, name)
            assert all((place, duty.silence) in shipped.table for place in places), name
            assert duty.silence != "overdue" or duty.escalates_to, name


def _while_asked(shipped: Definition, duty: str) -> set[str]:
    """Every state in which a duty that no state bounds may still be asked: where it begins, and what follows."""
    reached = {state for (state, _), rules in shipped.table.items() for rule in rules if duty in rule.asks}
    while True:
        following = {
            rule.to
            for (state, _), rules in shipped.table.items()
            if state in reached
            for rule in rules
            if rule.to and rule.duty != duty
        }
        if following <= reached:
            return reached
        reached |= following


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
    if shipped.route in ("R5", "R6"):
        rows |= {22, 23, 24, 25, 26}
    if shipped.name not in ("R1@1", "R5@1"):
        rows |= set(range(30, 35))
    if shipped.grants:
        rows |= {15, 16}
    if shipped.route in ("R2", "R3", "R4", "R6"):
        rows.add(13)
    later = {"17b"} if shipped.route in ("R2", "R3", "R4") else set()
    assert {rule.row for rule in shipped.transitions} == {str(row) for row in rows} | later


def test_a_definition_that_refers_to_nothing_is_not_loaded() -> None:
    text = (DEFINITIONS / "R5@1.toml").read_text()
    with pytest.raises(ValueError, match="everyone_happy"):
        load(text.replace('"everyone_agreed"', '"everyone_happy"'))
    with pytest.raises(msgspec.ValidationError):
        load(text.replace("escalates_to", "tells"))


def test_a_route_is_made_of_parts_whose_words_its_own_replace_and_whose_transitions_come_after_its_own() -> None:
    quick, usual = definition("R5@2"), definition("R1@2")
    assert quick.duties["screening"].within != usual.duties["screening"].within
    assert quick.duties["screening"].title == usual.duties["screening"].title
    assert [rule.row for rule in usual.table["CONSULTATION", PROCEED]] == ["11", "10", "12"]


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
