"""How often one email may ask: a bound for each token, kept in the memory of one process.

It holds a runaway client back from costing a store and a topic. It is no shield against many clients: each
instance counts for itself, and what stands in front of all of them is the load balancer.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable

PER_MINUTE = 60.0
BURST = 30
"""More than any reader or proxy asks for: an HTML part loads its pictures at once, and is opened again."""

CAPACITY = 20_000
"""Tokens in memory, some 200 bytes each. Whoever is forgotten begins anew."""


class RateLimit:
    """At most `burst` at once and `per_minute` on average for each key. Safe between threads.

    The generic cell rate algorithm (ITU-T I.371): for each key one number, when its allowance will be whole
    again.
    """

    def __init__(
        self,
        per_minute: float = PER_MINUTE,
        burst: int = BURST,
        *,
        capacity: int = CAPACITY,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._interval_s = 60.0 / per_minute
        self._tolerance_s = self._interval_s * (burst - 1)
        self._capacity = capacity
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._whole_at: OrderedDict[Hashable, float] = OrderedDict()

    def wait_s(self, key: Hashable) -> float:
        """0 where the key may ask now, which counts; else how long it has to wait, and nothing counts."""
        now = self._monotonic()
        with self._lock:
            whole_at = max(now, self._whole_at.get(key, now))
            wait_s = whole_at - self._tolerance_s - now
            if wait_s > 0.0:
                return wait_s
            self._whole_at[key] = whole_at + self._interval_s
            self._whole_at.move_to_end(key)
            if len(self._whole_at) > self._capacity:
                self._whole_at.popitem(last=False)
        return 0.0
