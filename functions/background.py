"""A value that is made in a thread of its own: who asks waits for it as long as they may, and no longer."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NotDone
from typing import Generic, TypeVar

T = TypeVar("T")

PAUSE_S = 1.0
"""When making it has failed, it is not tried again for so long: who asks meanwhile is told at once."""


class NotReady(Exception):
    """It is not made yet. It goes on being made."""


class Background(Generic[T]):
    """`make` is called once, in a thread, with `start` or the first question, after a fork rather than before
    it. If it raises, whoever asks gets that, and it is called again at the first question after `PAUSE_S`.
    Safe between threads. `name` is the thread's.
    """

    def __init__(
        self, make: Callable[[], T], name: str, *, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._make = make
        self._name = name
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._making: Future[T] | None = None
        self._failed_at = float("-inf")

    def start(self) -> Future[T]:
        """Begins to make it, unless that is done, under way, or has failed a moment ago."""
        with self._lock:
            making = self._making
            failed = making is not None and making.done() and making.exception() is not None
            if making is None or (failed and self._monotonic() - self._failed_at >= PAUSE_S):
                making = self._making = Future()
                threading.Thread(target=self._run, args=(making,), name=self._name, daemon=True).start()
            return making

    def get(self, within_s: float) -> T:
        """Raises `NotReady` if that is not long enough, or what `make` raised."""
        making = self._making
        if making is None or not making.done() or making.exception() is not None:
            making = self.start()
        try:
            return making.result(timeout=max(0.0, within_s))
        except NotDone:
            if making.done():  # making it has run into a time limit of its own
                raise
            raise NotReady from None

    def _run(self, making: Future[T]) -> None:
        try:
            made = self._make()
        except BaseException as error:
            self._failed_at = self._monotonic()
            making.set_exception(error)
        else:
            making.set_result(made)
