"""No URL leads into the network of the sender, however it is written and whatever its name resolves to."""

from __future__ import annotations

import socket
from typing import get_args

import pytest

from services.webhooks.admission import REFUSALS, Admission, Refusal, Refused, Target

PUBLIC = "93.184.216.34"
LOOPBACK = "127.0.0.0/8"


@pytest.fixture(autouse=True)
def no_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    def connect(*_: object) -> None:
        pytest.fail("a connection was made")

    monkeypatch.setattr(socket.socket, "connect", connect)
    monkeypatch.setattr(socket, "create_connection", connect)


def refusal_of(url: str, admission: Admission) -> str:
    with pytest.raises(Refused) as caught:
        admission.admit(url)
    return caught.value.code


def naming(*addresses: str, allowed: str = "") -> Admission:
    """An admission for which every name has these addresses."""
    return Admission(Admission.parse(allowed).allowed, lambda _host, _port: addresses)


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "2130706433",
        "0x7f000001",
        "0x7f.1",
        "0177.0.0.1",
        "127.1",
        "0",
        "localhost",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.0.1",
        "100.64.0.1",
        "169.254.169.254",
        "2852039166",
        "192.0.0.1",
        "192.88.99.1",
        "198.18.0.1",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "[::]",
        "[::1]",
        "[::127.0.0.1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:169.254.169.254]",
        "[::ffff:a00:1]",
        "[64:ff9b::7f00:1]",
        "[64:ff9b:1::1]",
        "[2002:7f00:1::]",
        "[2001::1]",
        "[2001:db8::1]",
        "[fe80::1]",
        "[fec0::1]",
        "[fc00::1]",
        "[fd00:ec2::254]",
        "[ff02::1]",
        "[5f00::1]",
    ],
)
def test_no_way_of_writing_an_inner_address_is_let_through(host: str) -> None:
    assert refusal_of(f"https://{host}/", Admission()) == "address_refused"


def test_a_name_for_an_inner_address_is_refused() -> None:
    assert refusal_of("https://receiver.example/", naming("10.0.0.1")) == "address_refused"


def test_one_inner_address_among_public_ones_is_enough_to_refuse() -> None:
    assert refusal_of("https://receiver.example/", naming(PUBLIC, "10.0.0.1")) == "address_refused"
    assert refusal_of("https://receiver.example/", naming("2606:4700::1111", "::1")) == "address_refused"


@pytest.mark.parametrize("address", [PUBLIC, "2606:4700::1111"])
def test_a_public_address_is_admitted(address: str) -> None:
    target = naming(address).admit("https://receiver.example/hook?a=b")
    assert str(target.address) == address
    assert (target.host, target.port, target.authority) == ("receiver.example", 443, "receiver.example")
    assert (target.path, target.secure) == ("/hook?a=b", True)


def test_a_url_without_a_path_asks_for_the_root() -> None:
    assert naming(PUBLIC).admit("https://receiver.example").path == "/"
    assert naming(PUBLIC).admit("https://receiver.example?a=b").path == "/?a=b"


@pytest.mark.parametrize("port", [443, 8443])
def test_the_two_ports_of_https_are_admitted(port: int) -> None:
    assert naming(PUBLIC).admit(f"https://receiver.example:{port}/").port == port


@pytest.mark.parametrize("port", [1, 22, 80, 5432, 8080, 65535])
def test_no_other_port_is_admitted(port: int) -> None:
    assert refusal_of(f"https://receiver.example:{port}/", naming(PUBLIC)) == "port_refused"


def test_plain_http_to_a_public_address_is_refused() -> None:
    assert refusal_of("http://receiver.example/", naming(PUBLIC)) == "scheme_refused"


def test_the_operator_opens_a_network_with_http_and_any_port() -> None:
    target = naming("127.0.0.1", allowed=LOOPBACK).admit("http://receiver.example:9000/")
    assert (str(target.address), target.port, target.secure) == ("127.0.0.1", 9000, False)


def test_a_mapped_address_is_judged_and_called_as_the_one_inside() -> None:
    assert str(naming("::ffff:127.0.0.1", allowed=LOOPBACK).admit("http://receiver.example/").address) == "127.0.0.1"
    assert refusal_of("http://receiver.example/", naming("::ffff:10.0.0.1", allowed=LOOPBACK)) == "address_refused"


def test_an_opened_network_opens_no_other_address_of_the_same_name() -> None:
    assert (
        refusal_of("http://receiver.example/", naming("127.0.0.1", "10.0.0.1", allowed=LOOPBACK)) == "address_refused"
    )


def test_a_name_is_resolved_once_for_each_judgement_so_that_it_cannot_change_in_between() -> None:
    answers = iter([[PUBLIC], ["127.0.0.1"]])
    admission = Admission(resolve=lambda _host, _port: next(answers))
    first: Target = admission.admit("https://receiver.example/")
    assert str(first.address) == PUBLIC
    assert refusal_of("https://receiver.example/", admission) == "address_refused"


@pytest.mark.parametrize(
    "url",
    [
        "",
        "receiver.example",
        "//receiver.example/",
        "ftp://receiver.example/",
        "file:///etc/passwd",
        "gopher://receiver.example/",
        "https://",
        "https:///path",
        "https://user@receiver.example/",
        "https://user:secret@receiver.example/",
        "https://@receiver.example/",
        "https://receiver.example\\@10.0.0.1/",
        "https://receiver.example/ x",
        "https://receiver.example/\r\nX-Evil: 1",
        "https://receiver.example/#part",
        "https://receiver.example:port/",
        "https://receiver.example:65536/",
        "https://[::1/",
        "https://kepegawaian.múltiple/",
    ],
)
def test_what_is_no_complete_url_is_refused(url: str) -> None:
    assert refusal_of(url, naming(PUBLIC)) == "url_invalid"


def test_a_name_too_long_for_dns_is_no_name() -> None:
    assert refusal_of(f"https://{'a' * 70}.example/", Admission()) == "url_invalid"


def test_a_name_that_does_not_resolve_is_said_to_be_unknown() -> None:
    def resolve(_host: str, _port: int) -> list[str]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    assert refusal_of("https://receiver.example/", Admission(resolve=resolve)) == "name_unknown"


def test_networks_are_read_from_a_setting() -> None:
    networks = Admission.parse(" 127.0.0.0/8, 10.1.0.0/16 ,fd00::/8,").allowed
    assert [str(network) for network in networks] == ["127.0.0.0/8", "10.1.0.0/16", "fd00::/8"]
    assert Admission.parse("").allowed == ()
    with pytest.raises(ValueError, match="host bits set"):
        Admission.parse("10.0.0.1/8")


def test_every_refusal_has_a_remedy_in_both_languages() -> None:
    assert set(REFUSALS) == set(get_args(Refusal))
    assert all(indonesian and english for indonesian, english in REFUSALS.values())
