"""What a load is worked out from: the final ABK, the reports of the window, and who works in the unit now."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Result

from services.db import table
from services.workload.freshness import is_fresh
from services.workload.measure import WINDOW, WKE, Report, Task
from services.workload.models import HOME, Abk, AbkTask, Load, Position, Seat
from services.workload.models import Report as ReportRow
from services.workload.staffing import Post, at_work, lasting
from services.workload.working import Figure

#: Runs a query: `tx.read` in a handler, `db.session.execute` behind a door.
Read = Callable[[sa.Select[*tuple[Any, ...]]], Result[*tuple[Any, ...]]]

abk, task, load = table(Abk), table(AbkTask), table(Load)
report, position, seat = table(ReportRow), table(Position), table(Seat)


@dataclass(slots=True)
class Evidence:
    """Of one unit. `reports` are those of the window, newest first; `tasks` and `wke` those of the final ABK."""

    staff: Figure
    lasting: Figure
    wke: int = WKE
    tasks: list[Task] = field(default_factory=list)
    reports: list[Report] = field(default_factory=list)


def gather(read: Read, units: Collection[str]) -> dict[str, Evidence]:
    """Everything that measuring these units needs, in five queries whatever their number."""
    staff, posts = staff_of(read, units), _posts(read, units)
    found = {unit: Evidence(staff[unit], lasting(posts[unit])) for unit in units}
    wanted = sa.select(abk.c.unit, abk.c.wke).join(load, _in_force(abk)).where(abk.c.unit.in_(units))
    for unit, wke in read(wanted):
        found[unit].wke = wke
    for unit, tasks in tasks_of(read, units).items():
        found[unit].tasks = tasks
    for unit, reports in _window(read, units).items():
        found[unit].reports = reports
    return found


def tasks_of(read: Read, units: Collection[str]) -> dict[str, list[Task]]:
    """Unit -> lines of its final ABK, in their order; no key for a unit that has none."""
    columns = (task.c.unit, task.c.task, task.c.name, task.c.volume, task.c.norm, task.c.counted)
    wanted = sa.select(*columns).join(load, _in_force(task)).where(task.c.unit.in_(units))
    found: dict[str, list[Task]] = defaultdict(list)
    for unit, *line in read(wanted.order_by(task.c.unit, task.c.place)):
        found[unit].append(Task(*line))
    return dict(found)


def staff_of(read: Read, units: Collection[str] | None = None) -> dict[str, Figure]:
    """Unit -> people at work in it, of these units or of all."""
    at_home = seat.c.mutation == HOME
    shares = [sa.func.sum(sa.case((place, seat.c.share), else_=0.0)) for place in (at_home, ~at_home)]
    wanted = sa.select(seat.c.unit, sa.func.sum(sa.case((at_home, 1), else_=0)), *shares).group_by(seat.c.unit)
    if units is not None:
        wanted = wanted.where(seat.c.unit.in_(units))
    found: dict[str, Figure] = defaultdict(lambda: at_work(0, 0, 0))
    for unit, homes, kept, borrowed in read(wanted):
        found[unit] = at_work(int(homes), homes - kept, borrowed)
    return found


def _posts(read: Read, units: Collection[str]) -> dict[str, list[Post]]:
    """Unit -> its positions with places and the people whose home post they are."""
    held = (seat.c.position == position.c.id) & (seat.c.mutation == HOME)
    columns = (position.c.unit, position.c.title, position.c.places)
    wanted = sa.select(*columns, sa.func.count(seat.c.person)).select_from(position).outerjoin(seat, held)
    found: dict[str, list[Post]] = defaultdict(list)
    grouped = wanted.where(position.c.unit.in_(units)).group_by(position.c.id).order_by(position.c.id)
    for unit, title, places, incumbents in read(grouped):
        found[unit].append(Post(title, places, incumbents))
    return found


def _window(read: Read, units: Collection[str]) -> dict[str, list[Report]]:
    """Unit -> newest reports, as many as a window can hold, without those too old to stand beside the newest."""
    newest_first = sa.func.row_number().over(partition_by=report.c.unit, order_by=report.c.period_to.desc())
    current = report.c.replaced_by.is_(None) & report.c.unit.in_(units)
    ranked = sa.select(report, newest_first.label("place")).where(current).subquery()
    wanted = sa.select(ranked).where(ranked.c.place <= WINDOW).order_by(ranked.c.unit, ranked.c.place)
    found: dict[str, list[Report]] = defaultdict(list)
    for row in read(wanted):
        reports = found[row.unit]
        if not reports or is_fresh(row.period_to, reports[0].period_to):
            counts = msgspec.json.decode(row.counts, type=dict[str, float])
            reports.append(Report(row.id, row.unit, row.period_from, row.period_to, row.days, counts, row.absent_days))
    return found


def _in_force(of: sa.Table) -> sa.ColumnElement[bool]:
    return (load.c.unit == of.c.unit) & (load.c.abk == of.c.version)
