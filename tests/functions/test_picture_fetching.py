"""Which addresses a photo is downloaded from, and how much of what they serve."""

from __future__ import annotations

import http.server
import ipaddress
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from functions.picture import fetching
from functions.picture.fetching import Unavailable, is_public

download = partial(fetching.download, allow_private=True)


class Shop(http.server.ThreadingHTTPServer):
    """Serves what a test puts into `answers`: a path's status, headers and body."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers: dict[str, tuple[int, dict[str, str], bytes]] = {}
        self.asked: list[tuple[str, str]] = []
        self.gate = threading.Event()

    def url(self, path: str, host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self.server_port}{path}"


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        shop = self.server
        assert isinstance(shop, Shop)
        shop.asked.append((self.headers["Host"], self.path))
        if self.path.startswith("/slow"):
            shop.gate.wait(30)
        status, headers, body = shop.answers.get(self.path, (404, {}, b""))
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        with suppress(OSError):  # who asked may have read enough
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def shop() -> Iterator[Shop]:
    server = Shop()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.gate.set()
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def resolve(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """Lets names resolve to the given addresses, one list a call; returns what was asked for."""

    def install(*answers: list[str]) -> list[str]:
        asked: list[str] = []
        left = list(answers)
        real = socket.getaddrinfo

        def getaddrinfo(host: str, port: int, *args: object, **options: object) -> object:
            if not host.endswith(".example"):
                return real(host, port, *args, **options)  # type: ignore[arg-type]
            asked.append(host)
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, port)) for each in left.pop(0)]

        monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
        return asked

    return install


def test_a_photo_is_downloaded(shop: Shop) -> None:
    shop.answers["/a%20b.png?v=1"] = 200, {"Content-Length": "5"}, b"photo"
    assert download(shop.url("/a b.png?v=1")) == b"photo"


def test_the_name_is_asked_for_at_the_address_that_was_looked_at(
    shop: Shop, resolve: Callable[..., list[str]]
) -> None:
    asked = resolve(["127.0.0.1"])
    shop.answers["/a.png"] = 200, {}, b"photo"
    assert download(shop.url("/a.png", "shop.example")) == b"photo"
    assert shop.asked == [(f"shop.example:{shop.server_port}", "/a.png")]
    assert asked == ["shop.example"]


def test_a_name_is_resolved_once_so_that_a_second_answer_gains_nothing(
    shop: Shop, resolve: Callable[..., list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = resolve(["203.0.113.1"], ["127.0.0.1"])
    monkeypatch.setattr(fetching, "is_public", lambda address: str(address) == "203.0.113.1")
    monkeypatch.setattr(fetching, "CONNECT_S", 0.01)
    with pytest.raises(Unavailable, match="reached"):
        fetching.download(shop.url("/a.png", "shop.example"))
    assert asked == ["shop.example"]
    assert shop.asked == []


def test_the_next_address_is_tried_where_one_cannot_be_reached(
    shop: Shop, resolve: Callable[..., list[str]]
) -> None:
    resolve(["127.0.0.2", "127.0.0.1"])
    shop.answers["/a.png"] = 200, {}, b"photo"
    assert download(shop.url("/a.png", "shop.example")) == b"photo"


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("93.184.216.34", True),
        ("2606:2800:220:1::1", True),
        ("::ffff:93.184.216.34", True),
        ("127.0.0.1", False),
        ("127.9.9.9", False),
        ("0.0.0.0", False),
        ("10.0.0.1", False),
        ("172.16.0.1", False),
        ("192.168.1.1", False),
        ("169.254.169.254", False),
        ("100.64.0.1", False),
        ("198.18.0.1", False),
        ("224.0.0.1", False),
        ("240.0.0.1", False),
        ("255.255.255.255", False),
        ("::", False),
        ("::1", False),
        ("::ffff:127.0.0.1", False),
        ("::ffff:169.254.169.254", False),
        ("fe80::1", False),
        ("fec0::1", False),
        ("fd00::1", False),
        ("fd20:ce::254", False),
        ("ff02::1", False),
        ("64:ff9b::7f00:1", False),
        ("2002:7f00:1::", False),
        ("2001:0:7f00:1::", False),
    ],
)
def test_which_addresses_are_public(address: str, public: bool) -> None:
    assert is_public(ipaddress.ip_address(address)) is public


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/a.png",
        "http://127.1/a.png",
        "http://2130706433/a.png",
        "http://0x7f000001/a.png",
        "http://[::1]/a.png",
        "http://[::ffff:127.0.0.1]/a.png",
        "http://localhost/a.png",
        "http://169.254.169.254/computeMetadata/v1/",
    ],
)
def test_private_addresses_are_refused_however_they_are_written(url: str) -> None:
    with pytest.raises(Unavailable, match="public internet"):
        fetching.download(url)


def test_a_name_with_one_private_address_is_refused(shop: Shop, resolve: Callable[..., list[str]]) -> None:
    resolve(["93.184.216.34", "127.0.0.1"])
    with pytest.raises(Unavailable, match="public internet"):
        fetching.download(shop.url("/a.png", "shop.example"))
    assert shop.asked == []


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "ftp://127.0.0.1/a",
        "gopher://x",
        "data:image/png,",
        "//host/a",
        "a.png",
        "",
        "http://",
        "http://user:secret@127.0.0.1/a.png",
        "http://[::1",
        "http://a b/",
        "http://x:99999/",
        "http://\ud800/",
    ],
)
def test_what_is_no_web_address_is_refused(url: str) -> None:
    with pytest.raises(Unavailable):
        download(url)


def test_two_redirects_are_followed_and_no_third(shop: Shop) -> None:
    shop.answers["/1"] = 302, {"Location": "/2"}, b""
    shop.answers["/2"] = 301, {"Location": shop.url("/3")}, b""
    shop.answers["/3"] = 200, {}, b"photo"
    assert download(shop.url("/1")) == b"photo"
    shop.answers["/3"] = 307, {"Location": "/4"}, b""
    with pytest.raises(Unavailable, match="redirects"):
        download(shop.url("/1"))
    assert (f"127.0.0.1:{shop.server_port}", "/4") not in shop.asked


def test_a_redirect_to_what_is_no_address_leads_to_no_photo(shop: Shop) -> None:
    shop.answers["/a.png"] = 302, {"Location": "http://[bad"}, b""
    with pytest.raises(Unavailable):
        download(shop.url("/a.png"))


@pytest.mark.parametrize("target", ["http://169.254.169.254/", "file:///etc/passwd", "http://[::1]/"])
def test_a_redirect_is_looked_at_as_the_first_address_was(
    target: str, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetching, "is_public", lambda address: str(address) == "127.0.0.1")
    shop.answers["/a.png"] = 302, {"Location": target}, b""
    with pytest.raises(Unavailable, match=r"public internet|not an http"):
        fetching.download(shop.url("/a.png"))


@pytest.mark.parametrize("status", [204, 304, 302, 403, 404, 500])
def test_anything_but_a_body_is_no_photo(status: int, shop: Shop) -> None:
    shop.answers["/a.png"] = status, {}, b""
    with pytest.raises(Unavailable, match=str(status)):
        download(shop.url("/a.png"))


@pytest.mark.parametrize("told", [True, False])
def test_a_photo_too_large_is_not_read_to_its_end(
    told: bool, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetching, "MAX_BYTES", 100_000)
    body = b"x" * 100_001
    shop.answers["/a.png"] = 200, {"Content-Length": str(len(body))} if told else {}, body
    with pytest.raises(Unavailable, match="larger"):
        download(shop.url("/a.png"))
    shop.answers["/a.png"] = 200, {}, body[:-1]
    assert download(shop.url("/a.png")) == body[:-1]


def test_a_server_that_says_nothing_is_given_up(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "READ_S", 0.05)
    with pytest.raises(Unavailable, match="timed out"):
        download(shop.url("/slow.png"))


@pytest.mark.parametrize("length", ["5", "many"])
def test_a_body_not_as_long_as_was_told_is_no_photo(length: str, shop: Shop) -> None:
    shop.answers["/a.png"] = 200, {"Content-Length": length}, b"pho"
    with pytest.raises(Unavailable):
        download(shop.url("/a.png"))


def test_a_port_where_nobody_listens_is_no_photo() -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        with pytest.raises(Unavailable, match="reached"):
            download(f"http://127.0.0.1:{bound.getsockname()[1]}/a.png")


@pytest.mark.parametrize(
    ("certified", "trusted"), [("shop.example", True), ("other.example", True), ("shop.example", False)]
)
def test_the_certificate_has_to_be_the_names(
    certified: str,
    trusted: bool,
    shop: Shop,
    resolve: Callable[..., list[str]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    certificate = _certificate(certified, tmp_path)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    shop.socket = context.wrap_socket(shop.socket, server_side=True)
    if trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    resolve(["127.0.0.1"])
    shop.answers["/a.png"] = 200, {}, b"photo"
    url = shop.url("/a.png", "shop.example").replace("http:", "https:")
    if trusted and certified == "shop.example":
        assert download(url) == b"photo"
    else:
        with pytest.raises(Unavailable, match=r"(?i)certificate"):
            download(url)
        assert shop.asked == []


def _certificate(name: str, folder: Path) -> Path:
    """A certificate that vouches for itself, with its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    path = folder / "certificate.pem"
    path.write_bytes(
        certificate.public_bytes(pem)
        + key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return path
