"""What happens when proposals arrive and clocks run out."""

from __future__ import annotations

from events.outcome import ProposalDeclined
from services.mutations.execute import PREFIX, cases, drafted_from, execute
from services.mutations.facts import authority_now, calendar
from services.service import Event, Firing
from services.transaction import Tx
from workflow import commands as cmd
from workflow.authority import candidates
from workflow.library import pack_on
from workflow.mutation import Seat
from workflow.refusal import Refused as AgainstTheLaw


def draft_proposals(tx: Tx, event: Event) -> None:
    """A proposal of the optimizer becomes a draft, or a refusal that the optimizer hears of."""
    p = event.data
    draft = cmd.Draft(
        mutation=drafted_from(p.proposal),
        person=p.person,
        to_position=p.to_position,
        mode=p.mode,
        start=p.start,
        until=p.until,
        share=p.share,
        origin="load",
        proposal=p.proposal,
    )
    try:
        execute(tx, draft, None)
    except AgainstTheLaw as refusal:
        declined = ProposalDeclined(
            proposal=p.proposal,
            person=p.person,
            rules=[refusal.rule, *(other.rule for other in refusal.also)],
            pack=pack_on(calendar().today(tx.now)).id,
            at=tx.now,
        )
        tx.record(f"mutations/refusal/{p.proposal}", declined)


def cancel_outdated(tx: Tx, event: Event) -> None:
    """The need of a draft is gone before anyone sponsored it: the engine cancels it. A sponsored case goes on."""
    mutation = drafted_from(event.data.proposal)
    case = cases(tx).get(mutation)
    if case is not None and case.now.state == "DRAFT":
        execute(tx, cmd.Cancel(mutation=mutation, reason_class="need_gone"), None)


def void_votes(tx: Tx, event: Event) -> None:
    """Somebody left or took an office: a vote that its holder of before cast in a panel still sitting falls away."""
    office, known = event.data.office, None
    for case in list(cases(tx).values()):
        vote = case.now.votes.get(office)
        if vote is None or case.now.state != "APPROVAL.PANEL":
            continue
        known = known or authority_now(tx)
        claims = candidates(known, Seat(office=office), "Vote", calendar().today(tx.now), {})
        if not any(claim.person in vote.people and claim.objection is None for claim in claims):
            execute(tx, cmd.VoidVote(mutation=case.now.id, office=office), None)


def fire(tx: Tx, firing: Firing) -> None:
    """A clock of a case has run out; its definition says what that means. A firing that failed once comes later."""
    mutation = firing.subject.removeprefix(PREFIX)
    case = cases(tx).get(mutation)
    timer = case.now.timers.get(firing.name) if case else None
    if timer is not None and timer.due <= firing.due:
        execute(tx, cmd.FireTimer(mutation=mutation, name=firing.name, arming=timer.arming), None)
