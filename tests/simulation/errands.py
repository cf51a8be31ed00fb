"""What else goes on: reports, recruits, orders that seat and unseat, accounts, endpoints."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from datetime import date, timedelta
from random import Random

from events.authority import HolderAppointed
from services.identity.commands import OpenAccount, RevokeSessions
from services.personnel import commands as personnel
from services.webhooks.commands import EnableEndpoint, PauseEndpoint, Ping, RotateSecret
from services.workload.commands import Counted, SubmitReport, SubmitReports
from tests.simulation.islands import ENDPOINTS, TASK, UNITS, person, pool, recruit, unit_of
from tests.simulation.officials import Wish

Errand = Callable[[Random, sqlite3.Connection, date], Wish]
#: The last number that a recruit may have.
LAST = 98


def report(random: Random, conn: sqlite3.Connection, today: date) -> Wish:
    """A unit reports its work of a day; now and then it drowns."""
    return Wish("workload", _report(random, today))


def reports(random: Random, conn: sqlite3.Connection, today: date) -> Wish:
    units = random.sample(UNITS, 3)
    return Wish("workload", SubmitReports(reports=[_report(random, today, unit) for unit in units]))


def _report(random: Random, today: date, unit: str | None = None) -> SubmitReport:
    day = today - timedelta(days=random.choice((0, 1, 2)))
    volume = float(random.choice((10, 20, 30, 40, 60, 90)))
    where = unit or random.choice(UNITS)
    return SubmitReport(unit=where, period_from=day, period_to=day, lines=[Counted(task=TASK, volume=volume)])


def rename(random: Random, conn: sqlite3.Connection, today: date) -> Wish:
    unit = random.choice(UNITS)
    return Wish("personnel", personnel.RegisterUnits(units=[unit_of(unit, f"Loket {random.randrange(9)}")]))


def recruit_one(random: Random, conn: sqlite3.Connection, today: date) -> Wish:
    (known,) = conn.execute("SELECT count(*) FROM personnel_person").fetchone()
    unit = random.choice(UNITS)
    new = recruit(min(known, LAST), unit, pool(unit), today)
    return Wish("personnel", personnel.RegisterPeople(people=[new]))


def stand_in(random: Random, conn: sqlite3.Connection, today: date) -> Wish:
    """Somebody acts for a holder for some days, or takes an office that stands empty."""
    vacant = conn.execute(
        "SELECT id FROM personnel_office WHERE id NOT IN (SELECT office FROM personnel_holding "
        "WHERE capacity = 'definitive' AND until IS NULL) ORDER BY id"
    ).fetchall()
    offices = vacant or conn.execute("SELECT id FROM personnel_office ORDER BY id").fetchall()
    seated = HolderAppointed(
        office=random.choice(offices)["id"], person=person(random.randrange(30)),
        capacity="definitive" if vacant else "plh", order=f"SK-{random.randrange(1000)}", since=today,
        until=None if vacant else today + timedelta(days=random.choice((0, 2, 9))),
        barred=["Sign"] if random.random() < 0.2 else [],
    )  # fmt: skip
    return Wish("personnel", personnel.AppointHolders(holders=[seated]))


def unseat(random: Random, conn: sqlite3.Connection, today: date) -> Wish:
    """A holder's last day was yesterday: a stand-in's, mostly."""
    capacity = "definitive" if random.random() < 0.2 else "plh"
    running = (
        "SELECT office, person FROM personnel_holding WHERE capacity = ? AND (until IS NULL OR until >= ?) "
        "ORDER BY office, person"
    )
    rows = conn.execute(running, (capacity, today.isoformat())).fetchall()
    if not rows:
        return stand_in(random, conn, today)
    row, last = random.choice(rows), today - timedelta(days=1)
    ended = personnel.EndHolding(office=row["office"], person=row["person"], capacity=capacity, on=last, order="SK-9")
    return Wish("personnel", ended)


def delegate(random: Random, conn: sqlite3.Connection, today: date) -> Wish:
    row = random.choice(conn.execute("SELECT * FROM personnel_holding ORDER BY office, person, since").fetchall())
    deputy = personnel.Delegate(
        office=row["office"], by_person=row["person"], to_person=person(random.randrange(30)),
        order=f"D-{random.randrange(1000)}", commands=["Screen", "Sign", "Settle", "Vote"], since=today,
        until=today + timedelta(days=5),
    )  # fmt: skip
    return Wish("personnel", deputy)


def account(random: Random, conn: sqlite3.Connection, today: date) -> Wish:
    accounts = conn.execute("SELECT id FROM identity_account ORDER BY id").fetchall()
    if accounts and random.random() < 0.7:
        return Wish("identity", RevokeSessions(account=random.choice(accounts)["id"]))
    return Wish("identity", OpenAccount(login=f"pegawai{random.randrange(20)}", label="Pegawai"))


def endpoint(random: Random, conn: sqlite3.Connection, today: date) -> Wish:
    kind = random.choice((Ping, PauseEndpoint, EnableEndpoint, EnableEndpoint, EnableEndpoint))
    chosen = random.choice(list(ENDPOINTS))
    data = RotateSecret(endpoint=chosen) if random.random() < 0.1 else kind(chosen)
    return Wish("webhooks", data)


#: Errand -> how often, relative to the others.
ERRANDS: dict[Errand, int] = {
    report: 40,
    reports: 6,
    stand_in: 8,
    unseat: 8,
    delegate: 4,
    account: 3,
    endpoint: 3,
    rename: 2,
    recruit_one: 2,
}


def errand(random: Random, conn: sqlite3.Connection, today: date) -> Wish:
    """One of them."""
    chosen = random.choices(list(ERRANDS), list(ERRANDS.values()))[0]
    return chosen(random, conn, today)
