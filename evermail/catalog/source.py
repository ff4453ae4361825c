"""Opens a feed: a path, `-` for standard input, or an http(s) URL; gzipped or not, told by content.

What comes out is a stream of bounded size that is read piece by piece. A feed that cannot be opened is a
`FeedError`; one that ends before it should is `FeedBroken`, after all that could be read of it.
"""

from __future__ import annotations

import gzip
import io
import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO, Protocol, cast
from urllib.parse import urlsplit

import httpx

PIECE = 64 * 1024
"""Bytes that are read at once."""

MAX_FEED_BYTES = 4 * 1024**3
"""Unpacked: a million items with long descriptions take 2 to 3 GB."""

MAX_REDIRECTS = 5
CONNECT_TIMEOUT_S = 10.0
READ_TIMEOUT_S = 60.0
"""How long a server may be silent: many shops make their feed when it is asked for."""

_GZIP = b"\x1f\x8b"
_ZIP = b"PK\x03\x04"
_MAX_LAYERS = 2
"""A gzipped file that the server gzips once more."""


class FeedError(Exception):
    """A feed cannot be read at all; the message says why and what to do."""


class FeedMissing(FeedError):
    """The path of a feed cannot be opened."""


class FeedUnavailable(FeedError):
    """A feed cannot be fetched now; trying again later may help."""


class FeedBroken(Exception):
    """A feed ends before it should, at `line` if that is known (0 if not). What was read before it counts."""

    def __init__(self, message: str, line: int = 0) -> None:
        super().__init__(f"line {line:,}: {message}" if line else message)
        self.line = line


class Readable(Protocol):
    """What the bytes of a feed come from. It returns 0 at the end."""

    def readinto(self, buffer: memoryview, /) -> int | None: ...


class Feed:
    """The bytes of an opened feed, unpacked.

    `total` is its size as it is stored or sent, None if unknown, and `passed` how much of that was read.
    """

    def __init__(
        self, name: str, stream: Readable, total: int | None, *, max_bytes: int = MAX_FEED_BYTES
    ) -> None:
        self.name = name
        self.total = total
        self._counted = _Counted(stream)
        self._max_bytes = max_bytes
        self._read = 0
        self._stream: _Peekable = io.BufferedReader(self._counted, PIECE)
        for _ in range(_MAX_LAYERS):
            if self.peek()[:2] == _GZIP:
                self._stream = cast(_Peekable, gzip.GzipFile(fileobj=cast(BinaryIO, self._stream), mode="rb"))
        if self.peek()[:4] == _ZIP:
            raise FeedError(f"{name} is a zip archive: unpack it first, or use gzip")

    @property
    def passed(self) -> int:
        return self._counted.passed

    def peek(self) -> bytes:
        """The next bytes, at least one unless the feed is empty, without passing over them."""
        with _breakage():
            return self._stream.peek(PIECE)

    def read(self) -> bytes:
        """The next piece, empty at the end. Raises `FeedBroken`."""
        with _breakage():
            piece = self._stream.read1(PIECE)
        self._read += len(piece)
        if self._read > self._max_bytes:
            raise FeedBroken(f"the feed is larger than {self._max_bytes:,} bytes, which is the limit")
        return piece


@contextmanager
def open_feed(feed: str, *, stdin: BinaryIO, max_bytes: int = MAX_FEED_BYTES) -> Iterator[Feed]:
    """Opens a path, `-` or a URL, for as long as it is read. Raises `FeedError`."""
    if feed.lower().startswith(("http://", "https://")):
        with _fetched(feed) as (stream, total):
            yield _begun(shown(feed), stream, total, max_bytes)
    elif feed == "-":
        yield _begun("standard input", _Borrowed(stdin), None, max_bytes)
    else:
        try:
            stored = open(feed, "rb", buffering=0)  # noqa: SIM115 - closed below
        except (OSError, ValueError) as problem:
            reason = getattr(problem, "strerror", None) or problem
            raise FeedMissing(f"cannot open {feed}: {reason}") from None
        with stored:
            yield _begun(feed, stored, os.fstat(stored.fileno()).st_size or None, max_bytes)


def shown(url: str) -> str:
    """A URL without what may be a secret: user, password and query. Raises `ValueError` if it is none."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{host}{parts.path}" + ("?…" if parts.query else "")


def _begun(name: str, stream: Readable, total: int | None, max_bytes: int) -> Feed:
    """What is wrong with the very first bytes leaves nothing to read."""
    try:
        return Feed(name, stream, total, max_bytes=max_bytes)
    except FeedBroken as broken:
        raise FeedError(f"{name}: {broken}") from None


@contextmanager
def _fetched(url: str) -> Iterator[tuple[Readable, int | None]]:
    try:
        name = shown(url)
    except ValueError as problem:
        raise FeedError(f"this is not a URL: {problem}") from None
    timeout = httpx.Timeout(READ_TIMEOUT_S, connect=CONNECT_TIMEOUT_S)
    try:
        with (
            httpx.Client(timeout=timeout, follow_redirects=True, max_redirects=MAX_REDIRECTS) as client,
            client.stream("GET", url, headers={"Accept-Encoding": "gzip"}) as response,
        ):
            if response.status_code != httpx.codes.OK:
                kind = FeedUnavailable if _may_pass(response.status_code) else FeedError
                raise kind(f"{name} answered {response.status_code} {response.reason_phrase}".rstrip())
            # As it was sent: a gzipped answer is unpacked like a gzipped file.
            yield _Pieces(response.iter_raw()), _length(response)
    except httpx.TransportError as problem:
        raise FeedUnavailable(f"cannot fetch {name}: {problem or type(problem).__name__}") from problem
    except (httpx.HTTPError, httpx.InvalidURL) as problem:
        raise FeedError(f"cannot fetch {name}: {problem}") from problem


def _may_pass(status: int) -> bool:
    return status >= 500 or status in (httpx.codes.REQUEST_TIMEOUT, httpx.codes.TOO_MANY_REQUESTS)


def _length(response: httpx.Response) -> int | None:
    length = response.headers.get("Content-Length", "")
    return int(length) if length.isascii() and length.isdigit() else None


@contextmanager
def _breakage() -> Iterator[None]:
    """Turns what can go wrong while reading into `FeedBroken`."""
    try:
        yield
    except EOFError:
        raise FeedBroken("the gzip data ends in the middle: the file was cut off") from None
    except (gzip.BadGzipFile, zlib.error) as problem:
        raise FeedBroken(f"the gzip data is damaged ({problem})") from None
    except httpx.HTTPError as problem:
        raise FeedBroken(f"the download stopped: {problem or type(problem).__name__}") from None
    except OSError as problem:
        raise FeedBroken(f"it cannot be read on: {problem.strerror or problem}") from None


class _Peekable(Protocol):
    def peek(self, size: int, /) -> bytes: ...

    def read1(self, size: int, /) -> bytes: ...


class _Counted(io.RawIOBase):
    """Counts what is read from a stream, and reads as much as there is room for: the first piece must be long
    enough to tell what it is, however small the pieces are that it comes in."""

    def __init__(self, stream: Readable) -> None:
        self._stream = stream
        self._problem: Exception | None = None
        self.passed = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview, /) -> int:  # type: ignore[override]
        if self._problem is not None:
            raise self._problem
        view = memoryview(buffer)
        count = 0
        while count < len(view):
            try:
                got = self._stream.readinto(view[count:])
            except (OSError, httpx.HTTPError) as problem:
                if not count:
                    raise
                self._problem = problem  # once what came before it is used
                break
            if not got:
                break
            count += got
        self.passed += count
        return count


class _Borrowed(io.RawIOBase):
    """A stream that somebody else closes."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview, /) -> int:  # type: ignore[override]
        piece = self._stream.read(len(buffer))
        buffer[: len(piece)] = piece
        return len(piece)


class _Pieces(io.RawIOBase):
    """The pieces of an answer as one stream."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._left = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview, /) -> int:  # type: ignore[override]
        while not self._left:
            piece = next(self._pieces, None)
            if piece is None:
                return 0
            self._left = piece
        count = min(len(buffer), len(self._left))
        buffer[:count] = self._left[:count]
        self._left = self._left[count:]
        return count
