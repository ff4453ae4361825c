"""Which messages a mail server has accepted, so that a run that was interrupted does not send them again.

A line of JSON for each, written before the next message goes out. What was accepted in the instant before a
power cut may be missing; nothing else can be. People are named by digests.
"""

from __future__ import annotations

import fcntl
import os
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


class _Entry(msgspec.Struct):
    key: str
    file: str
    at: str
    answer: str = ""


def journal_of(file: Path) -> Path:
    """Where the journal of a message file is: in its folder, or beside the folder of a build, which is
    replaced when the campaign is built again."""
    folder = file.resolve().parent
    built = folder.parent if folder.name == MESSAGES else folder
    return built.with_name(f"{built.name}.{NAME}") if (built / DESCRIPTION).is_file() else folder / NAME


class Journal:
    """A context manager, which keeps others from sending the same, and leaves no file if there is nothing to
    say. Raises `JournalRefused`."""

    def __init__(self, path: Path, *, clock: clock.Clock = clock.now_us) -> None:
        self.path = path
        self._clock = clock
        try:
            self._file = path.open("a+b")
        except OSError as problem:
            raise JournalRefused(f"{path} cannot be written: {problem.strerror}") from None
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._keys = self._read()
        except OSError:
            self._file.close()
            raise JournalRefused(f"{path} is in use: another run is sending these messages") from None
        except JournalRefused:
            self._file.close()
            raise

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._keys:
            self.path.unlink(missing_ok=True)
        self._file.close()

    def has(self, message: Outgoing) -> bool:
        """Whether the message was accepted, now or in an earlier run."""
        return message.key in self._keys

    def accepted(self, message: Outgoing, answer: str) -> None:
        """Remembers a message, and what the server said. Raises `JournalRefused`."""
        at = clock.to_rfc3339(self._clock())
        entry = _Entry(message.key, message.file.name, at, answer[:_MAX_ANSWER_CHARS])
        try:
            self._file.write(msgspec.json.encode(entry) + b"\n")
            self._file.flush()
            os.fsync(self._file.fileno())
        except OSError as problem:
            raise JournalRefused(f"{self.path} cannot be written: {problem.strerror}") from None
        self._keys.add(message.key)

    def _read(self) -> set[str]:
        """The keys so far. What a power cut left of a last line goes."""
        self._file.seek(0)
        keys = set()
        whole = 0
        for number, line in enumerate(self._file, start=1):
            if not line.endswith(b"\n"):
                self._file.truncate(whole)
                break
            whole += len(line)
            try:
                keys.add(msgspec.json.decode(line, type=_Entry).key)
            except msgspec.DecodeError:
                what = "this is no line of a journal; delete it, or the file to send all again"
                raise JournalRefused(f"{self.path}:{number}: {what}") from None
        return keys
