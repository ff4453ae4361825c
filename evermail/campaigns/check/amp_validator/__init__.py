"""The official AMP validator, kept running: starting it takes most of a second, a document milliseconds.

It runs on Node. `install` fetches it once, after which it needs no network.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import threading
from pathlib import Path
from types import TracebackType

import msgspec

FOLDER_VARIABLE = "EVERMAIL_AMP_VALIDATOR"
RULES = "validator_wasm.js"
INSTALL_COMMAND = "evermail campaign check --install-validator"

TIMEOUT_S = 60.0
"""For one document. The largest that Gmail takes needs a fraction of a second."""

_SCRIPT = Path(__file__).with_name("validate.js")


class Complaint(msgspec.Struct, frozen=True):
    """What the validator says of one place. `severity` is ERROR or WARNING, as it calls them."""

    line: int
    col: int
    severity: str
    code: str
    message: str


class ValidatorMissing(Exception):
    """It cannot run here, or no longer. The message says why, and what to do."""


def folder() -> Path:
    """Where the validator is: EVERMAIL_AMP_VALIDATOR, else a folder in the user's cache."""
    if given := os.environ.get(FOLDER_VARIABLE):
        return Path(given)
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "evermail" / "amp-validator"


def missing() -> str:
    """What keeps the validator from running, or nothing."""
    if not shutil.which("node"):
        return "the AMP validator needs Node (18 or later), which is not installed"
    if not (folder() / RULES).is_file():
        return f"the AMP validator is not in {folder()}"
    return ""


class AmpValidator:
    """A running validator. Starts with the first document; threads take turns. Close it in the end."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None
        self._turn = threading.Lock()

    def complaints(self, document: str) -> list[Complaint]:
        """What it finds wrong with an AMP part: nothing if it passes. Raises `ValidatorMissing`."""
        # All ASCII: half a surrogate pair goes through as well
        question = json.dumps({"html": document}) + "\n"
        with self._turn:
            process = self._running()
            asked, answers = process.stdin, process.stdout
            if asked is None or answers is None:
                raise TypeError("a process without its pipes")
            deadline = threading.Timer(TIMEOUT_S, process.kill)
            deadline.start()
            try:
                asked.write(question)
                asked.flush()
                answer = answers.readline()
            except OSError:
                answer = ""
            finally:
                deadline.cancel()
            if not answer:
                self._stop()
                raise ValidatorMissing("the AMP validator stopped while it looked at this email")
        return msgspec.json.decode(answer, type=_Answer).errors

    def close(self) -> None:
        with self._turn:
            self._stop()

    def __enter__(self) -> AmpValidator:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _running(self) -> subprocess.Popen[str]:
        if self._process is None:
            if reason := missing():
                raise ValidatorMissing(reason)
            command = ["node", str(_SCRIPT), str(folder().resolve())]
            try:
                self._process = subprocess.Popen(  # noqa: S603 (nothing of it comes from an email)
                    command,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.DEVNULL,
                    encoding="utf-8",
                )
            except OSError as problem:
                raise ValidatorMissing(f"Node does not start: {problem}") from None
        return self._process

    def _stop(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        for stream in (process.stdin, process.stdout):
            with contextlib.suppress(OSError):
                if stream:
                    stream.close()
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


class _Answer(msgspec.Struct):
    errors: list[Complaint]
