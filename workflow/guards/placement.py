"""From the decree to the new desk, and back home again."""

from __future__ import annotations

from workflow import commands as cmd
from workflow.calendar import add_months
from workflow.guards.question import Question, guard
from workflow.routes import STRUCTURAL


@guard
def decree_in_order(q: Question[cmd.Sign]) -> bool:
    decree, until = q.command, q.mutation.until
    in_time = until is None or decree.effective_on <= until
    return bool(decree.number) and decree.decree_date <= min(q.facts.today, decree.effective_on) and in_time


@guard
def appointment_in_order(q: Question[cmd.Appoint]) -> bool:
    return q.command.decree_date <= min(q.facts.today, q.command.effective_on)


@guard
def service_in_order(q: Question[cmd.Serve]) -> bool:
    issued = q.mutation.decree_date
    return bool(q.command.receipt) and issued is not None and issued <= q.command.served_on <= q.facts.today


@guard
def successor_named(q: Question[cmd.HandOver]) -> bool:
    return q.command.successor not in ("", q.mutation.person)


@guard
def e_signature_handed(q: Question[cmd.HandOver]) -> bool:
    return q.command.e_signature == "handed" or not q.facts.person.holds_e_signature


@guard
def effective_reached(q: Question[cmd.Start]) -> bool:
    effective = q.mutation.effective_on
    return effective is not None and effective <= q.command.started_on <= q.facts.today


@guard
def oath_taken(q: Question[cmd.Start]) -> bool:
    move = q.mutation.move
    asked = move.mode == "permanent" and (move.target.kind in STRUCTURAL or move.target.kind == "fungsional")
    return q.command.oath_taken or not asked


@guard
def payroll_moved(q: Question[cmd.Register]) -> bool:
    return q.command.payroll_moved or q.mutation.move.mode == "temporary"


@guard
def reference_given(q: Question[cmd.Register]) -> bool:
    return bool(q.command.reference)


@guard
def extension_left(q: Question[cmd.Command]) -> bool:
    return q.mutation.extensions < q.facts.pack.extensions


@guard
def extension_within_cap(q: Question[cmd.Extend]) -> bool:
    until = q.mutation.until
    return until is not None and until < q.command.until <= add_months(until, q.facts.pack.temporary_months)


@guard
def extension_before_retirement(q: Question[cmd.Extend]) -> bool:
    return q.command.until < q.facts.person.retires_on


@guard
def still_needed(q: Question[cmd.Command]) -> bool:
    """Without the helper the unit would be overloaded."""
    load, share = q.facts.target_load, q.mutation.move.share
    return load is not None and (load.staff <= share or load.ratio * load.staff / (load.staff - share) > 1)


@guard
def return_dated(q: Question[cmd.ConfirmReturn]) -> bool:
    began = q.mutation.started_on
    return (began is None or began <= q.command.returned_on) and q.command.returned_on <= q.facts.today
