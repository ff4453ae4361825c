"""A folder of an archive: `received=2026-11-24/HASH.ndjson.gz`, a directory for each day (UTC) of receipt.

A file is there whole or not at all: it is written under a temporary name, which no reader looks at, and
renamed when it is complete and on the disk. Its name is a hash of its content when it was written first, so
what is written again replaces itself.
"""

from __future__ import annotations

import gzip
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import date
from hashlib import blake2b
from pathlib import Path
from typing import IO, NamedTuple

from evermail import clock
from evermail.archive.lines import Line, read_lines

DAY_PREFIX = "received="
SUFFIXES = (".ndjson", ".ndjson.gz")
TEMPORARY_SUFFIX = ".tmp"
GZIP_LEVEL = 6
"""Python's own default, 9, takes twice the time to save a hundredth of the space."""

_LOCK = ".lock"


class ArchiveError(Exception):
    """Something is wrong with an archive as a whole; the message is for people."""


class DayFile(NamedTuple):
    """A complete file of an archive. `size` is in bytes, as on the disk."""

    day: str
    path: Path
    size: int


def day_of(time_us: int) -> str:
    """The day of receipt that a row belongs to, such as `2026-11-24`."""
    return clock.to_datetime(time_us).date().isoformat()


def day_in(name: str) -> str | None:
    """The day that the name of a directory stands for, if it is one of an archive."""
    day = name.removeprefix(DAY_PREFIX)
    with suppress(ValueError):
        if day != name and date.fromisoformat(day).isoformat() == day:
            return day
    return None


def hash_of(lines: bytes) -> str:
    return blake2b(lines, digest_size=16).hexdigest()


def compress(lines: bytes) -> bytes:
    """The same bytes for the same lines, whenever and wherever."""
    return gzip.compress(lines, GZIP_LEVEL, mtime=0)


def files(folder: Path) -> list[DayFile]:
    """The complete files of an archive, by day and name. Raises `ArchiveError` if there is no archive."""
    if not folder.is_dir():
        raise ArchiveError(f"{folder} is not a folder")
    found = [
        DayFile(day, path, path.stat().st_size)
        for directory in sorted(folder.iterdir())
        if (day := day_in(directory.name)) and directory.is_dir()
        for path in sorted(directory.iterdir())
        if path.name.endswith(SUFFIXES) and path.is_file()
    ]
    if not found:
        raise ArchiveError(f"{folder} is no archive: it has no {DAY_PREFIX}YYYY-MM-DD/*{SUFFIXES[0]}[.gz]")
    return found


def lines_of(file: DayFile) -> Iterator[Line]:
    with file.path.open("rb") as stream:
        yield from read_lines(stream, str(file.path))


@contextmanager
def new_file(directory: Path, suffix: str) -> Iterator[NewFile]:
    """A file to be written. Unless it is committed, nothing of it stays."""
    file = NewFile(directory, suffix)
    try:
        yield file
    finally:
        file.discard()


class NewFile:
    """Lines on their way to a complete file."""

    def __init__(self, directory: Path, suffix: str) -> None:
        self._directory, self._suffix = directory, suffix
        self._hash = blake2b(digest_size=16)
        self._temporary = directory / f"{os.getpid()}-{id(self):x}{suffix}{TEMPORARY_SUFFIX}"
        self._disk: IO[bytes] = self._temporary.open("wb")
        self._sink: IO[bytes] | gzip.GzipFile = self._disk
        if suffix.endswith(".gz"):
            self._sink = gzip.GzipFile("", "wb", GZIP_LEVEL, self._disk, mtime=0)

    def write(self, line: bytes) -> None:
        self._hash.update(line)
        self._sink.write(line)

    def commit(self, path: Path | None = None) -> Path:
        """Makes it a complete file, in place of `path` or under a name of its own. It is on the disk then."""
        path = path or self._directory / f"{self._hash.hexdigest()}{self._suffix}"
        if self._sink is not self._disk:
            self._sink.close()
        self._disk.flush()
        os.fsync(self._disk.fileno())
        self._disk.close()
        self._temporary.replace(path)
        sync_directory(self._directory)
        return path

    def discard(self) -> None:
        with suppress(OSError, ValueError):  # a full disk, or closed already
            self._sink.close()
        self._disk.close()
        self._temporary.unlink(missing_ok=True)


def sync_directory(directory: Path) -> None:
    """After this, a renamed or deleted file stays so, whatever happens to the machine."""
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def temporary_files(folder: Path, *, before_us: int) -> list[Path]:
    """What writers that were killed have left, if nobody touched it since then."""
    return [
        path
        for path in sorted(folder.glob(f"{DAY_PREFIX}*/*{TEMPORARY_SUFFIX}"))
        if path.stat().st_mtime_ns // 1000 < before_us
    ]


@contextmanager
def changing(folder: Path) -> Iterator[None]:
    """Held while files are merged or rewritten: what one command takes out, another must not put back.

    The job only ever adds files, and needs no lock. Raises `ArchiveError` when another command has it.
    """
    import fcntl

    with (folder / _LOCK).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ArchiveError(
                f"another `evermail archive` command is changing {folder}: wait for it"
            ) from None
        yield
