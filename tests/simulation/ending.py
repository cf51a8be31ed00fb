"""What is judged once, when all is quiet, with the engine's own tools: ledger of the demo, audit, rebuild."""

from __future__ import annotations

from collections.abc import Iterator

import sqlalchemy as sa

from deploy.sample.ledger import doubled
from services.app import Application
from services.audit.export import verify_all
from services.replay import rebuild

Rows = dict[str, list[tuple[object, ...]]]


def broken(app: Application) -> Iterator[str]:
    """The promises that are broken in the end."""
    with app.databases.reader("audit").connect() as conn:
        yield from (f"{what}: {n} times twice" for what, n in doubled(conn).items())
    verdict = verify_all(app)
    yield from (f"audit: {fault['en']}" for fault in verdict["faults"])
    if verdict["pending"] or verdict["entries"] != sum(verdict["events"].values()):
        yield f"audit: {verdict['entries']} entries for {verdict['events']}"
    for service in app.services:
        if service.projections:
            yield from _differing(app, service.name, service.projections)


def _differing(app: Application, name: str, projections: tuple[sa.Table, ...]) -> Iterator[str]:
    """Where the projections of a service are not what a rebuild makes of the log."""
    living = _rows(app, name, projections)
    rebuild(app, name)
    for table, rows in _rows(app, name, projections).items():
        if rows != living[table]:
            lost = [row for row in living[table] if row not in rows]
            new = [row for row in rows if row not in living[table]]
            yield f"{table}: {lost[:3]} rebuilt as {new[:3]}"


def _rows(app: Application, name: str, tables: tuple[sa.Table, ...]) -> Rows:
    with app.databases.reader(name).connect() as conn:
        return {t.name: [tuple(r) for r in conn.execute(sa.select(t).order_by(*t.primary_key))] for t in tables}
