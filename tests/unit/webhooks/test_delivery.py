"""One attempt against a real receiver on this machine, which checks signatures with code of its own."""

from __future__ import annotations

import base64
import hashlib
import hmac
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_network
from pathlib import Path
from typing import get_args

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from services.webhooks.admission import Admission, Refusal
from services.webhooks.delivery import ERRORS, Answered, Attempt, Failure, deliver, error_of, redact
from services.webhooks.signing import PrivateKey, Secret

NOW = datetime(2026, 11, 24, 7, 0, tzinfo=UTC)
KEY = bytes(range(32))
BODY = '{"specversion":"1.0","id":"1","catatan":"Pulau Halmahera ‖"}'.encode()
HERE = Admission((ip_network("127.0.0.0/8"),))
Respond = Callable[[BaseHTTPRequestHandler], None]


@dataclass
class Receiver:
    """What reached the receiver; `respond` writes its answer."""

    respond: Respond
    requests: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook?from=imbang"


@contextmanager
def listening(respond: Respond, context: ssl.SSLContext | None = None) -> Iterator[Receiver]:
    receiver = Receiver(respond)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            sent = {name.lower(): value for name, value in self.headers.items()}
            receiver.requests.append((self.path, sent, body))
            receiver.respond(self)

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        def handle_error(self, *_: object) -> None:
            pass  # the client cuts connections on purpose

    with Server(("127.0.0.1", 0), Handler) as server:
        if context:
            server.socket = context.wrap_socket(server.socket, server_side=True)
        receiver.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield receiver
        finally:
            server.shutdown()
            thread.join()


def answer(status: int, body: bytes = b"", **headers: str) -> Respond:
    def respond(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return respond


def attempt(url: str, *, admission: Admission = HERE, timeout: float = 10, authorities: str | None = None) -> Attempt:
    return deliver(
        url, "msg_1", BODY, [Secret(KEY)], now=NOW, admission=admission, timeout=timeout, authorities=authorities
    )


def signature(sent: dict[str, str], body: bytes) -> str:
    """The signature that a receiver computes with nothing but its standard library."""
    signed = f"{sent['webhook-id']}.{sent['webhook-timestamp']}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(KEY, signed, hashlib.sha256).digest()).decode()


def test_the_receiver_gets_the_bytes_as_they_are_with_a_signature_it_can_check() -> None:
    with listening(answer(204)) as receiver:
        result = attempt(receiver.url)
    [(path, sent, body)] = receiver.requests
    assert (path, body) == ("/hook?from=imbang", BODY)
    assert sent["content-type"] == "application/cloudevents+json"
    assert sent["host"] == f"127.0.0.1:{receiver.port}"
    assert (sent["webhook-id"], sent["webhook-timestamp"]) == ("msg_1", str(int(NOW.timestamp())))
    assert sent["webhook-signature"] == signature(sent, body)
    assert (result.status, result.outcome, result.error) == (204, "delivered", None)
    assert (result.message, result.at) == ("msg_1", NOW)
    assert 0 < result.duration < 10


def test_every_key_signs() -> None:
    with listening(answer(200)) as receiver:
        deliver(receiver.url, "m", BODY, [PrivateKey.generate(), Secret(KEY)], now=NOW, admission=HERE)
    [(_, sent, body)] = receiver.requests
    asymmetric, symmetric = sent["webhook-signature"].split(" ")
    assert asymmetric.startswith("v1a,")
    assert symmetric == signature(sent, body)


def test_a_name_is_called_at_the_judged_address_under_its_own_host_header() -> None:
    asked: list[str] = []

    def resolve(host: str, _port: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"]

    with listening(answer(200)) as receiver:
        result = attempt(f"http://Receiver.example:{receiver.port}/", admission=Admission(HERE.allowed, resolve))
    assert result.outcome == "delivered"
    assert receiver.requests[0][1]["host"] == f"Receiver.example:{receiver.port}"
    assert asked == ["receiver.example"]


@pytest.mark.parametrize("host", ["127.0.0.1", "2130706433", "0x7f000001", "localhost", "[::ffff:127.0.0.1]"])
def test_a_receiver_at_an_inner_address_is_not_even_connected_to(host: str) -> None:
    with listening(answer(200)) as receiver:
        result = attempt(f"https://{host}:{receiver.port}/", admission=Admission())
    assert (result.outcome, result.error, result.status) == ("failed", "address_refused", None)
    assert receiver.requests == []


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_a_failure_and_is_never_followed(status: int) -> None:
    with listening(answer(200)) as inner, listening(answer(status, Location=inner.url)) as receiver:
        result = attempt(receiver.url)
    assert (result.status, result.outcome, result.error) == (status, "failed", "redirected")
    assert (len(receiver.requests), inner.requests) == (1, [])


def test_a_proxy_of_the_environment_is_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    monkeypatch.delenv("NO_PROXY", raising=False)
    with listening(answer(200)) as receiver:
        assert attempt(receiver.url).outcome == "delivered"


@pytest.mark.parametrize(
    ("status", "outcome", "error"),
    [
        (410, "gone", "gone"),
        (429, "throttled", "throttled"),
        (504, "throttled", "throttled"),
        (404, "failed", "unsuccessful"),
        (500, "failed", "unsuccessful"),
    ],
)
def test_what_the_receiver_answers_is_kept_with_its_meaning(status: int, outcome: str, error: str) -> None:
    with listening(answer(status, b"not today", Retry_After="120")) as receiver:
        result = attempt(receiver.url)
    assert (result.status, result.outcome, result.error) == (status, outcome, error)
    assert (result.retry_after, result.excerpt) == ("120", "not today")


def test_a_receiver_that_is_off_cannot_be_reached() -> None:
    with listening(answer(200)) as receiver:
        url = receiver.url
    assert attempt(url).error == "connection_failed"


def test_a_receiver_that_hangs_up_has_lost_the_connection() -> None:
    with listening(lambda handler: handler.connection.close()) as receiver:
        assert attempt(receiver.url).error == "connection_lost"


def test_an_answer_that_is_not_http_is_no_answer() -> None:
    with listening(lambda handler: handler.connection.sendall(b"SSH-2.0-OpenSSH_9.2\r\n")) as receiver:
        assert attempt(receiver.url).error == "connection_lost"


def test_a_receiver_that_says_nothing_is_cut_off() -> None:
    release = threading.Event()

    def wait(_: BaseHTTPRequestHandler) -> None:
        release.wait(10)

    with listening(wait) as receiver:
        result = attempt(receiver.url, timeout=0.2)
        release.set()
    assert (result.error, result.outcome) == ("timeout", "failed")
    assert result.duration < 5


def test_a_receiver_that_drips_its_answer_is_cut_off_all_the_same() -> None:
    """Each byte comes well within the time limit, all of them never do."""
    release = threading.Event()

    def drip(handler: BaseHTTPRequestHandler) -> None:
        while not release.wait(0.02):
            handler.connection.sendall(b"H")

    with listening(drip) as receiver:
        result = attempt(receiver.url, timeout=0.3)
        release.set()
    assert result.error == "timeout"
    assert result.duration < 5


def test_a_body_without_end_does_not_undo_the_status() -> None:
    release = threading.Event()

    def drip(handler: BaseHTTPRequestHandler) -> None:
        handler.connection.sendall(b"HTTP/1.0 200 OK\r\n\r\n")
        while not release.wait(0.02):
            handler.connection.sendall(b"x")

    with listening(drip) as receiver:
        result = attempt(receiver.url, timeout=0.3)
        release.set()
    assert (result.status, result.outcome) == (200, "delivered")
    assert result.duration < 5


def test_a_long_answer_is_read_to_its_cap_and_kept_to_one_kilobyte() -> None:
    with listening(answer(500, b"panjang sekali " * 100_000)) as receiver:
        result = attempt(receiver.url)
    assert len(result.excerpt.encode()) == 1024


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A self-signed certificate of receiver.example with its key, in one file."""
    key = generate_private_key(SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "receiver.example")])
    today = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(today - timedelta(days=1))
        .not_valid_after(today + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("receiver.example")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "receiver.pem"
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.write_bytes(private + made.public_bytes(Encoding.PEM))
    return path


@pytest.mark.parametrize(
    ("name", "trusted", "error"),
    [
        ("receiver.example", True, None),
        ("another.example", True, "tls_failed"),
        ("receiver.example", False, "tls_failed"),
    ],
)
def test_the_certificate_must_be_trusted_and_belong_to_the_name_of_the_url(
    certificate: Path, name: str, trusted: bool, error: str | None
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    named = Admission(HERE.allowed, lambda _host, _port: ["127.0.0.1"])
    with listening(answer(200), context) as receiver:
        authorities = str(certificate) if trusted else None
        result = attempt(f"https://{name}:{receiver.port}/", admission=named, authorities=authorities)
    assert result.error == error
    assert len(receiver.requests) == (error is None)


def test_plain_http_where_tls_was_expected_is_a_tls_failure() -> None:
    with listening(answer(200)) as receiver:
        assert attempt(receiver.url.replace("http:", "https:")).error == "tls_failed"


@pytest.mark.parametrize(
    ("body", "kept"),
    [
        (b"NIP 198001012005011001 tidak ada", "NIP […] tidak ada"),
        (b"NIP 19800101 200501 1 001.", "NIP […]."),
        (b"telepon 0812-3456-7890", "telepon […]"),
        (b"tanya siti.aminah@malutprov.go.id", "tanya […]"),
        (b"token eyJhbGciOiJIUzI1NiIsInR5cCI6 salah", "token […] salah"),
        (b"baris 1\r\nbaris 2\x1b[31m", "baris 1  baris 2 [31m"),
        (b"HTTP 500 pada 2026", "HTTP 500 pada 2026"),
        (b"\xff\xfe", "��"),
    ],
)
def test_what_is_kept_of_an_answer_names_and_authorises_nobody(body: bytes, kept: str) -> None:
    assert redact(body) == kept


def test_a_number_is_redacted_before_the_answer_is_cut() -> None:
    assert "1980" not in redact(b"x " * 510 + b"198001012005011001")


def test_an_attempt_travels_as_json() -> None:
    made = Attempt(message="m", at=NOW, duration=0.5, outcome="failed", error="timeout")
    assert msgspec.json.decode(msgspec.json.encode(made), type=Attempt) == made


def test_a_delivered_message_has_no_error() -> None:
    assert error_of(200) is None


def test_every_error_has_a_remedy_in_both_languages() -> None:
    assert set(ERRORS) == {*get_args(Refusal), *get_args(Failure), *get_args(Answered)}
    assert all(indonesian and english for indonesian, english in ERRORS.values())
