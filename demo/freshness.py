"""Freshness as a reader of the email has it: from publishing an event to seeing it in an answer.

A probe watches one event: it asks the recommendations function for that shopper's email until the answer is
based on the event (`as_of` has reached its time). Probes are few at a time, so that measuring costs
little of what is measured; an event that finds no free probe is not watched.
"""

from __future__ import annotations

import http.client
import json
import queue
import threading
import time
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote, urlsplit

from demo.stack import SENDER
from evermail import clock

POLL_S = 0.04
GIVE_UP_S = 30.0
PROBES = 4


@dataclass(frozen=True)
class Watched:
    """An event to watch for; times are microseconds."""

    token: str
    event_time: int
    published_at: int


class FreshnessProbes:
    """Watches events with a few threads. Use as a context manager."""

    def __init__(self, recommendations_url: str) -> None:
        parts = urlsplit(recommendations_url)
        self._address = (parts.hostname or "", parts.port or 80)
        self._waiting: queue.SimpleQueue[Watched | None] = queue.SimpleQueue()
        self._idle = threading.Semaphore(PROBES)
        self._lock = threading.Lock()
        self._tokens: set[str] = set()
        self._abandoned = threading.Event()
        self.freshness_ms: list[float] = []
        self.answers_ms: list[float] = []
        self.unseen = 0
        """Events that were not in the answer after `GIVE_UP_S`."""
        self.failures = 0
        """Answers that were not 200."""
        self._threads = [threading.Thread(target=self._work, daemon=True) for _ in range(PROBES)]

    def __enter__(self) -> FreshnessProbes:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is not None:
            self._abandoned.set()
        self.finish()

    def watch(self, watched: Watched) -> bool:
        """Watches an event if a probe is free and none watches this shopper. Returns at once."""
        with self._lock:
            if watched.token in self._tokens or not self._idle.acquire(blocking=False):
                return False
            self._tokens.add(watched.token)
        self._waiting.put(watched)
        return True

    def finish(self) -> None:
        """Lets the probes end what they watch."""
        for _ in self._threads:
            self._waiting.put(None)
        for thread in self._threads:
            thread.join(GIVE_UP_S + 5)

    def _work(self) -> None:
        connection = http.client.HTTPConnection(*self._address, timeout=5)
        while (watched := self._waiting.get()) is not None:
            try:
                self._follow(connection, watched)
            finally:
                with self._lock:
                    self._tokens.discard(watched.token)
                self._idle.release()
        connection.close()

    def _follow(self, connection: http.client.HTTPConnection, watched: Watched) -> None:
        give_up_at = time.monotonic() + GIVE_UP_S
        while time.monotonic() < give_up_at and not self._abandoned.is_set():
            asked_at = time.perf_counter()
            as_of = self._ask(connection, watched.token)
            answered_ms = (time.perf_counter() - asked_at) * 1000
            with self._lock:
                if as_of is None:
                    self.failures += 1
                else:
                    self.answers_ms.append(answered_ms)
                if as_of is not None and as_of >= watched.event_time:
                    self.freshness_ms.append((clock.now_us() - watched.published_at) / 1000)
                    return
            self._abandoned.wait(POLL_S)
        with self._lock:
            self.unseen += 1

    def _ask(self, connection: http.client.HTTPConnection, token: str) -> int | None:
        """`as_of` of an answer in microseconds, 0 when nothing of the shopper is in it, None for no answer."""
        try:
            connection.request("GET", f"/?t={quote(token)}", headers={"AMP-Email-Sender": SENDER})
            response = connection.getresponse()
            body = response.read()
        except (OSError, http.client.HTTPException):
            connection.close()
            return None
        if response.status != http.client.OK:
            return None
        as_of = json.loads(body).get("as_of")
        return clock.from_datetime(datetime.fromisoformat(as_of)) if as_of else 0


def percentile(values: list[float], share: float) -> float | None:
    """The nearest-rank percentile, `share` from 0 to 1; None of nothing."""
    if not values:
        return None
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
