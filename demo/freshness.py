"""Freshness as a reader of the email has it: from publishing an event to seeing it in an answer.

Some events, chosen beforehand, are watched: the recommendations function is asked for that shopper's email
again and again until the answer is based on the event (`as_of` has reached its time). A few threads take
turns with all watched events, so that measuring costs little of what is measured.
"""

from __future__ import annotations

import http.client
import itertools
import json
import math
import queue
import threading
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from demo.endpoints import as_of
from demo.stack import SENDER
from evermail import clock

POLL_S = 0.1
"""The resolution of what is measured: an event counts as visible up to this much too late."""

POLLS_PER_S = 60
"""All together: while a backlog keeps many events waiting, each is asked for less often."""

GIVE_UP_S = 60.0
THREADS = 4


@dataclass(frozen=True)
class Watched:
    """An event to watch for; times are microseconds."""

    token: str
    event_time: int
    published_at: int


class FreshnessProbes:
    """Watches events with a few threads. Use as a context manager.

    `kept` is how many of the last measurements of each kind are kept; by default all, which suits a run that
    ends.
    """

    def __init__(self, recommendations_url: str, *, kept: int | None = None) -> None:
        parts = urlsplit(recommendations_url)
        self._address = (parts.hostname or "", parts.port or 80)
        self._path = parts.path or "/"
        self._turns: queue.PriorityQueue[tuple[float, int, Watched]] = queue.PriorityQueue()
        self._numbers = itertools.count()
        self._lock = threading.Lock()
        self._open = 0
        self._stopped = threading.Event()
        self._freshness_ms: deque[float] = deque(maxlen=kept)
        self._answers_ms: deque[float] = deque(maxlen=kept)
        self.unseen = 0
        """Events that were not in the answer after `GIVE_UP_S`."""
        self.failures = 0
        """Answers that were not 200."""
        self._threads = [threading.Thread(target=self._work, daemon=True) for _ in range(THREADS)]

    def __enter__(self) -> FreshnessProbes:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        for thread in self._threads:
            thread.join()

    @property
    def open(self) -> int:
        """How many events are still being watched for."""
        with self._lock:
            return self._open

    @property
    def freshness_ms(self) -> list[float]:
        """From publishing an event to the answer that is based on it, oldest first."""
        with self._lock:
            return list(self._freshness_ms)

    @property
    def answers_ms(self) -> list[float]:
        """How long answers took, oldest first."""
        with self._lock:
            return list(self._answers_ms)

    def watch(self, watched: Watched) -> None:
        """Watches an event from now on. Returns at once."""
        with self._lock:
            self._open += 1
        self._turns.put((time.monotonic(), next(self._numbers), watched))

    def _work(self) -> None:
        connection = http.client.HTTPConnection(*self._address, timeout=5)
        while not self._stopped.is_set():
            try:
                due, _, watched = self._turns.get(timeout=POLL_S)
            except queue.Empty:
                continue
            self._stopped.wait(max(0.0, due - time.monotonic()))
            if not self._look(connection, watched):
                pause_s = max(POLL_S, self.open / POLLS_PER_S)
                self._turns.put((time.monotonic() + pause_s, next(self._numbers), watched))
        connection.close()

    def _look(self, connection: http.client.HTTPConnection, watched: Watched) -> bool:
        """Asks once; true when there is nothing more to watch for."""
        asked_at = time.perf_counter()
        seen = self._ask(connection, watched.token)
        answered_ms = (time.perf_counter() - asked_at) * 1000
        age_ms = (clock.now_us() - watched.published_at) / 1000
        with self._lock:
            if seen is None:
                self.failures += 1
            else:
                self._answers_ms.append(answered_ms)
            if seen is not None and seen >= watched.event_time:
                self._freshness_ms.append(age_ms)
            elif age_ms > GIVE_UP_S * 1000:
                self.unseen += 1
            else:
                return False
            self._open -= 1
            return True

    def _ask(self, connection: http.client.HTTPConnection, token: str) -> int | None:
        """`as_of` of an answer, microseconds; 0 when nothing of the shopper is in it, None for no answer."""
        try:
            connection.request("GET", f"{self._path}?t={quote(token)}", headers={"AMP-Email-Sender": SENDER})
            response = connection.getresponse()
            body = response.read()
        except (OSError, http.client.HTTPException):
            connection.close()
            return None
        if response.status != http.client.OK:
            return None
        return as_of(json.loads(body))


def percentile(values: Sequence[float], share: float) -> float | None:
    """The nearest-rank percentile, `share` from 0 to 1: the least value that so many do not exceed.

    None of nothing.
    """
    if not values:
        return None
    rank = math.ceil(round(share * len(values), 9))  # 0.55 * 20 is a little more than 11
    return sorted(values)[max(0, rank - 1)]
