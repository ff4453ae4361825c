"""Opening a feed: where it comes from, how it is packed, and what ends it too early."""

from __future__ import annotations

import gzip
import io
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from evermail.catalog import source
from evermail.catalog.source import Feed, FeedBroken, FeedError, FeedUnavailable, open_feed

TEXT = b"id\ttitle\n" + b"".join(b"SKU-%d\tA lamp\n" % number for number in range(40_000))


def content(feed: str, stdin: bytes = b"") -> bytes:
    with open_feed(feed, stdin=io.BytesIO(stdin)) as opened:
        return b"".join(iter(opened.read, b""))


def until_broken(feed: Feed) -> tuple[bytes, FeedBroken]:
    read = b""
    try:
        while piece := feed.read():
            read += piece
    except FeedBroken as broken:
        return read, broken
    raise AssertionError("the feed was read to its end")


# Paths and standard input


@pytest.mark.parametrize(
    "pack",
    [
        bytes,
        gzip.compress,
        lambda data: gzip.compress(gzip.compress(data)),
        lambda data: gzip.compress(data[:1]) + gzip.compress(data[1:]),
    ],
    ids=["plain", "gzip", "gzip twice", "gzip in two parts"],
)
def test_a_file_is_unpacked_by_what_it_holds(tmp_path: Path, pack: Callable[[bytes], bytes]) -> None:
    path = tmp_path / "feed.txt"
    path.write_bytes(pack(TEXT))
    assert content(str(path)) == TEXT
    assert content("-", stdin=pack(TEXT)) == TEXT


def test_how_much_was_read_is_counted_as_it_is_stored(tmp_path: Path) -> None:
    path = tmp_path / "feed.gz"
    path.write_bytes(gzip.compress(TEXT))
    with open_feed(str(path), stdin=io.BytesIO()) as feed:
        assert feed.total == path.stat().st_size
        while feed.read():
            pass
        assert feed.passed == feed.total


def test_standard_input_is_not_closed() -> None:
    stdin = io.BytesIO(TEXT)
    with open_feed("-", stdin=stdin) as feed:
        feed.read()
    assert not stdin.closed


@pytest.mark.parametrize("name", ["missing.xml", "."])
def test_what_cannot_be_opened_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FeedError, match=f"cannot open {name}: "):
        content(name)


def test_a_zip_archive_is_refused_with_advice() -> None:
    with pytest.raises(FeedError, match="standard input is a zip archive: unpack it first"):
        content("-", stdin=b"PK\x03\x04 and so on")


# What ends too early


def test_a_cut_off_gzip_file_gives_what_it_has() -> None:
    packed = gzip.compress(TEXT)
    read, broken = until_broken(Feed("feed", io.BytesIO(packed[: len(packed) // 2]), None))
    assert len(read) > len(TEXT) // 4
    assert TEXT.startswith(read)
    assert "the gzip data ends in the middle" in str(broken)


@pytest.mark.parametrize("at", [0.5, 1.0], ids=["data", "checksum"])
def test_a_damaged_gzip_file_is_told(at: float) -> None:
    packed = bytearray(gzip.compress(TEXT))
    end = int(len(packed) * at)
    packed[end - 8 : end - 4] = b"\xff\xff\xff\xff"
    _, broken = until_broken(Feed("feed", io.BytesIO(packed), None))
    assert "the gzip data is damaged" in str(broken)


def test_a_feed_larger_than_the_limit_ends_there() -> None:
    read, broken = until_broken(Feed("feed", io.BytesIO(TEXT), None, max_bytes=200_000))
    assert len(read) <= 200_000
    assert "larger than 200,000 bytes" in str(broken)


def test_what_unpacks_to_much_more_is_unpacked_piece_by_piece() -> None:
    feed = Feed("feed", io.BytesIO(gzip.compress(b"\0" * 50_000_000)), None, max_bytes=1_000_000)
    sizes = []
    while sum(sizes) + source.PIECE <= 1_000_000:
        sizes.append(len(feed.read()))
    assert 0 < max(sizes) <= source.PIECE
    assert "larger" in str(until_broken(feed)[1])


# URLs


class Site(BaseHTTPRequestHandler):
    """A shop's web server."""

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if path == "/moved":
            self._answer(302, b"", Location="/feed")
        elif path == "/round":
            self._answer(302, b"", Location="/round")
        elif path == "/packed":
            self._answer(200, gzip.compress(TEXT), **{"Content-Encoding": "gzip"})
        elif path == "/short":
            self._answer(200, TEXT[: len(TEXT) // 2], length=len(TEXT))
        elif path == "/feed":
            self._answer(200, TEXT)
        else:
            self._answer(int(path[1:]), b"sorry")

    def _answer(self, status: int, body: bytes, length: int | None = None, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """`http://HOST:PORT` of a web server on this machine."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    server = ThreadingHTTPServer(("127.0.0.1", 0), Site)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.parametrize("path", ["/feed", "/packed", "/moved", "/feed?token=secret"])
def test_a_url_is_fetched(site: str, path: str) -> None:
    assert content(site + path) == TEXT


def test_how_long_an_answer_will_be_is_known_if_it_says_so(site: str) -> None:
    with open_feed(f"{site}/feed", stdin=io.BytesIO()) as feed:
        assert feed.total == len(TEXT)


@pytest.mark.parametrize("status", [403, 404, 410])
def test_an_answer_that_will_not_change_is_an_error(site: str, status: int) -> None:
    with pytest.raises(FeedError, match=f"/{status} answered {status}") as caught:
        content(f"{site}/{status}")
    assert not isinstance(caught.value, FeedUnavailable)


@pytest.mark.parametrize("status", [429, 500, 503])
def test_an_answer_that_may_change_says_that_it_may(site: str, status: int) -> None:
    with pytest.raises(FeedUnavailable, match=f"answered {status}"):
        content(f"{site}/{status}")


def test_a_server_that_is_not_there_may_come_back(site: str) -> None:
    with pytest.raises(FeedUnavailable, match=r"cannot fetch http://127\.0\.0\.1:9/feed: "):
        content("http://127.0.0.1:9/feed")


@pytest.mark.parametrize("url", ["http://", "http://[/feed", "https://shop.example:port/"])
def test_a_url_that_is_none_is_an_error(url: str) -> None:
    with pytest.raises(FeedError):
        content(url)


def test_redirects_in_a_circle_end(site: str) -> None:
    with pytest.raises(FeedError, match="redirects"):
        content(f"{site}/round")


def test_a_download_that_stops_gives_what_came(site: str) -> None:
    with open_feed(f"{site}/short", stdin=io.BytesIO()) as feed:
        read, broken = until_broken(feed)
    assert read == TEXT[: len(TEXT) // 2]
    assert "the download stopped" in str(broken)


def test_what_may_be_a_secret_in_a_url_is_not_shown(site: str) -> None:
    secret = site.replace("http://", "http://shop:hunter2@") + "/404?token=secret"
    with pytest.raises(FeedError) as caught:
        content(secret)
    assert "hunter2" not in str(caught.value)
    assert "secret" not in str(caught.value)
    assert source.shown(secret) == f"{site}/404?…"
