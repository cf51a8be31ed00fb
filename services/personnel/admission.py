"""Whether someone can be registered as they are described; if not, which field is at fault and what to do."""

from __future__ import annotations

from services.personnel import nip
from services.personnel.commands import NewPerson
from services.service import Refused, Words

KINDS: dict[str, nip.Kind] = {"pns": "pns", "cpns": "pns", "pppk": "pppk", "pppk_part_time": "pppk"}


def checked_number(new: NewPerson, home_of_post: str | None) -> str:
    """The 18 digits of the person's number; `home_of_post` is the unit of the named position, None if unknown.

    Raises Refused, which names the field and never repeats the number.
    """
    if home_of_post != new.unit:
        raise fault(
            "position_unknown",
            "position",
            Words(f"Unit {new.unit} tidak punya posisi {new.position}.", f"{new.unit} has no position {new.position}."),
            Words("Daftarkan posisinya dulu, atau periksa kodenya.", "Register the position first, or check its code."),
        )
    if new.since < new.appointed_on:
        raise fault(
            "since_before_appointment",
            "since",
            Words("Mulai bertugas sebelum diangkat.", "In the position before being appointed."),
            Words("Cocokkan kedua tanggal dengan SK.", "Compare both dates with the decrees."),
        )
    if new.retires_on <= new.since:
        raise fault(
            "retired",
            "retires_on",
            Words("Pensiun sebelum mulai bertugas.", "Retires before being in the position."),
            Words("Periksa tanggal pensiun.", "Check the date of retirement."),
        )
    return _number(new).number()


def _number(new: NewPerson) -> nip.Nip:
    try:
        number = nip.parse(new.nip)
    except nip.InvalidNip as error:
        found = error.fault
        detail = Words(f"Angka {found.digits}: {found.id}.", f"Digits {found.digits}: {found.en}.")
        raise fault(f"nip_{error.rule}", "nip", detail, Words(found.remedy_id, found.remedy_en)) from None
    if number.kind != KINDS[new.status]:
        raise fault(
            "nip_of_other_status",
            "nip",
            Words(f"Ini nomor {number.kind.upper()}.", f"This is the number of a {number.kind.upper()}."),
            Words("Cocokkan nomor dan status dengan SK.", "Compare number and status with the decree."),
        )
    return number


def person_known() -> Refused:
    return fault(
        "person_known",
        "person",
        Words("Nomor acak ini sudah dipakai.", "This random id is in use."),
        Words("Kirim tanpa nomor; sistem yang memberi.", "Send none; the system gives one."),
    )


def number_known() -> Refused:
    return fault(
        "nip_known",
        "nip",
        Words("Pegawai dengan nomor ini sudah terdaftar.", "A person with this number is registered."),
        Words("Cari pegawai itu, atau periksa nomornya.", "Look that person up, or check the number."),
    )


def fault(rule: str, field: str, detail: Words, remedy: Words) -> Refused:
    return Refused(rule, detail, remedy, status=422, field=field)
