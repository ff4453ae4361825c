"""The product without a page: publishes a schedule, waits until the job has come to rest, and reports."""

from __future__ import annotations

import json
import random
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from demo import conservation, digest, endpoints, letters, stack
from demo.backends import BackendName
from demo.conservation import Accounts
from demo.freshness import FreshnessProbes, Watched, percentile
from demo.keep import Keep
from demo.publish import publish
from demo.schedule import Message, Schedule
from demo.stack import EVENTS, Stack
from evermail import clock
from evermail.documents import Neighbors, Product, Profile

STALLED_S = 30.0
"""A job whose counters do not move for this long, while they should, has lost something."""

SAMPLE = 3
Progress = Callable[[str, int, int], None]
"""Called with what is going on, how much of it is done, and how much there is."""


class RunFailed(Exception):
    """A run could not be finished."""


def run(
    schedule: Schedule,
    range_: list[Product],
    *,
    backend: BackendName,
    progress: Progress,
    keep: Keep | None = None,
    timing: stack.Timing | None = None,
) -> dict[str, Any]:
    """Runs a schedule and returns the report; `violations` in it says how the law was broken, if it was.

    `keep` says where its store, archive, dead letters and logs stay. By default nothing does.
    """
    timing = timing or stack.Timing()
    with tempfile.TemporaryDirectory(prefix="evermail-demo-") as temporary:
        progress("starting", 0, len(schedule))
        with stack.running(
            backend,
            range_,
            keep.workdir if keep else Path(temporary),
            timing=timing,
            keep_dead_letters=True,
            archive=keep.archive if keep else None,
        ) as running:
            if keep:
                keep.put_keys()
            return _drive(running, schedule, progress, keep)


def _drive(running: Stack, schedule: Schedule, progress: Progress, keep: Keep | None) -> dict[str, Any]:
    # Windows divide event time, so a run begins at the edge of one: the same events, the same windows.
    window_us = round(running.timing.trending_window_s * clock.SECOND)
    start_us = (clock.now_us() // window_us + 1) * window_us
    begun = time.monotonic() + (start_us - clock.now_us()) / clock.SECOND
    stop = threading.Event()
    with FreshnessProbes(running.recommendations_url) as probes:
        publishing = _Publishing(running, schedule, start_us, probes, stop)
        publishing.start()
        try:
            settled_at = _wait_until_settled(running, publishing, probes, len(schedule), progress)
        finally:
            stop.set()
            publishing.join()
        published = publishing.result()
    found = conservation.accounts(running.counters.snapshot())
    expected = sum(found.rejected.values()) + found.late
    dead_letters = letters.take(running.subscriber, expected, keep.letters if keep else None)
    broken = conservation.violations(schedule, published, found, running.store, dead_letters)
    if probes.unseen:
        broken.append(f"watched events that never reached an answer: {probes.unseen}")
    return _report(running, schedule, published, found, probes, settled_at - begun, start_us) | {
        "violations": broken
    }


class _Publishing(threading.Thread):
    """Publishes in the background and has the watched events watched."""

    def __init__(
        self,
        running: Stack,
        schedule: Schedule,
        start_us: int,
        probes: FreshnessProbes,
        stop: threading.Event,
    ) -> None:
        super().__init__(daemon=True)
        self._running, self._schedule = running, schedule
        self._start_us, self._stop_event, self._probes = start_us, stop, probes
        self._error: BaseException | None = None
        self._published = 0
        self.done = False

    def run(self) -> None:
        try:
            self._published = publish(
                self._schedule,
                self._running.publisher,
                EVENTS,
                start_us=self._start_us,
                stop=self._stop_event,
                on_published=self._watch,
            )
        except BaseException as error:
            self._error = error
        self.done = True

    def result(self) -> int:
        """How many messages Pub/Sub took. Raises `RunFailed` with what went wrong."""
        if self._error is not None:
            raise RunFailed(f"publishing failed: {self._error}") from self._error
        return self._published

    def _watch(self, message: Message, published_at: int) -> None:
        if message.watched:
            token = self._running.token(*message.shopper)
            self._probes.watch(Watched(token, self._start_us + message.event_offset_us, published_at))


def _wait_until_settled(
    running: Stack, publishing: _Publishing, probes: FreshnessProbes, total: int, progress: Progress
) -> float:
    """Waits until everything published is accounted for and written; returns when all was accounted for."""
    accounted_at: float | None = None
    last: dict[str, int] = {}
    moved_at = time.monotonic()
    while True:
        running.check()
        counters = running.counters.snapshot()
        now = time.monotonic()
        if counters != last:
            last, moved_at = counters, now
        taken = conservation.accounts(counters).total
        progress("streaming", taken, total)
        if publishing.done:
            waiting = conservation.unsettled(counters)
            if taken >= publishing.result():
                accounted_at = accounted_at or now
                if not waiting and not probes.open and now - moved_at > 1.0:
                    return accounted_at
            if now - moved_at > STALLED_S:
                missing = publishing.result() - taken
                events = "1 event" if missing == 1 else f"{missing:,} events"
                raise RunFailed(
                    f"the job came to a standstill with {events} unaccounted for"
                    + (f" and in hand: {', '.join(waiting)}" if waiting else "")
                )
        running.counters.wait(0.25)


def _report(
    running: Stack,
    schedule: Schedule,
    published: int,
    found: Accounts,
    probes: FreshnessProbes,
    elapsed_s: float,
    start_us: int,
) -> dict[str, Any]:
    store = running.store
    return {
        "published": published,
        "accepted": found.accepted,
        "duplicate": found.duplicate,
        "rejected": found.rejected,
        "late": found.late,
        "erased": found.erased,
        "profiles": sum(1 for _ in store.scan(Profile.COLLECTION)),
        "neighbors": sum(1 for _ in store.scan(Neighbors.COLLECTION)),
        "freshness_ms": {
            name: _rounded(percentile(probes.freshness_ms, share))
            for name, share in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99))
        },
        "freshness_samples": len(probes.freshness_ms),
        "events_per_s": round(found.total / max(elapsed_s, 0.001), 1),
        "recommendations_ms": {
            name: _rounded(percentile(probes.answers_ms, share))
            for name, share in (("p50", 0.5), ("p99", 0.99))
        },
        "recommendations_failed": probes.failures,
        "documents_sha256": digest.of_store(store, start_us),
        "sample": _sample(running, schedule),
    }


def _sample(running: Stack, schedule: Schedule) -> list[dict[str, Any]]:
    """Answers as an email gets them: for some shoppers of the run, and for one that nobody has seen."""
    shoppers = sorted(schedule.shoppers)
    chosen = random.Random(0).sample(shoppers, min(SAMPLE, len(shoppers)))  # noqa: S311
    answers = []
    for kind, identifier in [*chosen, ("client", "somebody-new")]:
        status, body = endpoints.ask(running.recommendations_url, running.token(kind, identifier))
        answers.append({"shopper": identifier, "status": status, "answer": json.loads(body)})
    return answers


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 1)
