"""Stores what an email has shown, without the answer ever waiting longer than it may.

The write is made before the answer leaves: once it has left, Cloud Run takes the CPU away (unless it is paid
for between requests), and a write that was put off would stand still, often for good. So a thread makes the
write, and the request waits for it for what is left of its deadline. It is one small document, or two where
this campaign shows something for the first time; what is opened again within a minute writes nothing.
What comes too late goes on as far as the CPU allows; where it is lost, a click may lead to an item that has
moved to this slot since, and an item may be shown once more.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotInTime
from enum import StrEnum

from evermail.documents import Document
from evermail.stores import Outcome, Store

THREADS = 4
MAX_WAITING = 16
"""Writes that may be under way at once. If the store hangs, the others are not even begun."""


class Remembered(StrEnum):
    """What became of it, as logs say and count it."""

    WRITTEN = "written"
    OVERTAKEN = "overtaken"
    """Another open of the same shopper was written meanwhile."""
    FAILED = "failed"
    LATE = "late"
    """It was not done within the time; should it fail later, that is logged by itself."""
    BUSY = "busy"
    """Too many others wait for the store: it was not begun."""


class ShownWriter:
    """Writes to a store from threads of its own. Safe to share between threads."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="shown")
        self._room = threading.Semaphore(MAX_WAITING)

    def remember(self, documents: Sequence[Document], *, within_s: float) -> Remembered:
        """Returns within that time, whatever the store does, and at once if there is none left; never raises
        for what goes wrong with it."""
        if not self._room.acquire(blocking=False):
            return Remembered.BUSY
        writing = self._threads.submit(self._write, documents)
        try:
            return writing.result(timeout=max(0.0, within_s))
        except NotInTime:
            writing.add_done_callback(_log_failure)
            return Remembered.LATE

    def close(self) -> None:
        self._threads.shutdown()

    def _write(self, documents: Sequence[Document]) -> Remembered:
        try:
            outcomes = {result.outcome for result in self._store.put_many(documents)}
            if outcomes - {Outcome.WRITTEN, Outcome.STALE}:
                return Remembered.FAILED
            return Remembered.OVERTAKEN if Outcome.STALE in outcomes else Remembered.WRITTEN
        except Exception:  # a store that breaks its promise not to raise costs no answer either
            return Remembered.FAILED
        finally:
            self._room.release()


def _log_failure(writing: Future[Remembered]) -> None:
    if writing.result() is Remembered.FAILED:
        fields = {"function": "recommendations", "remembered": str(Remembered.FAILED)}
        _logger.warning("what was shown is not remembered", extra={"fields": fields})


_logger = logging.getLogger("evermail.functions")
