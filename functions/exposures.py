"""Remembers what an email has shown, without the answer ever waiting longer than it may.

The write is made before the answer leaves: once it has left, Cloud Run takes the CPU away (unless it is paid
for between requests), and a write that was put off would stand still, often for good. So a thread makes the
write, and the request waits for it for what is left of its deadline. It is one small document, and only for
what this campaign has not shown yet: most opens write nothing. What comes too late goes on as far as the CPU
allows; a lost one means that an item may be shown once more.
"""

from __future__ import annotations

import logging
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotInTime
from enum import StrEnum

from evermail.documents import Exposures
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


class ExposureWriter:
    """Writes to a store from threads of its own. Safe to share between threads."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="exposures")
        self._room = threading.Semaphore(MAX_WAITING)

    def remember(self, exposures: Exposures, *, within_s: float) -> Remembered:
        """Returns within that time, whatever the store does, and at once if there is none left; never raises
        for what goes wrong with it."""
        if not self._room.acquire(blocking=False):
            return Remembered.BUSY
        writing = self._threads.submit(self._write, exposures)
        try:
            return writing.result(timeout=max(0.0, within_s))
        except NotInTime:
            writing.add_done_callback(_log_failure)
            return Remembered.LATE

    def close(self) -> None:
        self._threads.shutdown()

    def _write(self, exposures: Exposures) -> Remembered:
        try:
            [result] = self._store.put_many([exposures])
            return _REMEMBERED.get(result.outcome, Remembered.FAILED)
        except Exception:  # a store that breaks its promise not to raise costs no answer either
            return Remembered.FAILED
        finally:
            self._room.release()


_REMEMBERED = {Outcome.WRITTEN: Remembered.WRITTEN, Outcome.STALE: Remembered.OVERTAKEN}


def _log_failure(writing: Future[Remembered]) -> None:
    if writing.result() is Remembered.FAILED:
        fields = {"function": "recommendations", "remembered": str(Remembered.FAILED)}
        _logger.warning("what was shown is not remembered", extra={"fields": fields})


_logger = logging.getLogger("evermail.functions")
