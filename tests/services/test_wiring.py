"""The wiring is read from the services' own descriptions."""

from __future__ import annotations

from functools import partial

import sqlalchemy as sa
from flask import Blueprint

from events.personnel import UnitRegistered
from events.workload import WorkloadChanged
from services.auth import requires
from services.jobs import Job
from services.service import Answer, Command, Event, Firing, Service, projects, reacts
from services.transaction import Tx
from services.wiring import Handled, handlers_of, text, wiring
from tests.toys import Report


def add(tx: Tx, event: Event) -> None: ...
def seal(tx: Tx, event: Event, leaf: str) -> None: ...
def report(tx: Tx, command: Command) -> Answer: ...
def remind(tx: Tx, firing: Firing) -> None: ...
def solve(job: Job, read: object) -> None: ...


def door() -> Blueprint:
    made = Blueprint("load", __name__, url_prefix="/workload")
    made.add_url_rule("/units/<unit>", "unit", requires("reports")(lambda unit: unit), methods=["GET", "POST"])
    return made


SERVICES = (
    Service(
        name="workload",
        metadata=sa.MetaData(),
        commands={Report: report},
        subscriptions=[projects(UnitRegistered, add), reacts(UnitRegistered, add)],
        timers={"remind": remind},
        jobs={"solve": solve},
        doors=(door(),),
    ),
    Service(name="audit", metadata=sa.MetaData(), subscriptions=[reacts("*", partial(seal, leaf="event"))]),
)
HERE = __name__


def test_an_event_leads_to_all_who_take_it_in_order() -> None:
    assert handlers_of(SERVICES, "personnel.unit_registered") == [
        Handled("workload", "personnel.unit_registered", f"{HERE}.add", "projects"),
        Handled("workload", "personnel.unit_registered", f"{HERE}.add", "reacts"),
        Handled("audit", "personnel.unit_registered", f"{HERE}.seal", "reacts"),
    ]


def test_a_subscription_to_everything_takes_every_event() -> None:
    assert all("audit" in {taker["service"] for taker in takers} for takers in wiring(SERVICES)["events"].values())
    assert WorkloadChanged.__name__ not in wiring(SERVICES)["events"]


def test_commands_timers_and_jobs_lead_to_their_functions() -> None:
    wires = wiring(SERVICES)
    found = [(w["service"], w["name"], w["handler"]) for kind in ("commands", "timers", "jobs") for w in wires[kind]]
    assert found == [
        ("workload", "Report", f"{HERE}.report"),
        ("workload", "remind", f"{HERE}.remind"),
        ("workload", "solve", f"{HERE}.solve"),
    ]


def test_routes_are_shown_method_by_method_with_their_guards() -> None:
    routes = wiring(SERVICES)["routes"]
    assert [(r["method"], r["guard"]) for r in routes if r["rule"] == "/workload/units/<unit>"] == [
        ("GET", "reports"),
        ("POST", "reports"),
    ]
    assert {r["rule"]: r["guard"] for r in routes}["/healthz"] == "open"
    assert {r["rule"]: r["guard"] for r in routes}["/operations/"] == "operator"


def test_the_text_tells_the_same_and_names_events_that_nobody_takes() -> None:
    shown = text(SERVICES[:1])
    assert f"  personnel.unit_registered\n    workload     projects  {HERE}.add" in shown
    assert "  workload.changed\n    nobody" in shown
    assert "/workload/units/<unit>" in shown
    assert "NOT GUARDED" not in shown
