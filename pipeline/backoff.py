"""Trying again: pauses that double, with jitter, until the time is up."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass


def half_to_one_and_a_half() -> float:
    """A random factor, so that workers that failed together do not come back together."""
    return random.uniform(0.5, 1.5)  # noqa: S311 - jitter, not a secret


@dataclass(frozen=True)
class Backoff:
    """Seconds to wait between tries. Clock, sleep and jitter are given, so that tests take no time."""

    first_s: float = 0.1
    longest_s: float = 10.0
    sleep: Callable[[float], None] = time.sleep
    monotonic: Callable[[], float] = time.monotonic
    jitter: Callable[[], float] = half_to_one_and_a_half

    def tries(self, limit_s: float) -> Iterator[bool]:
        """One item for each try, with a pause before all but the first; true for the one to give up after.

        That is the first one to begin when `limit_s` are over. There are never fewer than two tries.
        """
        deadline = self.monotonic() + limit_s
        yield False
        pause_s = self.first_s
        while True:
            left_s = deadline - self.monotonic()
            self.sleep(max(0.0, min(pause_s * self.jitter(), left_s)))
            pause_s = min(2 * pause_s, self.longest_s)
            last = self.monotonic() >= deadline
            yield last
            if last:
                return
