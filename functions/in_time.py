"""Work with the store that an answer waits for, but never longer than it may."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotYet
from typing import TypeVar

from evermail.stores import StoreError
from functions.logs import RequestLog
from functions.responses import Failure

WAIT_S = 2.0
"""What people wait for who have pressed a button, at most."""

RETRY_AFTER_S = 5

THREADS = 8
MAX_WAITING = 32
"""Pieces of work that may be under way at once. If the store hangs, further ones are not even begun."""

T = TypeVar("T")


class NotInTime(Exception):
    """It was not done within the time. It may still be."""


class InTime:
    """Does work in threads of its own. Safe to share between threads."""

    def __init__(self, name: str, *, wait_s: float = WAIT_S) -> None:
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix=name)
        self._room = threading.Semaphore(MAX_WAITING)
        self._wait_s = wait_s

    def do(self, work: Callable[[], T], log: RequestLog) -> T:
        """What `work` returns. Raises `Failure`, 503 store_unavailable, if it raises `StoreError` or is not
        done in time: repeated later, it may well be."""
        try:
            return self._done(work)
        except (NotInTime, StoreError) as problem:
            log.add_exception(problem)
            raise unavailable("store_unavailable") from None

    def close(self) -> None:
        self._threads.shutdown()

    def _done(self, work: Callable[[], T]) -> T:
        if not self._room.acquire(blocking=False):
            raise NotInTime
        doing = self._threads.submit(work)
        doing.add_done_callback(self._leave)
        try:
            return doing.result(timeout=self._wait_s)
        except NotYet:
            if doing.done():  # at the last moment, or the work itself raised what is a builtin now
                return doing.result()
            doing.cancel()  # if it has not begun
            raise NotInTime from None

    def _leave(self, done: Future[T]) -> None:
        self._room.release()


def unavailable(code: str) -> Failure:
    """The answer where something is to be tried again in a moment: 503 with `Retry-After`."""
    return Failure(
        503, code, "this did not work just now: please try again", headers={"Retry-After": str(RETRY_AFTER_S)}
    )
