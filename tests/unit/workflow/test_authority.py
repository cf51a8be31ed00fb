"""Who may act: offices, stand-ins, delegates, four eyes, and nobody in their own case."""

from __future__ import annotations

from datetime import date

import pytest

from events import mutation as ev
from tests.unit.workflow.world import Case, authority, holding
from workflow import commands as cmd
from workflow.authority import Delegation
from workflow.library import definition
from workflow.refusal import Refused
from workflow.rights import who_can_act

TODAY = date(2026, 2, 2)


def delegated(office: str, to: str, command: str = "Sign", by: str | None = None) -> Delegation:
    return Delegation(
        office=office,
        to_person=to,
        by_person=by or office,
        order="letter-9",
        commands=frozenset({command}),
        since=TODAY,
        until=TODAY,
    )


def may_act(case: Case, duty: str) -> set[str]:
    it = case.it
    found = who_can_act(definition(it.definition), it, duty, case.facts["authority"], case.today, case.facts["pack"])
    return {who.person for who in found}


def test_the_plh_has_the_waiting_duty_for_his_days_and_the_definitive_holder_the_rest() -> None:
    case = Case().deciding()
    assert may_act(case, "decision") == {"secretary"}
    case.knows(authority=authority(holding("secretary", "stand-in", capacity="plh", since=TODAY, until=TODAY)))
    assert may_act(case, "decision") == {"stand-in"}
    with pytest.raises(Refused, match="another_holds_office"):
        case.sign("secretary")
    case.sign("stand-in")
    act = case.history[-1].act
    assert (act.capacity, act.order, act.office) == ("plh", "order-secretary", "secretary")
    late = Case().deciding()
    past = holding("secretary", "stand-in", capacity="plh", since=date(2026, 1, 28), until=date(2026, 2, 1))
    late.knows(authority=authority(past))
    assert may_act(late, "decision") == {"secretary"}


def test_an_acting_official_is_barred_with_the_legal_reason_and_who_can_act() -> None:
    case = Case("R1").deciding()
    acting = holding("governor", "acting", capacity="plt", since=TODAY, barred=frozenset({"Sign"}))
    case.knows(authority=authority(acting, without="governor"))
    with pytest.raises(Refused) as refused:
        case.sign("acting")
    assert refused.value.rule == "acting_barred"
    assert "Perpres 116/2022" in refused.value.basis
    assert refused.value.who == ()
    case.knows(authority=authority(acting))
    with pytest.raises(Refused) as refused:
        case.sign("acting")
    assert [who.person for who in refused.value.who] == ["governor"]
    assert case.sign("governor") == ["decree.issued"]


def test_an_acting_governor_moves_nobody_before_the_consideration_of_bkn_is_on_record() -> None:
    case = Case("R1").deciding()
    case.knows(authority=authority(holding("governor", "acting", capacity="plt", since=TODAY), without="governor"))
    with pytest.raises(Refused, match="acting_needs_consideration") as refused:
        case.sign("acting")
    assert "Perpres 116/2022" in refused.value.basis
    assert "BKN" in refused.value.remedy.id
    assert case.grant("acting") == ["approval.external_granted"]
    assert case.sign("acting") == ["decree.issued"]
    granted, signed = case.history[-2:]
    assert isinstance(granted, ev.ExternalGranted)
    assert (granted.reference, granted.letter) == ("B-acting", "g")
    assert signed.act.capacity == "plt"


def test_a_plt_of_another_office_acts_as_plt() -> None:
    case = Case().deciding()
    case.knows(authority=authority(holding("secretary", "acting", capacity="plt", since=TODAY), without="secretary"))
    case.sign("acting")
    assert case.history[-1].act.capacity == "plt"


def test_a_delegate_acts_in_the_kind_and_days_of_the_order_and_for_whom_is_recorded() -> None:
    case = Case().deciding()
    case.knows(authority=authority(delegations=(delegated("secretary", "deputy"),)))
    with pytest.raises(Refused, match="not_your_office"):
        case.do("deputy", cmd.Refuse, reason_class="no_need")
    case.sign("deputy")
    act = case.history[-1].act
    assert (act.capacity, act.on_behalf_of, act.order) == ("delegate", "secretary", "letter-9")
    assert act.authority_position == 7


def test_a_delegate_does_not_delegate_on() -> None:
    case = Case().deciding()
    chain = (delegated("secretary", "deputy"), delegated("secretary", "clerk", by="deputy"))
    case.knows(authority=authority(delegations=chain))
    with pytest.raises(Refused, match="delegation_void"):
        case.sign("clerk")


def test_a_delegation_ends_with_the_office_of_the_one_who_gave_it() -> None:
    case = Case().deciding()
    successor = holding("secretary", "successor")
    case.knows(authority=authority(successor, without="secretary", delegations=(delegated("secretary", "deputy"),)))
    with pytest.raises(Refused, match="delegation_void"):
        case.sign("deputy")


def test_nobody_decides_their_own_case() -> None:
    case = Case().deciding()
    case.knows(authority=authority(holding("secretary", "employee"), without="secretary"))
    with pytest.raises(Refused, match="own_case") as refused:
        case.sign("employee")
    assert [who.person for who in refused.value.who] == ["governor"]


def test_nobody_decides_their_own_case_by_proxy() -> None:
    case = Case().deciding()
    case.knows(
        authority=authority(
            holding("secretary", "employee"),
            without="secretary",
            delegations=(delegated("secretary", "deputy", by="employee"),),
        )
    )
    with pytest.raises(Refused, match="own_case_by_proxy"):
        case.sign("deputy")


def test_nobody_is_handed_their_own_case_by_delegation() -> None:
    case = Case().deciding()
    case.knows(authority=authority(delegations=(delegated("secretary", "employee"),)))
    with pytest.raises(Refused, match="own_case"):
        case.sign("employee")


def test_when_the_holder_moves_himself_the_other_holder_decides() -> None:
    case = Case().deciding()
    case.knows(authority=authority(holding("secretary", "employee", capacity="plh", since=TODAY)))
    assert may_act(case, "decision") == {"secretary"}


def test_the_submitter_does_not_verify() -> None:
    case = Case(authority=authority(holding("verifier", "officer"), without="verifier")).proposed()
    with pytest.raises(Refused, match="four_eyes"):
        case.do("officer", cmd.Screen, outcome="pass")


@pytest.mark.parametrize("person", ["officer", "verifier"])
def test_submitter_and_verifier_do_not_decide(person: str) -> None:
    case = Case(authority=authority(holding("secretary", person), without="secretary")).deciding()
    with pytest.raises(Refused, match="four_eyes"):
        case.sign(person)


@pytest.mark.parametrize("person", ["officer", "verifier"])
def test_submitter_and_verifier_do_not_settle(person: str) -> None:
    case = Case(authority=authority(holding("secretary", person), without="secretary")).contested()
    with pytest.raises(Refused, match="four_eyes"):
        case.do(person, cmd.Settle, outcome="panel", reason_class="service_need", words_hash="w")


def test_four_eyes_are_not_evaded_by_a_delegate() -> None:
    case = Case()
    case.knows(
        authority=authority(
            holding("verifier", "officer"),
            without="verifier",
            delegations=(delegated("verifier", "aide", "Screen", "officer"),),
        )
    )
    case.proposed()
    with pytest.raises(Refused, match="four_eyes"):
        case.do("aide", cmd.Screen, outcome="pass")


def test_the_one_who_acted_for_another_counts_for_both() -> None:
    case = Case()
    case.knows(authority=authority(delegations=(delegated("officer", "secretary", "Submit"),)))
    case.draft()
    case.do("secretary", cmd.Submit, documents={"G2": "x"})
    assert case.it.hands["Submit"] == ("secretary", "officer")


def test_clearance_officer_and_inspector_are_never_one_person() -> None:
    case = Case("R1")
    case.knows(authority=authority(holding("inspector", "verifier"), without="inspector"))
    case.consulting()
    case.do("verifier", cmd.Clear, answer="clear")
    with pytest.raises(Refused, match="four_eyes"):
        case.do("verifier", cmd.Inspect, answer="clear")


def test_a_duty_that_nobody_can_hold_says_so() -> None:
    case = Case("R1").deciding()
    case.knows(authority=authority(without="governor"))
    assert may_act(case, "decision") == set()


def test_of_two_definitive_holders_the_later_order_counts() -> None:
    case = Case().deciding()
    case.knows(authority=authority(holding("secretary", "newer", since=date(2026, 1, 1))))
    assert may_act(case, "decision") == {"newer"}
