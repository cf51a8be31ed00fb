"""Does everyone asked agree, and what does the panel think? Silence is dissent."""

from __future__ import annotations

from workflow import commands as cmd
from workflow.guards.question import Question, guard
from workflow.mutation import Mutation
from workflow.quorum import Outcome, opinion


@guard
def view_explained(q: Question[cmd.Answer]) -> bool:
    match q.command.answer:
        case "willing":
            return q.command.condition is None and q.command.reason_class is None
        case "conditional":
            return q.command.condition is not None
        case "unwilling":
            return q.command.reason_class is not None and q.command.condition is None


@guard
def reason_given(
    q: Question[cmd.Screen | cmd.Release | cmd.Receive | cmd.Clear | cmd.Inspect | cmd.Consent | cmd.Grant],
) -> bool:
    positive = not isinstance(q.command, cmd.Screen | cmd.Grant) and q.command.answer in ("yes", "clear")
    return positive or q.command.reason_class is not None


@guard
def handover_planned(q: Question[cmd.Release]) -> bool:
    return q.command.answer == "no" or q.command.handover_planned


@guard
def floor_kept(q: Question[cmd.Release]) -> bool:
    load = q.facts.source_load
    enough = load is None or load.staff - q.mutation.move.share >= load.floor
    return q.command.answer == "no" or (q.command.floor_kept and enough)


@guard
def budget_confirmed(q: Question[cmd.Receive]) -> bool:
    return q.command.answer == "no" or q.command.budgeted


@guard
def place_free(q: Question[cmd.Command]) -> bool:
    if isinstance(q.command, cmd.Receive) and q.command.answer == "no":
        return True
    return q.mutation.move.mode == "temporary" or q.facts.post.free >= 1


@guard
def record_unread(q: Question[cmd.Command]) -> bool:
    return "clearance" in q.mutation.duties


@guard
def clearance_blocked(q: Question[cmd.Command]) -> bool:
    return any(reply.answer == "block" for reply in q.mutation.replies.values())


@guard
def clearance_positive(q: Question[cmd.Command]) -> bool:
    replies = q.mutation.replies
    return all(name in replies and replies[name].answer == "clear" for name in q.definition.clearances)


@guard
def all_answered(q: Question[cmd.Command]) -> bool:
    return not q.mutation.duties


@guard
def everyone_agreed(q: Question[cmd.Command]) -> bool:
    return not dissent(q.mutation)


def dissent(mutation: Mutation) -> list[str]:
    """Who does not agree, and how: `employee_unwilling`, `source_no`, `receiver_no_response`; silence is dissent."""
    replies = mutation.replies
    answers = {
        party: replies[party].answer if party in replies else "no_response"
        for party in ("employee", "source", "receiver")
    }
    if answers["employee"] == "conditional" and answers["receiver"] == "yes":
        accepted = replies["receiver"].condition == replies["employee"].condition
        answers["employee"] = "willing" if accepted else "conditional"
    return [f"{party}_{answer}" for party, answer in answers.items() if answer not in ("willing", "yes")]


@guard
def own_words(q: Question[cmd.Settle | cmd.Vote | cmd.Sign | cmd.Refuse]) -> bool:
    recused = isinstance(q.command, cmd.Vote) and q.command.vote == "recuse"
    return not q.mutation.contested or recused or q.command.words_hash is not None


def panel_outcome(mutation: Mutation) -> Outcome | None:
    """What the panel's votes amount to so far."""
    panel = mutation.duties["panel"]
    return opinion((ballot.vote for ballot in mutation.votes.values()), panel.needed, panel.of)


@guard
def panel_recommends(q: Question[cmd.Command]) -> bool:
    return panel_outcome(q.mutation) == "recommend"


@guard
def panel_asks_revision(q: Question[cmd.Command]) -> bool:
    return panel_outcome(q.mutation) == "revise"


@guard
def panel_rejects(q: Question[cmd.Command]) -> bool:
    return panel_outcome(q.mutation) == "reject"


@guard
def quorum_lost(q: Question[cmd.Command]) -> bool:
    return panel_outcome(q.mutation) == "quorum_lost"
