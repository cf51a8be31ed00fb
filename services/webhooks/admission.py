"""Which addresses a webhook may be sent to: public ones over HTTPS, and those the operator allows by network.

The receiver chooses the URL, and the request starts inside the government's network. So a name is resolved once, every
address behind it is judged, and the request goes to an address that was judged (`Target.address`), whatever the name
resolves to a moment later. Each attempt is judged anew. The ranges are those of requests-hardened.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Literal
from urllib.parse import urlsplit

from requests_hardened.ip_filter import InvalidIPAddress, filter_host  # type: ignore[import-untyped]

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
Refusal = Literal["url_invalid", "name_unknown", "address_refused", "scheme_refused", "port_refused"]

PORTS = (443, 8443)
#: The only IPv6 space that is routed publicly (RFC 4291 §2.4, IANA registry).
GLOBAL_UNICAST = IPv6Network("2000::/3")
_URL = re.compile(r"https?://[!-\[\]-~]+")  # printable ASCII without spaces and backslashes

#: Why a URL is not called and what to do, in Bahasa Indonesia and English.
REFUSALS: dict[str, tuple[str, str]] = {
    "url_invalid": (
        "Alamat bukan URL http(s) yang utuh: tulis tanpa spasi, nama pengguna, dan fragmen; nama IDN sebagai punycode.",
        "Not a complete http(s) URL: write it without spaces, user name or fragment, and IDN names in punycode.",
    ),
    "name_unknown": (
        "Nama server tidak ditemukan di DNS: periksa ejaan dan catatan DNS-nya.",
        "The name of the server is not found in DNS: check its spelling and its DNS record.",
    ),
    "address_refused": (
        "Alamat ini tidak publik. Gunakan alamat publik, atau minta operator membuka jaringannya.",
        "This address is not public. Use a public one, or ask the operator to allow its network.",
    ),
    "scheme_refused": (
        "Hanya https yang diterima: pasang sertifikat pada server penerima.",
        "Only https is accepted: install a certificate on the receiving server.",
    ),
    "port_refused": (
        "Hanya port 443 dan 8443 yang diterima: pindahkan penerima ke salah satunya.",
        "Only ports 443 and 8443 are accepted: move the receiver to one of them.",
    ),
}


class Refused(Exception):
    """The URL is not one that webhooks are sent to"""

    def __init__(self, code: Refusal) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True)
class Target:
    """A judged URL: where to connect, and what to ask there."""

    secure: bool
    host: str
    port: int
    address: Address
    authority: str
    path: str


def resolve(host: str, port: int) -> list[str]:
    """All addresses of a name as the system knows them; forms like 2130706433 or 0x7f.1 are names to it too."""
    return [str(entry[4][0]) for entry in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


@dataclass(frozen=True, slots=True)
class Admission:
    """The rule of one deployment. In an `allowed` network http and any port are accepted as well."""

    allowed: tuple[Network, ...] = ()
    resolve: Callable[[str, int], Sequence[str]] = resolve

    @classmethod
    def parse(cls, networks: str) -> Admission:
        """The rule from its setting, CIDR networks separated by commas. ValueError when one is not a network."""
        return cls(tuple(ip_network(network.strip()) for network in networks.split(",") if network.strip()))

    def admit(self, url: str) -> Target:
        """Judge a URL now. Raises `Refused`."""
        try:
            parts = urlsplit(url)
            secure = parts.scheme == "https"
            port = parts.port or (443 if secure else 80)
        except ValueError:
            raise Refused("url_invalid") from None
        if not _URL.fullmatch(url) or not parts.hostname or "@" in parts.netloc or parts.fragment:
            raise Refused("url_invalid")
        try:
            addresses = [_unmapped(ip_address(text)) for text in self.resolve(parts.hostname, port)]
        except UnicodeError:
            raise Refused("url_invalid") from None
        except OSError:
            raise Refused("name_unknown") from None
        for address in addresses:
            self._judge(address, port, secure)
        path = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
        return Target(secure, parts.hostname, port, addresses[0], parts.netloc, path)

    def _judge(self, address: Address, port: int, secure: bool) -> None:
        if any(address in network for network in self.allowed):
            return
        if address.version == 6 and address not in GLOBAL_UNICAST:
            raise Refused("address_refused")
        try:
            filter_host(str(address), port, allow_loopback=False)
        except InvalidIPAddress:
            raise Refused("address_refused") from None
        if not secure:
            raise Refused("scheme_refused")
        if port not in PORTS:
            raise Refused("port_refused")


def _unmapped(address: Address) -> Address:
    """The IPv4 address inside an IPv4-mapped IPv6 address, which is where a connection would go."""
    return address.ipv4_mapped or address if isinstance(address, IPv6Address) else address
