"""One attempt to deliver a message: an HTTP POST to a judged address, and what came of it.

The connection is made by the standard library to the very address that was judged, with the certificate checked against
the name in the URL. So nothing can steer it: no redirect is followed, no proxy or other setting of the environment is
read, no cookie is kept. One deadline ends the attempt as a whole, however slowly the receiver sends its bytes.
"""

from __future__ import annotations

import re
import socket
import ssl
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from http.client import HTTPConnection, HTTPException
from typing import Literal

import msgspec
from requests.utils import DEFAULT_CA_BUNDLE_PATH

from services.webhooks.admission import REFUSALS, Admission, Refusal, Refused, Target
from services.webhooks.schedule import Outcome, classify
from services.webhooks.signing import Signer, headers

TIMEOUT = 15.0  # seconds, the whole attempt after the connection stands
CONNECT_TIMEOUT = 5.0  # seconds
READ_CAP = 64 * 1024  # bytes of the answer that are read
KEPT = 1024  # bytes of it that are kept, redacted

Failure = Literal["connection_failed", "connection_lost", "timeout", "tls_failed"]
Answered = Literal["redirected", "gone", "throttled", "unsuccessful"]
Code = Refusal | Failure | Answered

#: What went wrong and what to do, in Bahasa Indonesia and English.
ERRORS: dict[str, tuple[str, str]] = {
    **REFUSALS,
    "connection_failed": (
        "Server penerima tidak dapat dihubungi: pastikan server hidup dan firewall mengizinkan kami.",
        "The receiver cannot be reached: make sure that it runs and that its firewall lets us in.",
    ),
    "connection_lost": (
        "Sambungan terputus sebelum ada jawaban HTTP: periksa log server dan proksi penerima.",
        "The connection ended before an HTTP answer: check the logs of the receiver and of its proxy.",
    ),
    "timeout": (
        "Tidak ada jawaban dalam batas waktu: jawab 2xx segera, kerjakan isinya kemudian.",
        "No answer within the time limit: answer 2xx at once and do the work afterwards.",
    ),
    "tls_failed": (
        "Sertifikat server tidak sah atau tidak cocok dengan namanya: pasang yang berlaku beserta rantainya.",
        "The certificate is not valid for this name: install a current one with its chain.",
    ),
    "redirected": (
        "Penerima mengalihkan ke alamat lain, yang tidak kami ikuti: daftarkan alamat akhirnya.",
        "The receiver redirects, which is not followed: register the final address.",
    ),
    "gone": (
        "Penerima menjawab 410 dan tidak lagi menerima pesan: aktifkan kembali bila itu keliru.",
        "The receiver answered 410 and wants no more messages: enable it again if that was a mistake.",
    ),
    "throttled": (
        "Penerima kewalahan: tambah kapasitasnya, atau sebutkan jeda dalam Retry-After.",
        "The receiver is overloaded: give it capacity, or say in Retry-After how long to wait.",
    ),
    "unsuccessful": (
        "Penerima menolak pesan: jawab 2xx bila sudah diterima; sebabnya ada pada log penerima.",
        "The receiver did not accept the message: answer 2xx once you have it; its own log says why not.",
    ),
}

#: Numbers as long as a NIP or telephone number, e-mail addresses, and anything that may be a key or a token.
_PRIVATE = re.compile(r"\d(?:[ .-]?\d){7,}|[\w.+-]{1,64}@[\w.-]{1,255}|[A-Za-z0-9+/_=]{24,}")


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """What came of one attempt. No `status` when no HTTP answer came; no `error` when the message was delivered.

    `duration` in seconds; `retry_after` is the header as it came; `excerpt` is the beginning of the answer's body.
    """

    message: str
    at: datetime
    duration: float
    outcome: Outcome
    status: int | None = None
    error: Code | None = None
    retry_after: str | None = None
    excerpt: str = ""


class _Answer(msgspec.Struct, frozen=True):
    status: int
    retry_after: str | None
    body: bytes


class _Failed(Exception):
    def __init__(self, code: Failure) -> None:
        super().__init__(code)
        self.code: Failure = code


def deliver(
    url: str,
    message: str,
    body: bytes,
    keys: Iterable[Signer],
    *,
    now: datetime,
    admission: Admission,
    timeout: float = TIMEOUT,
    authorities: str | None = None,
) -> Attempt:
    """Send a message once, signed by all `keys`, at `now` (aware UTC). Never raises for what the receiver does.

    `authorities`: path of a PEM file of certificate authorities to trust instead of the public ones.
    """
    sent = headers(message, body, keys, now=now)
    started = time.monotonic()
    try:
        answer = _post(admission.admit(url), sent, body, timeout, authorities or DEFAULT_CA_BUNDLE_PATH)
    except (Refused, _Failed) as failure:
        duration = time.monotonic() - started
        return Attempt(message=message, at=now, duration=duration, outcome="failed", error=failure.code)
    return Attempt(
        message=message,
        at=now,
        duration=time.monotonic() - started,
        outcome=classify(answer.status),
        status=answer.status,
        error=error_of(answer.status),
        retry_after=answer.retry_after,
        excerpt=redact(answer.body),
    )


def error_of(status: int) -> Answered | None:
    """The error that an HTTP status stands for; None for success."""
    outcome = classify(status)
    if outcome == "failed":
        return "redirected" if 300 <= status < 400 else "unsuccessful"
    return None if outcome == "delivered" else outcome


def redact(body: bytes) -> str:
    """The beginning of an answer, at most 1 kB of UTF-8, fit to be shown: nothing in it that may name or authorise."""
    text = _PRIVATE.sub("[…]", body.decode(errors="replace"))
    printable = "".join(character if character.isprintable() else " " for character in text)
    return printable.encode()[:KEPT].decode(errors="ignore")


def _post(target: Target, sent: dict[str, str], body: bytes, timeout: float, authorities: str) -> _Answer:
    try:
        sock = socket.create_connection((str(target.address), target.port), min(CONNECT_TIMEOUT, timeout))
    except TimeoutError:
        raise _Failed("timeout") from None
    except OSError:
        raise _Failed("connection_failed") from None
    with sock:
        if target.secure:
            context = ssl.create_default_context(cafile=authorities)
            sock = context.wrap_socket(sock, server_hostname=target.host, do_handshake_on_connect=False)
        sock.settimeout(timeout)
        with sock, _deadline(sock, timeout) as passed:
            try:
                if isinstance(sock, ssl.SSLSocket):
                    sock.do_handshake()
                return _exchange(sock, target, sent, body)
            except (OSError, HTTPException) as error:
                if passed.is_set() or isinstance(error, TimeoutError):
                    raise _Failed("timeout") from error
                raise _Failed("tls_failed" if isinstance(error, ssl.SSLError) else "connection_lost") from error


def _exchange(sock: socket.socket, target: Target, sent: dict[str, str], body: bytes) -> _Answer:
    connection = HTTPConnection(target.host, target.port)
    connection.sock = sock
    fixed = {"Host": target.authority, "Content-Type": "application/cloudevents+json", "User-Agent": "Imbang-Webhooks"}
    connection.request("POST", target.path, body, fixed | sent)
    response = connection.getresponse()
    kept = b""
    with suppress(OSError, HTTPException):  # the status decides; the body is for the log only
        kept = response.read(READ_CAP)
    return _Answer(response.status, response.getheader("Retry-After"), kept)


@contextmanager
def _deadline(sock: socket.socket, seconds: float) -> Iterator[threading.Event]:
    """Shut the connection down after so many seconds. The timeout of a socket bounds each read, not all of them."""
    passed = threading.Event()

    def cut() -> None:
        passed.set()
        with suppress(OSError):
            socket.socket.shutdown(sock, socket.SHUT_RDWR)  # of the socket below TLS, which another thread is reading

    timer = threading.Timer(seconds, cut)
    timer.daemon = True
    timer.start()
    try:
        yield passed
    finally:
        timer.cancel()
