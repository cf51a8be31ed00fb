"""What must hold of everything together, at any time and when all is quiet. Rows and sums, nothing of the kernel."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator

SERVICES = ("personnel", "workload", "optimizer", "mutations", "identity", "webhooks", "audit")
#: All events of all services.
EVENTS = " UNION ALL ".join(f"SELECT event_id, subject, subject_version AS version FROM {s}_event" for s in SERVICES)

#: What is wrong -> the rows that show it; of every service.
OF_EACH = {
    "an effect happened twice": (
        "SELECT causation, subject, type FROM {s}_event GROUP BY causation, subject, type HAVING count(*) > 1"
    ),
    "a history has a gap": (
        "SELECT subject, count(*), max(subject_version) FROM {s}_event GROUP BY subject "
        "HAVING count(*) <> max(subject_version) OR min(subject_version) <> 1"
    ),
    "an event is neither in the log nor on its way": (
        "SELECT event_id FROM {s}_event WHERE event_id NOT IN (SELECT event_id FROM {s}_unpublished) "
        "AND event_id NOT IN (SELECT event_id FROM log_entry)"
    ),
    "an event overtook its predecessor": (
        "WITH first AS (SELECT e.subject, e.subject_version AS version, l.topic, l.part, min(l.n) AS n "
        "FROM {s}_event e JOIN log_entry l ON l.event_id = e.event_id GROUP BY e.event_id) "
        "SELECT a.subject, a.version FROM first a JOIN first b ON a.subject = b.subject "
        "AND a.version = b.version + 1 AND (a.n < b.n OR (a.topic, a.part) <> (b.topic, b.part))"
    ),
    "a consumer passed over an event": (
        "SELECT e.subject, e.version FROM log_entry l JOIN ({events}) e ON e.event_id = l.event_id "
        "JOIN {s}_log_position p ON p.topic = l.topic AND p.part = l.part AND l.n < p.next "
        "LEFT JOIN {s}_applied a ON a.subject = e.subject "
        "LEFT JOIN {s}_waiting w ON w.subject = e.subject AND w.version = e.version "
        "WHERE coalesce(a.version, 0) < e.version AND w.subject IS NULL"
    ),
    "an event is parked": "SELECT subject, version, detail FROM {s}_waiting WHERE reason = 'failed'",
}
#: What is wrong -> the rows that show it.
EVER = {
    "a case holds what it should not": (
        "SELECT r.* FROM mutations_reservation r JOIN mutations_case c ON c.id = r.mutation WHERE c.closed"
    ),
    "rows of no case": (
        "SELECT mutation FROM mutations_reservation WHERE mutation NOT IN (SELECT id FROM mutations_case) UNION ALL "
        "SELECT mutation FROM mutations_duty WHERE mutation NOT IN (SELECT id FROM mutations_case) UNION ALL "
        "SELECT subject FROM mutations_timer WHERE substr(subject, 20) NOT IN (SELECT id FROM mutations_case)"
    ),
    "a person has two open cases": (
        "SELECT key FROM mutations_reservation WHERE kind = 'person' GROUP BY key HAVING count(*) > 1"
    ),
    "a person is promised more than whole": (
        "SELECT key, sum(share) FROM mutations_reservation WHERE kind = 'share' "
        "GROUP BY key HAVING sum(share) > 1.000001"
    ),
    "a place is promised twice": (
        "SELECT key FROM mutations_reservation r JOIN mutations_position p ON p.id = r.key WHERE r.kind = 'place' "
        "GROUP BY r.key HAVING count(*) > max(p.places)"
    ),
    "a post has more people than places": (
        "SELECT p.id, count(*), p.places FROM personnel_position p JOIN personnel_person h ON h.position = p.id "
        "GROUP BY p.id HAVING count(*) > p.places"
    ),
    "a home is not the last post of its history": (
        "SELECT p.id FROM personnel_person p JOIN personnel_incumbency i ON i.person = p.id AND i.since = "
        "(SELECT max(since) FROM personnel_incumbency WHERE person = p.id) WHERE i.position <> p.position"
    ),
    "people came or went without a registration": (
        "SELECT n FROM (SELECT count(*) AS n FROM personnel_person) WHERE n <> "
        "(SELECT count(*) FROM personnel_event WHERE type = 'personnel.person_registered')"
    ),
    "working time is not conserved": (
        "SELECT person, sum(share) FROM workload_seat GROUP BY person HAVING abs(sum(share) - 1) > 0.000001"
    ),
    "a person has two homes": (
        "SELECT person FROM workload_seat WHERE mutation = '' GROUP BY person HAVING count(*) > 1"
    ),
    "an event was sealed twice, or out of turn": (
        "SELECT count(*), max(seq) FROM audit_entry HAVING count(*) <> coalesce(max(seq), 0) "
        "OR count(DISTINCT event_id) <> count(*)"
    ),
}
#: What is wrong when nothing is on its way any more -> the rows that show it.
QUIET = {
    "homes differ between services": (
        "SELECT p.id FROM personnel_person p LEFT JOIN mutations_person m ON m.id = p.id "
        "LEFT JOIN optimizer_person o ON o.id = p.id LEFT JOIN workload_seat w ON w.person = p.id AND w.mutation = '' "
        "WHERE m.position IS NOT p.position OR o.position IS NOT p.position OR w.position IS NOT p.position"
    ),
    "duties differ between services": (
        "SELECT mutation, person, position FROM personnel_duty WHERE back_on IS NULL EXCEPT "
        "SELECT mutation, person, position FROM workload_seat WHERE mutation <> ''"
    ),
    "a running duty is not promised": (
        "SELECT mutation FROM personnel_duty WHERE back_on IS NULL EXCEPT "
        "SELECT mutation FROM mutations_reservation WHERE kind = 'share'"
    ),
    "a promised duty does not run": (
        "SELECT mutation FROM mutations_reservation WHERE kind = 'share' EXCEPT "
        "SELECT mutation FROM personnel_duty WHERE back_on IS NULL"
    ),
    "a person lends more than they have": "SELECT person FROM workload_seat WHERE share < -0.000001",
    "an event was never sealed": (
        "SELECT event_id FROM ({events}) WHERE event_id NOT IN (SELECT event_id FROM audit_entry)"
    ),
    "a public event was never a message": (
        "SELECT event_id FROM mutations_event WHERE type IN ('mutation.proposed', 'decree.issued', 'temp.returned') "
        "AND event_id NOT IN (SELECT event FROM webhooks_delivery)"
    ),
}


def broken(conn: sqlite3.Connection) -> Iterator[str]:
    """The promises that are broken now."""
    for what, query in OF_EACH.items():
        for service in SERVICES:
            yield from _shown(conn, f"{service}: {what}", query.format(s=service, events=EVENTS))
    for what, query in EVER.items():
        yield from _shown(conn, what, query)
    for seq, leaf, body in conn.execute("SELECT seq, leaf, body FROM audit_entry"):
        if hashlib.sha256(b"\0" + body).digest() != leaf:
            yield f"entry {seq} of the audit log is not what was sealed"


def unsettled(conn: sqlite3.Connection, now: str) -> Iterator[str]:
    """What is still on its way when everything should have arrived; `now` is business time as the tables hold it."""
    for what, query in QUIET.items():
        yield from _shown(conn, what, query.format(events=EVENTS))
    for service in SERVICES:
        for kind in ("unpublished", "waiting"):
            yield from _shown(conn, f"{service}: still {kind}", f"SELECT * FROM {service}_{kind}")
    yield from _shown(conn, "timers are due", f"SELECT subject, name FROM mutations_timer WHERE due_at <= '{now}'")
    behind = (
        "SELECT h.topic, h.part, h.next, p.next FROM log_head h JOIN {s}_log_position p "
        "ON p.topic = h.topic AND p.part = h.part WHERE p.next <> h.next"
    )
    for service in SERVICES:
        yield from _shown(conn, f"{service}: behind the log", behind.format(s=service))


def _shown(conn: sqlite3.Connection, what: str, query: str) -> Iterator[str]:
    rows = [tuple(row) for row in conn.execute(query)]
    if rows:
        yield f"{what}: {rows[:3]}" + (f" and {len(rows) - 3} more" if len(rows) > 3 else "")
