"""Errors as RFC 9457 problem documents: what is wrong, where, and what to do. A browser gets the same as a page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, cast

import sqlalchemy as sa
import structlog
from flask import Flask, Response, make_response, render_template, request
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException

from services.auth import EXPIRED
from services.batch import AnswerLost, Reused, SignedOut
from services.committer import Busy, OutcomeUnknown
from services.language import language
from services.logs import NUMBERS, blotted
from services.service import Refused, Words

log = structlog.get_logger(__name__)

MEDIA_TYPE = "application/problem+json"
JSON = (MEDIA_TYPE, "application/json")


class Standard(NamedTuple):
    """What is said of an error that has no rule of its own: its name, what happened, what to do."""

    title: Words
    detail: Words
    remedy: Words


#: What a verdict of a schema means, by a part of it.
FAULTS = {
    "Missing data": Words("wajib diisi", "is required"),
    "Unknown field": Words("tidak dikenal di sini", "is not known here"),
    "regex": Words("bentuknya keliru", "has the wrong form"),
    "date": Words("bukan tanggal yang mungkin", "is no possible date"),
    "enum": Words("bukan salah satu pilihan", "is none of the choices"),
    "length": Words("panjangnya di luar batas", "has a length out of bounds"),
    "=": Words("di luar batas", "is out of bounds"),
    "Must be": Words("di luar batas", "is out of bounds"),
    "Expected": Words("jenis nilainya keliru", "has a value of the wrong kind"),
}
STANDARD = {
    400: Standard(
        Words("Permintaan tidak dapat dibaca", "Bad request"),
        Words("Permintaan itu rusak atau tidak lengkap.", "The request is broken or incomplete."),
        Words("Perbaiki permintaan lalu kirim lagi.", "Correct the request and send it again."),
    ),
    401: Standard(
        Words("Belum masuk", "Not signed in"),
        Words("Ini memerlukan sesi atau token pembawa.", "This needs a session or a bearer token."),
        Words("Masuk dulu, lalu ulangi.", "Sign in first, then repeat."),
    ),
    403: Standard(
        Words("Tidak berwenang", "Forbidden"),
        Words("Akun Anda tidak memiliki hak untuk ini.", "Your account has no right to this."),
        Words("Minta peran ini pada admin kepegawaian.", "Ask the personnel agency for this role."),
    ),
    404: Standard(
        Words("Tidak ditemukan", "Not found"),
        Words("Tidak ada apa-apa di alamat ini.", "There is nothing at this address."),
        Words("Periksa alamat atau nomornya.", "Check the address or the id."),
    ),
    405: Standard(
        Words("Cara ini tidak dilayani", "Method not allowed"),
        Words("Alamat ini ada, tetapi tidak untuk cara ini.", "This address exists, but not for this method."),
        Words("Pakai cara yang disebut pada Allow.", "Use a method named in Allow."),
    ),
    413: Standard(
        Words("Terlalu besar", "Too large"),
        Words("Isinya lebih besar daripada yang diterima.", "The body is larger than what is taken."),
        Words("Kirim isi yang lebih kecil.", "Send a smaller body."),
    ),
    415: Standard(
        Words("Jenis isi tidak dilayani", "Unsupported media type"),
        Words("Jenis isi ini tidak dapat dibaca.", "A body of this kind cannot be read."),
        Words("Kirim isi sebagai JSON.", "Send the body as JSON."),
    ),
    422: Standard(
        Words("Isian tidak dapat diterima", "Unprocessable content"),
        Words("Beberapa isian tidak dapat diterima.", "Some fields cannot be accepted."),
        Words("Perbaiki isian itu lalu kirim lagi.", "Correct these fields and send the request again."),
    ),
    500: Standard(
        Words("Kesalahan di dalam sistem", "Internal error"),
        Words(
            "Sistem gagal; yang sudah tersimpan tetap tersimpan.", "The system failed; what was stored stays stored."
        ),
        Words("Coba lagi; bila berulang, beri tahu operator nomornya.", "Try again; if it recurs, tell the operator."),
    ),
}

BUSY = Standard(
    Words("Peladen sedang penuh", "The server takes no more requests for the moment"),
    Words("Antrean penuh; tidak ada yang dicatat.", "The queue is full; nothing of this was recorded."),
    Words(
        "Tunggu beberapa detik, lalu coba lagi; program menunggu selama Retry-After.",
        "Wait a few seconds, then try again; a program waits as long as Retry-After says.",
    ),
)
UNKNOWN = Standard(
    Words("Hasilnya belum diketahui", "The outcome is not known"),
    Words("Perintah ini tidak terjawab pada waktunya.", "The command was not answered in time."),
    Words("Kirim lagi dengan kunci yang sama.", "Send it again with the same key."),
)
AWAY = Standard(
    Words("Basis data tidak terjangkau", "Database away"),
    Words("Basis data sedang tidak terjangkau.", "The database is out of reach just now."),
    Words("Coba lagi sebentar; yang terjawab tersimpan.", "Try again; what was answered is kept."),
)
REUSED = Standard(
    Words("Kunci sudah dipakai", "The key was used before"),
    Words("Kunci ini milik perintah lain.", "This key belongs to another command."),
    Words("Pakai Idempotency-Key baru untuk perintah baru.", "Use a new Idempotency-Key for a new command."),
)
LOST = Standard(
    Words("Perintah ini sudah terlaksana", "This command was done already"),
    Words(
        "Jawabannya hilang bersama basis data yang dipulihkan dari cadangan; perintahnya tidak diulang.",
        "Its answer was lost with a database that was restored from a backup; the command is not repeated.",
    ),
    Words("Baca keadaan terkini.", "Read the current state."),
)
STALE = Standard(
    STANDARD[400].title,
    Words(
        "Halaman ini terbuka terlalu lama, atau dikirim dari situs lain. Yang Anda isi belum terkirim.",
        "This page was open for too long, or was sent from another site. What you filled in was not sent.",
    ),
    Words("Muat ulang halamannya, lalu kirim lagi.", "Load the page anew, then send it again."),
)


def problem(
    status: int, title: str, detail: str, *, remedy: str = "", headers: dict[str, str] | None = None, **more: Any
) -> Response:
    """A problem document, or a page for a browser that asks for one; a NIP or NIK that was sent is not sent back."""
    found = {"type": "about:blank", "title": title, "status": status, "detail": detail, "remedy": remedy, **more}
    body = blotted({name: value for name, value in found.items() if value}, NUMBERS)
    if request.path.startswith("/api/") or request.accept_mimetypes.best_match(["text/html", *JSON]) != "text/html":
        response = make_response(body, status)
        response.content_type = MEDIA_TYPE
    else:
        response = make_response(render_template("problem.html", problem=body), status)
    response.headers.extend(headers or {})
    return response


def told(status: int, error: Standard, **more: Any) -> Response:
    """The problem document of an error that says the same each time."""
    return problem(status, pick(error.title), pick(error.detail), remedy=pick(error.remedy), **more)


def pick(words: Words) -> str:
    """The sentence in the reader's language."""
    return words.en if language() == "en" else words.id


def explained(message: str) -> Words:
    """The verdict of a schema as a sentence."""
    return next((words for mark, words in FAULTS.items() if mark in message), Words(message, message))


def _spoken(errors: Any) -> Any:
    """Messages by location and field in the reader's language."""
    if isinstance(errors, Mapping):
        return {name: _spoken(inner) for name, inner in errors.items()}
    if isinstance(errors, list):
        return [_spoken(inner) for inner in errors]
    return errors if language() == "en" else explained(str(errors)).id


def _fields(errors: Mapping[str, Any]) -> Iterator[str]:
    """The names of the fields in messages by location: {"json": {"start": [...]}}."""
    for location, messages in errors.items():
        yield from messages if isinstance(messages, Mapping) and "_schema" not in messages else (location,)


def install_problems(app: Flask) -> None:
    """Every error of a request becomes a problem document."""

    @app.errorhandler(Refused)
    def refused(error: Refused) -> Response:
        detail, remedy = pick(error.detail), pick(error.remedy)
        more: dict[str, Any] = error.more
        name = Words("Aturan tidak mengizinkan", "The rules do not allow this")
        return problem(error.status, pick(name), detail, remedy=remedy, rule=error.rule, **more)

    @app.errorhandler(Busy)
    def busy(error: Busy) -> Response:
        return told(429, BUSY, headers={"Retry-After": "1"})

    @app.errorhandler(OutcomeUnknown)
    def unknown(error: OutcomeUnknown) -> Response:
        return told(503, UNKNOWN, headers={"Retry-After": "2"})

    @app.errorhandler(sa.exc.OperationalError)
    @app.errorhandler(sa.exc.InterfaceError)
    def away(error: sa.exc.DBAPIError) -> Response:
        log.warning("database away", path=request.path, error=repr(error.orig))
        return told(503, AWAY, headers={"Retry-After": "2"})

    @app.errorhandler(Reused)
    def reused(error: Reused) -> Response:
        return told(422, REUSED, field="Idempotency-Key")

    @app.errorhandler(SignedOut)
    def signed_out(error: SignedOut) -> Response:
        standard = STANDARD[401]
        return problem(401, pick(standard.title), pick(EXPIRED), remedy=pick(standard.remedy))

    @app.errorhandler(AnswerLost)
    def lost(error: AnswerLost) -> Response:
        return told(409, LOST)

    @app.errorhandler(CSRFError)
    def stale(error: CSRFError) -> Response:
        return told(400, STALE)

    @app.errorhandler(HTTPException)
    def http(error: HTTPException) -> Response:
        status, said = error.code or 500, cast(str | Words | None, error.description)
        standard = STANDARD.get(status) or STANDARD[400 if status < 500 else 500]
        name = pick(standard.title) if status in STANDARD else error.name
        if not said or said == type(error).description:
            said = standard.detail
        detail = pick(said) if isinstance(said, Words) else said
        more: dict[str, Any] = {}
        if errors := (getattr(error, "data", None) or {}).get("messages"):
            fields = list(_fields(errors))
            detail = pick(Words(f"Tidak dapat diterima: {', '.join(fields)}.", f"Not acceptable: {', '.join(fields)}."))
            more = {"field": fields[0], "errors": _spoken(errors)}
        headers = {name: value for name, value in error.get_headers() if name != "Content-Type"}
        return problem(status, name, detail, remedy=pick(standard.remedy), headers=headers, **more)

    @app.errorhandler(Exception)
    def bug(error: Exception) -> Response:
        log.exception("request failed", path=request.path)
        return problem(500, pick(STANDARD[500].title), type(error).__name__, remedy=pick(STANDARD[500].remedy))
