"""Where letters are read from: a subscription of the dead letter topic, or a file of one letter a line.

Reading takes nothing away.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, NamedTuple, Protocol

import msgspec

from evermail.dead_letters import letter
from evermail.dead_letters.letter import Letter

_SUBSCRIPTION = re.compile(r"projects/[^/\s]+/subscriptions/[^/\s]+")


class SourceError(Exception):
    """The letters cannot be read; the message says where and why."""


class Taken(NamedTuple):
    """A letter, and what the source knows its message by."""

    letter: Letter
    handle: str


class Source(Protocol):
    name: str
    keeps: str
    """What becomes of letters that are only read, for people."""
    strangers: int
    """Messages or lines so far that are no letters."""

    def letters(self) -> Iterator[Taken]:
        """All there are. Raises `SourceError`."""
        ...

    def acknowledge(self, handles: Sequence[str]) -> None:
        """These letters are done with. Raises `SourceError`."""
        ...

    def __enter__(self) -> Source: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


def open_source(place: str, *, wait_s: float) -> Source:
    """`projects/P/subscriptions/S` (honours PUBSUB_EMULATOR_HOST), the path of a file, or `-` for stdin.

    A subscription is taken for empty when it has given nothing for `wait_s`. Raises `SourceError`.
    """
    if not _SUBSCRIPTION.fullmatch(place):
        return FileSource(place)
    from evermail.dead_letters import pubsub, subscription

    try:
        return subscription.SubscriptionSource(place, pubsub.subscriber(), wait_s=wait_s)
    except pubsub.PubSubFailed as problem:
        raise SourceError(str(problem)) from None


def read(data: bytes) -> Letter | None:
    """None for what is no letter."""
    try:
        return letter.from_json(data)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


class FileSource:
    """Newline-delimited letters, as `list --json` prints them."""

    keeps = "the file keeps its letters"

    def __init__(self, path: str) -> None:
        self.name = "stdin" if path == "-" else path
        self.strangers = 0
        self.has_letters = False
        """Whether one was read so far."""
        self._path = path

    def letters(self) -> Iterator[Taken]:
        try:
            with self._open() as lines:
                yield from self._read(lines)
        except OSError as problem:
            raise SourceError(
                f"{self._path} is no projects/PROJECT/subscriptions/NAME, and cannot be read as a file: "
                f"{problem.strerror or problem}"
            ) from None

    def acknowledge(self, handles: Sequence[str]) -> None:
        """Nothing to do: see `keeps`."""

    def _open(self) -> IO[bytes]:
        return sys.stdin.buffer if self._path == "-" else Path(self._path).open("rb")

    def _read(self, lines: Iterable[bytes]) -> Iterator[Taken]:
        for number, line in enumerate(lines, start=1):
            found = read(line)
            if found is not None:
                self.has_letters = True
                yield Taken(found, f"line {number}")
            elif line.strip():
                self.strangers += 1

    def __enter__(self) -> FileSource:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass
