"""A circuit breaker: a store that is down must not cost every request its whole deadline."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

FAILURES = 5
"""After so many calls in a row that failed, the store counts as down."""

REST_S = 1.0
"""While it is down, one call in so many seconds tries it again; the others fail at once. So long a store that
has come back may go unnoticed."""


class Breaker:
    """Says whether a call may be made, and is told what became of it. Safe between threads."""

    def __init__(
        self,
        *,
        failures: int = FAILURES,
        rest_s: float = REST_S,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._failures = failures
        self._rest_s = rest_s
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._failed = 0
        self._next_trial = 0.0

    @property
    def down(self) -> bool:
        return self._failed >= self._failures

    def may_try(self) -> bool:
        """Whether to make a call now. While the store is down this admits one, and counts it as the trial."""
        if not self.down:
            return True
        with self._lock:
            if not self.down:
                return True
            now = self._monotonic()
            if now < self._next_trial:
                return False
            self._next_trial = now + self._rest_s  # were it to hang, the next trial would not wait for it
            return True

    def succeeded(self) -> None:
        self._failed = 0

    def failed(self) -> None:
        with self._lock:
            self._failed += 1
            if self._failed == self._failures:
                self._next_trial = self._monotonic() + self._rest_s
