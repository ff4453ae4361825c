"""Downloads a photo from an address that a shop's feed names, and from nowhere else.

A feed is the shop's own, yet an address in it must not make a function read what only it can reach: the
metadata server of the cloud, or a service beside it. So a name is resolved once, each address is looked at,
and the connection goes to the one that was looked at; a name that resolves differently the next time gains
nothing. Redirects are followed here, one by one, through the same door.

With urllib3, which every function has already, by way of google-api-core and requests: it can connect to one
address while it checks the certificate of another name, and leaves redirects alone. httpx would be new here.

A server may say a byte a second for ever, and a socket's timeout begins anew with each. So an answer, headers
as well as body, is read through `_InTime`, which looks at the time of the whole download.
"""

from __future__ import annotations

import http.client
import io
import ipaddress
import socket
import time
from contextlib import closing
from functools import partial
from typing import Any, cast
from urllib.parse import urljoin

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NewConnectionError
from urllib3.util import Url, parse_url

MAX_BYTES = 4_000_000
"""A larger photo is not read to its end: shops serve photos for pages, of some 100 KB."""

MAX_REDIRECTS = 2
CONNECT_S, READ_S, TOTAL_S = 2.0, 3.0, 6.0
"""Of a connection, of silence within an answer, and of all of it. Whoever opened the email waits less.

Only how long the system takes to resolve a name is its own affair: it gives up on its own terms.
"""

_CHUNK_BYTES = 64 * 1024
_MOVED = {301, 302, 303, 307, 308}
_HEADERS = {"Accept": "image/webp,image/png,image/jpeg,image/gif", "User-Agent": "Evermail"}

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class Unavailable(Exception):
    """There is no photo at an address, or none that may be fetched. The text says why, for logs."""


def download(url: str, *, allow_private: bool = False) -> bytes:
    """What is served at an http or https address, at most `MAX_BYTES`. Raises `Unavailable`.

    `allow_private` also takes addresses that are not on the public internet: for shops on this machine.
    """
    give_up_at = time.monotonic() + TOTAL_S
    for _ in range(MAX_REDIRECTS + 1):
        try:
            answer = _ask(_parsed(url), allow_private, give_up_at)
            if isinstance(answer, bytes):
                return answer
            url = urljoin(url, answer)
        except (HTTPError, http.client.HTTPException, OSError, ValueError) as error:
            raise Unavailable(f"{type(error).__name__}: {error}") from error
    raise Unavailable(f"more than {MAX_REDIRECTS} redirects")


def is_public(address: Address) -> bool:
    """Whether an address is on the public internet; one that tunnels to another (6to4, NAT64) is not."""
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped:
            return is_public(address.ipv4_mapped)
        if address.sixtofour or address.teredo or address.is_site_local:
            return False
    return address.is_global and not (address.is_multicast or address.is_reserved)


def _parsed(url: str) -> Url:
    parsed = parse_url(url)
    if parsed.scheme not in {"http", "https"} or not parsed.host:
        raise Unavailable("not an http or https address")
    if parsed.auth:
        raise Unavailable("an address with a user's name in it")
    return parsed


def _ask(url: Url, allow_private: bool, give_up_at: float) -> bytes | str:
    """The body, or where it has moved to."""
    host, port = cast("str", url.host).strip("[]"), url.port or (443 if url.scheme == "https" else 80)
    problem: HTTPError | None = None
    for address in _addresses(host, port, allow_private):
        with closing(_connection(url, host, port, address, give_up_at)) as connection:
            try:
                connection.connect()
            except (NewConnectionError, ConnectTimeoutError) as error:
                problem = error  # the next address may be reached, such as IPv4 where there is no IPv6
                continue
            connection.request(
                "GET",
                url.request_uri,
                headers={**_HEADERS, "Host": url.netloc or host},
                preload_content=False,
                decode_content=False,
            )
            response = connection.getresponse()
            location = response.get_redirect_location() if response.status in _MOVED else None
            return location or _body(response)
    raise Unavailable(f"cannot be reached: {problem}")


def _addresses(host: str, port: int, allow_private: bool) -> list[Address]:
    """All that a name resolves to, none of which may be private: one that is says enough of the name."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses = list(dict.fromkeys(ipaddress.ip_address(str(info[4][0])) for info in found))
    if not allow_private and not all(map(is_public, addresses)):
        raise Unavailable("not on the public internet")
    return addresses


def _connection(url: Url, host: str, port: int, address: Address, give_up_at: float) -> HTTPConnection:
    # What is left counts twice: for the connection, and for the handshake of TLS
    timeout_s = min(CONNECT_S, _left_s(give_up_at) / 2)
    if url.scheme == "http":
        connection = HTTPConnection(str(address), port, timeout=timeout_s)
    else:  # the connection goes to the address, the certificate has to be the name's
        connection = HTTPSConnection(
            str(address), port, timeout=timeout_s, server_hostname=host, assert_hostname=host
        )
    connection.response_class = partial(_response, give_up_at)  # type: ignore[assignment]
    return connection


def _left_s(give_up_at: float) -> float:
    left_s = give_up_at - time.monotonic()
    if left_s <= 0:
        raise TimeoutError(f"timed out after {TOTAL_S:g} s")
    return left_s


def _response(give_up_at: float, sock: socket.socket, **options: Any) -> http.client.HTTPResponse:
    response = http.client.HTTPResponse(sock, **options)
    response.fp.close()
    response.fp = io.BufferedReader(_InTime(sock, give_up_at))
    return response


class _InTime(io.RawIOBase):
    """What comes over a socket, until it is time to give up. Raises `TimeoutError`."""

    def __init__(self, sock: socket.socket, give_up_at: float) -> None:
        self._sock = sock
        self._stream = sock.makefile("rb", buffering=0)
        self._give_up_at = give_up_at

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._sock.settimeout(min(READ_S, _left_s(self._give_up_at)))
        return self._stream.readinto(buffer)

    def close(self) -> None:
        self._stream.close()
        super().close()


def _body(response: urllib3.BaseHTTPResponse) -> bytes:
    if response.status != 200:
        raise Unavailable(f"answered with {response.status}")
    if int(response.headers.get("Content-Length", 0)) > MAX_BYTES:
        raise Unavailable(f"larger than {MAX_BYTES} bytes")
    body = bytearray()
    while chunk := response.read1(_CHUNK_BYTES, decode_content=False):
        body += chunk
        if len(body) > MAX_BYTES:
            raise Unavailable(f"larger than {MAX_BYTES} bytes")
    return bytes(body)
