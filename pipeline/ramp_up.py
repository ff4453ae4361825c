"""Slowly at first: the pace at which a database that is new to such a load may be written to.

Firestore asks to begin with at most 500 operations a second to a new collection and to add 50 % every five
minutes (https://firebase.google.com/docs/firestore/best-practices, "Ramping up traffic").

Beam's own `RampupThrottlingFn` does not serve: each of its many instances in a process takes a worker's whole
share, it counts elements before the newest of each document is chosen and not what is tried again, and its
clock and its sleep cannot be given.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import TypeVar

from evermail import clock

FIRST_PER_S = 500
GROWTH = 1.5
GROWS_EVERY_US = 5 * clock.MINUTE
ENOUGH_PER_S = 1e6
"""From here on nothing is held back: no job of ours writes more."""

T = TypeVar("T")


class RampUp:
    """One worker process's share of the pace of the whole job. To be shared by the threads of the process.

    `begun_us` is when the job was started, by the same `wall_clock` that workers ask: one that joins later,
    or is started again, takes part in the pace that the job has by then. `workers` is how many processes
    share it. `monotonic` counts seconds.
    """

    def __init__(
        self, begun_us: int, workers: int, *, wall_clock: clock.Clock, monotonic: Callable[[], float]
    ) -> None:
        self._begun_us = begun_us
        self._workers = workers
        self._wall_clock = wall_clock
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._next_s = monotonic()

    def per_second(self) -> float:
        """How many documents this process may write in a second now; infinity once that is no matter."""
        steps = max(0, self._wall_clock() - self._begun_us) // GROWS_EVERY_US
        in_all = FIRST_PER_S * GROWTH ** min(steps, 100)
        return in_all / self._workers if in_all < ENOUGH_PER_S else float("inf")

    def portions(self, items: Sequence[T], *, sleep: Callable[[float], None]) -> Iterator[Sequence[T]]:
        """The items in portions of at most what may be written in a second, each when it is time for it."""
        start = 0
        while start < len(items):
            per_second = self.per_second()
            size = max(1, int(min(per_second, len(items))))
            portion = items[start : start + size]
            pause_s = self._queue(len(portion) / per_second)
            if pause_s > 0:
                sleep(pause_s)
            yield portion
            start += size

    def _queue(self, takes_s: float) -> float:
        """Takes the next free span of this length; returns the seconds until it begins."""
        with self._lock:
            now_s = self._monotonic()
            begins_s = max(now_s, self._next_s)
            self._next_s = begins_s + takes_s
            return begins_s - now_s


@lru_cache(maxsize=8)
def _shared(begun_us: int, workers: int, wall_clock: clock.Clock, monotonic: Callable[[], float]) -> RampUp:
    return RampUp(begun_us, workers, wall_clock=wall_clock, monotonic=monotonic)


_LOCK = threading.Lock()


def shared_ramp_up(
    begun_us: int, workers: int, *, wall_clock: clock.Clock, monotonic: Callable[[], float]
) -> RampUp:
    """The one of this process, however many bundles and DoFn instances come and go."""
    with _LOCK:
        return _shared(begun_us, workers, wall_clock, monotonic)
