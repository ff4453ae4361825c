"""What became of each message at the mail server, so that no later run sends it again.

A line of JSON before a message is handed over, and one after: where the second is missing, as after a power
cut, it was perhaps delivered. The last line of a key holds. People are named by digests.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from enum import StrEnum
from io import FileIO
from pathlib import Path
from types import TracebackType

import msgspec

from evermail import clock
from evermail.campaigns.folder import DESCRIPTION, MESSAGES
from evermail.campaigns.outgoing import Outgoing

NAME = "sent.jsonl"
_MAX_ANSWER_CHARS = 200


class JournalRefused(Exception):
    """A journal that cannot be used: the message says why. Without it nothing may be sent."""


class State(StrEnum):
    """How it stands with a message. Left at `TRYING` by an earlier run it is as `PERHAPS`."""

    TRYING = "trying"
    ACCEPTED = "accepted"
    REFUSED = "refused"
    PERHAPS = "perhaps"


class _Entry(msgspec.Struct):
    key: str
    file: str
    at: str
    state: State
    answer: str = ""


def journal_of(file: Path) -> Path:
    """Where the journal of a message file is: in its folder, or beside the folder of a build, which is
    replaced when the campaign is built again."""
    folder = file.resolve().parent
    built = folder.parent if folder.name == MESSAGES else folder
    return built.with_name(f"{built.name}.{NAME}") if (built / DESCRIPTION).is_file() else folder / NAME


class Journal:
    """A context manager, which keeps others from sending the same. The file stays, even if it is empty:
    another run may have opened it already. With `only_read` none is made. Raises `JournalRefused`."""

    def __init__(self, path: Path, *, only_read: bool = False, clock: clock.Clock = clock.now_us) -> None:
        self.path = path
        self._clock = clock
        self._states: dict[str, State] = {}
        self._file: FileIO | None = None
        if only_read and not path.exists():
            return
        try:
            # Without a buffer, of which a part that failed would be written in the end after all
            self._file = path.open("rb" if only_read else "a+b", buffering=0)
        except OSError as problem:
            raise JournalRefused(f"{path} cannot be written: {problem.strerror}") from None
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._close()
            raise JournalRefused(f"{path} is in use: another run is sending these messages") from None
        try:
            self._read(self._file)
        except OSError as problem:
            self._close()
            raise JournalRefused(f"{path} cannot be read: {problem.strerror}") from None
        except JournalRefused:
            self._close()
            raise

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def state(self, message: Outgoing) -> State | None:
        """What became of a message, now or in an earlier run; None if it was never tried."""
        return self._states.get(message.key)

    def write(self, message: Outgoing, state: State, answer: str = "") -> None:
        """Remembers how it stands with a message, and what the server said. Raises `JournalRefused`."""
        at = clock.to_rfc3339(self._clock())
        entry = _Entry(message.key, message.file.name, at, state, answer[:_MAX_ANSWER_CHARS])
        line = msgspec.json.encode(entry) + b"\n"
        assert self._file is not None  # noqa: S101 (nothing is sent by who only reads)
        try:
            while line:
                line = line[self._file.write(line) :]
            os.fsync(self._file.fileno())
        except OSError as problem:
            raise JournalRefused(f"{self.path} cannot be written: {problem.strerror}") from None
        self._states[message.key] = state

    def _close(self) -> None:
        if self._file is not None:
            with contextlib.suppress(OSError):  # all is on disk by then, or it was said that it is not
                self._file.close()

    def _read(self, file: FileIO) -> None:
        """The states so far. What a power cut left of a last line goes."""
        whole = 0
        with open(file.fileno(), "rb", closefd=False) as lines:
            lines.seek(0)
            for number, line in enumerate(lines, start=1):
                if not line.endswith(b"\n"):
                    if file.writable():
                        file.truncate(whole)
                    break
                whole += len(line)
                try:
                    entry = msgspec.json.decode(line, type=_Entry)
                except msgspec.DecodeError:
                    what = "this is no line of a journal; delete it, or the file to send all again"
                    raise JournalRefused(f"{self.path}:{number}: {what}") from None
                self._states[entry.key] = entry.state
