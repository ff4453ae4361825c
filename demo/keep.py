"""What a run leaves in a folder to be looked at when it is over, and the commands that do.

FOLDER/store.sqlite3         the documents (not those of Google's emulator, which go with it)
FOLDER/archive/              every event that was accepted, or late
FOLDER/dead-letters.ndjson   what could not be used
FOLDER/pseudonym-keys        the demo's secret, which is none: it opens sealed dead letters
FOLDER/*.log                 what the parts said
"""

from __future__ import annotations

import os
import shlex
import shutil
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from demo import conservation, letters
from demo.stack import DEAD_LETTER_SUBSCRIPTION, DEAD_LETTERS, EVENTS, PSEUDONYM_KEYS, Stack, Timing
from evermail.dead_letters.letter import from_json
from pipeline.archive_files import try_folder

REST_S = 20.0
"""How long the job gets to finish with what it has, its archive included."""

_MOVED_S = 1.0
"""Counters that have not moved for so long have come to rest."""


class CannotKeep(Exception):
    """The folder cannot be used; the message says why."""


@dataclass(frozen=True)
class Keep:
    """`folder` is as somebody gave it: commands that are shown name it like that."""

    folder: Path

    @property
    def workdir(self) -> Path:
        """Parts of the stack run elsewhere."""
        return self.folder.resolve()

    @property
    def archive(self) -> Path:
        return self.workdir / "archive"

    @property
    def letters(self) -> Path:
        return self.workdir / "dead-letters.ndjson"

    def check(self) -> None:
        """Makes the folder unless it is there. Raises `CannotKeep` unless it is empty and can be written."""
        if set("?#") & set(str(self.workdir)):
            raise CannotKeep(f"--keep: the URL of a store takes no ? or # in {self.workdir}")
        try:
            try_folder(self.folder)
            if any(self.folder.iterdir()):
                raise CannotKeep(f"--keep: {self.folder} is not empty")
        except FileExistsError:
            raise CannotKeep(f"--keep: {self.folder} is no folder") from None
        except OSError as problem:
            raise CannotKeep(f"--keep: cannot write into {self.folder}: {problem.strerror}") from None

    def put_keys(self) -> None:
        """Once the stack runs: from then on there is something to be kept."""
        self._keys_file.write_text(PSEUDONYM_KEYS + "\n", encoding="utf-8")

    def gather(self, running: Stack) -> None:
        """Waits until the job is done with what was published, and takes its dead letters.

        Raises `StackError` if a part has ended, and what Pub/Sub raises if it does not answer.
        """
        _wait_for_rest(running)
        letters.take(running.subscriber, 0, self.letters)

    def meanwhile(self, environment: dict[str, str]) -> str:
        """What can be done while the stack runs, in another terminal; `environment` is its backend's."""
        exports = " ".join(f"{name}={value}" for name, value in environment.items())
        source = ["dead-letters", "list", DEAD_LETTER_SUBSCRIPTION]
        again = ["dead-letters", "replay", DEAD_LETTER_SUBSCRIPTION, "--to", EVENTS, *self._keys]
        return "\n".join(
            [
                "Meanwhile, in another terminal:",
                f"  export {exports}",
                f"  {_evermail(*source)}",
                f"  {_evermail(*again, '--dry-run')}",
            ]
        )

    def afterwards(self) -> str:
        """What there is in the folder, and the commands to look at it."""
        timing = Timing()
        file, archive = self._place("dead-letters.ndjson"), self._place("archive")
        if not self._keys_file.exists():
            return f"Nothing to look at is in {self.folder} but logs: the demo ended before it had begun."
        said = [f"Kept in {self.folder}:"]
        if (self.workdir / "store.sqlite3").exists():
            store = self._place("store.sqlite3")
            ask = ["--shopper", "shopper-3", "--store", f"sqlite:///{store}", *self._keys]
            said += [
                f"  the documents: {store} (SQLite), and what an email would show one of the shoppers:",
                f"    {_evermail('explain', *ask)}",
            ]
        else:
            said.append("  not the documents: they were in Google's emulator of Firestore, and went with it")
        if self.letters.exists():
            said += ["  dead letters:", f"    {_evermail('dead-letters', 'list', file)}"]
            letter_id = self._a_letter()
            if letter_id:
                again = ["replay", file, "--to", EVENTS, *self._keys, "--dry-run"]
                said += [
                    f"    {_evermail('dead-letters', 'explain', file, letter_id, *self._keys)}",
                    f"    {_evermail('dead-letters', *again)}",
                ]
        if self.archive.exists() and any(self.archive.iterdir()):
            rebuild = [
                f"--rebuild_from={archive}",
                f"--store=sqlite:///{self._place('rebuilt.sqlite3')}",
                f"--pseudonym_keys=file:{self._place('pseudonym-keys')}",
                f"--dead_letter_topic={DEAD_LETTERS}",
                f"--trending_window_s={timing.trending_window_s:g}",
                f"--allowed_lateness_s={timing.allowed_lateness_s:g}",
            ]
            said += [
                "  the archive, from which the job makes every document again (it asks no Pub/Sub for that, "
                "unless a line of the archive cannot be read):",
                f"    {_evermail('archive', 'stats', archive)}",
                f"    PUBSUB_EMULATOR_HOST=localhost:9 {_python('-m', 'pipeline.main', *rebuild)}",
            ]
        return "\n".join(said)

    def _a_letter(self) -> str:
        """The id of one that a command takes for no option; empty if there is none."""
        with self.letters.open("rb") as lines:
            ids = (from_json(line).id for line in lines)
            return next((one for one in ids if not one.startswith("-")), "")

    @property
    def _keys_file(self) -> Path:
        return self.workdir / "pseudonym-keys"

    @property
    def _keys(self) -> list[str]:
        return ["--keys", f"file:{self._place('pseudonym-keys')}"]

    def _place(self, name: str) -> str:
        return str(self.folder / name)


def _wait_for_rest(running: Stack) -> None:
    """Returns when nothing moves any more, or after `REST_S`."""
    deadline = time.monotonic() + REST_S
    last, moved_at = running.counters.snapshot(), time.monotonic()
    while time.monotonic() < deadline:
        running.check()
        running.counters.wait(0.25)
        counters = running.counters.snapshot()
        if counters != last:
            last, moved_at = counters, time.monotonic()
        elif time.monotonic() - moved_at > _MOVED_S and not conservation.unsettled(counters):
            return


def _evermail(*arguments: str) -> str:
    return shlex.join([_program("evermail"), *arguments])


def _python(*arguments: str) -> str:
    return shlex.join([_program("python"), *arguments])


def _program(name: str) -> str:
    """How a shell finds a program of this environment: by its name if that is on the path."""
    ours = Path(sys.executable).parent / name
    found = shutil.which(name)
    return name if found and os.path.samefile(found, ours) else str(ours)
