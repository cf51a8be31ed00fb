"""Who can sign in to the sample. One password for all of them: it is printed, and opens nothing that is real."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import msgspec

from deploy.sample.model import Province
from services.identity.commands import Kind, OpenAccount
from services.identity.credentials import hash_password

PASSWORD = "sofifi pagi hari"


class _Account(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    login: str
    label: str
    office: str = ""
    kind: Kind = "person"
    roles: list[str] = []


def accounts(province: Province) -> Iterator[OpenAccount]:
    """The account of every part in the stories. `operator` comes last, and tells that the sample is complete."""
    holders = {held.office: held.person for held in province.holdings}
    hashed = hash_password(PASSWORD)
    for opd, instansi in sorted({(unit.opd, unit.instansi) for unit in province.units}):
        office = next(o for o in province.offices if o.office == f"{opd}.head")
        yield OpenAccount(
            login=f"kepala.{opd}",
            label=office.title,
            person=holders[office.office],
            roles=[f"names@{instansi}", f"reports@{opd}"],
            password_hash=hashed,
        )
    donors = (province.planted.counter_donor, province.planted.vaccination_donor)
    for person in province.people:
        if person.unit in donors:
            login = employee_login(person.person)
            yield OpenAccount(login=login, label=login, person=person.person, password_hash=hashed)
    for named in _named():
        yield OpenAccount(
            login=named.login,
            label=named.label,
            kind=named.kind,
            person=holders[named.office] if named.office else None,
            roles=named.roles,
            password_hash=hashed,
        )


def employee_login(person: str) -> str:
    """The login of an employee of the sample, from the random id that cases show."""
    return f"pegawai.{person[:13]}"


def accounts_text() -> str:
    """What a newcomer is told: who there is to be, and the password."""
    width = max(len(account.login) for account in _named()) + 2
    lines = [f"  {account.login:{width}}{account.label}" for account in _named()]
    lines.append(f"  {'kepala.<opd>':{width}}kepala OPD: kepala.8200.dukcapil, kepala.8200.dpmptsp, …")
    lines.append(f"  {'pegawai.<id>':{width}}pegawai dalam sebuah perkara; <id>: 13 huruf pertama nomornya")
    return "\n".join([f"Akun contoh, kata sandi semuanya: {PASSWORD}", *lines])


@cache
def _named() -> list[_Account]:
    written = tomllib.loads((Path(__file__).parent / "accounts.toml").read_text(encoding="utf-8"))
    return msgspec.convert(written["account"], list[_Account])
