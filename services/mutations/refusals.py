"""Refusals of this service: the law's in the kernel's shape, and those that come before the law is asked."""

from __future__ import annotations

import msgspec

from services.service import Refused, Words
from workflow.refusal import Refused as AgainstTheLaw

STATUS = {"state": 409, "authority": 403, "law": 422}


def refused(refusal: AgainstTheLaw) -> Refused:
    """The law's refusal as the kernel's: with basis and remedy, and who can act."""
    text, remedy = refusal.text, refusal.remedy
    return Refused(
        refusal.rule,
        Words(text.id, text.en),
        Words(remedy.id, remedy.en),
        status=STATUS[refusal.kind],
        basis=refusal.basis,
        also=[other.rule for other in refusal.also],
        who=[msgspec.to_builtins(c) for c in refusal.who],
    )


def unknown_case(mutation: str) -> Refused:
    return Refused(
        "unknown_mutation",
        Words(f"Tidak ada mutasi {mutation}.", f"There is no mutation {mutation}."),
        Words("Periksa nomornya di daftar mutasi.", "Check its id in the list of mutations."),
        status=404,
    )


def no_person() -> Refused:
    return Refused(
        "no_person",
        Words("Akun ini bukan milik seorang pegawai.", "This account belongs to no person."),
        Words("Masuk dengan akun pegawai.", "Sign in with a person's account."),
        status=403,
    )


def stale_version(found: int, expected: int | None) -> Refused:
    return Refused(
        "stale_version",
        Words(f"Kasus kini versi {found}, bukan {expected}.", f"The case is at version {found} now, not {expected}."),
        Words("Muat ulang, baca perubahannya, lalu putuskan.", "Reload, read what changed, then decide."),
        status=412,
        field="If-Match",
    )


def changes_wait() -> Refused:
    """A change of offices is here, and could not be applied."""
    return Refused(
        "authority_stale",
        Words(
            "Perubahan jabatan sudah tiba tetapi belum dapat diterapkan; wewenang tidak dapat dinilai.",
            "A change of offices has arrived but could not be applied yet; authority cannot be judged.",
        ),
        Words(
            "Coba lagi sebentar. Bila berlanjut, operator menyelesaikannya di halaman operasi.",
            "Try again in a moment. If it lasts, an operator settles it on the page of operations.",
        ),
        status=503,
    )


def out_of_date() -> Refused:
    """Nobody has told for a while that what is known of offices is everything."""
    return Refused(
        "authority_stale",
        Words(
            "Data jabatan belum diperbarui lebih dari satu menit; wewenang tidak dapat dinilai.",
            "What is known of offices is over a minute old; authority cannot be judged.",
        ),
        Words("Coba lagi sebentar; tidak ada yang hilang.", "Try again in a moment; nothing is lost."),
        status=503,
    )


def not_known(subject: str) -> Refused:
    """The refusal of a move of somebody, or to a position, that `personnel` has not told of."""
    kind, _, key = subject.removeprefix("personnel/").partition("/")
    words = {"person": Words("Pegawai", "Person"), "position": Words("Jabatan", "Position")}.get(
        kind, Words(kind, kind)
    )
    return Refused(
        f"unknown_{kind}",
        Words(f"{words.id} {key} tidak dikenal.", f"{words.en} {key} is unknown."),
        Words("Pilih dari daftar.", "Choose it from the list."),
        status=422,
        field="person" if kind == "person" else "to_position",
    )


def words_too_long(most: int, length: int) -> Refused:
    return Refused(
        "words_too_long",
        Words(
            f"Alasan paling banyak {most} huruf, bukan {length}.", f"A reason has at most {most} letters, not {length}."
        ),
        Words("Persingkat.", "Shorten it."),
        status=422,
        field="words",
    )
