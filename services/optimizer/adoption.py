"""What follows from events of this service that a restored database lacked: the proposals, and the moves they begin.

What became of them the service hears from the log like everybody.
"""

from __future__ import annotations

from collections.abc import Sequence

from events.proposal import ProposalDrafted, ProposalOutdated
from services.db import table
from services.optimizer.models import PlanRow, ProposalRow
from services.optimizer.planning import begin_move
from services.service import Adopted, Event
from services.transaction import Tx

plan, proposal = table(PlanRow), table(ProposalRow)


def adopt(tx: Tx, events: Sequence[Event]) -> Adopted:
    plans = set()
    for event in events:
        with tx.item(event.causation, event.correlation):
            match event.data:
                case ProposalDrafted() as drafted:
                    begin_move(tx, drafted, event.time)
                    plans.add(drafted.plan)
                case ProposalOutdated(proposal=key):
                    if (row := tx.get(proposal, key)) is not None:
                        tx.upsert(proposal, row | {"state": "outdated"})
    gone = sorted(key for key in plans if tx.get(plan, key) is None)
    return Adopted({}, [f"the figures and inputs of {len(gone)} plans: {', '.join(gone)}"] if gone else [])
