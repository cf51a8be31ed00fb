"""Counts effects that happened twice, from the rows alone; shares no code with what prevents them.

Every rule here is about what people would notice: two cases for one proposal, somebody moved twice by one decision,
an event sealed twice, one event counted in two versions of a history, people who appeared or vanished.
"""

from __future__ import annotations

from sqlalchemy import text
from sqlalchemy.engine import Connection

#: Name -> a query whose rows are doubled effects.
DOUBLED = {
    "cases of one proposal": """
        SELECT proposal FROM mutations_case WHERE proposal IS NOT NULL GROUP BY proposal HAVING count(*) > 1""",
    "answers of one event by mutations": """
        SELECT causation, subject, type FROM mutations_event
        WHERE type IN ('mutation.drafted', 'proposal.declined', 'mutation.cancelled')
        GROUP BY causation, subject, type HAVING count(*) > 1""",
    "changes of place by one event": """
        SELECT causation, type FROM personnel_event WHERE type = 'personnel.incumbency_changed'
        GROUP BY causation, type HAVING count(*) > 1""",
    "measurements by one event": """
        SELECT causation, subject, type FROM workload_event WHERE type = 'workload.measured'
        GROUP BY causation, subject, type HAVING count(*) > 1""",
    "seals of one event": "SELECT event_id FROM audit_entry GROUP BY event_id HAVING count(*) > 1",
    "messages of one event": """
        SELECT endpoint, event FROM webhooks_delivery GROUP BY endpoint, event HAVING count(*) > 1""",
}
#: Name -> two queries that must give the same number.
CONSERVED = {
    "people": ("SELECT count(*) FROM personnel_person", "SELECT count(*) FROM optimizer_person"),
    "working time": (
        "SELECT coalesce(sum(share), 0) FROM workload_seat",
        "SELECT count(*) FROM workload_seat WHERE mutation = ''",
    ),
}


def doubled(conn: Connection) -> dict[str, int]:
    """Name -> how many effects happened more than once; empty when none did."""
    found = {name: len(conn.execute(text(query)).all()) for name, query in DOUBLED.items()}
    for name, (left, right) in CONSERVED.items():
        found[name] = round(abs(conn.scalar(text(left)) - conn.scalar(text(right))))
    return {name: n for name, n in found.items() if n}
