"""Other people in the shop: an endless, gentle stream of events, some copies and broken ones among them.

It begins with a short rush, so that the first visitor does not find an empty house, and goes on in rounds,
each a schedule of its own.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Sequence

import msgspec
from google.cloud import pubsub_v1

from demo import schedule, simulator
from demo.publish import PublishError, publish
from demo.schedule import Message, Schedule
from demo.stack import EVENTS
from evermail import clock
from evermail.documents import Product

RATE = 8.0
RUSH, RUSH_RATE = 600, 250.0
ROUND = 1200
DUPLICATES, MALFORMED = 0.04, 0.02

OnWatched = Callable[[Message, int, int], None]
"""Called with a message to watch, its event time and when it was published, in microseconds."""


class Traffic:
    """Publishes in a thread of its own from `start` to `stop`."""

    def __init__(
        self,
        range_: Sequence[Product],
        publisher: pubsub_v1.PublisherClient,
        on_watched: OnWatched,
        *,
        rate: float = RATE,
        rng: random.Random,
    ) -> None:
        self._range, self._publisher, self._on_watched = list(range_), publisher, on_watched
        self._rate, self._rng = rate, rng
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="simulated shoppers", daemon=True)
        self.published = 0
        self.problem: str | None = None
        """Why it came to an end by itself, if it did."""

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Ends it; returns when it has ended."""
        self._stopped.set()
        self._thread.join()

    def _run(self) -> None:
        try:
            self._publish(plan(self._range, 0, RUSH, RUSH_RATE, self._rng), watch=False)
            number = 1
            while not self._stopped.is_set():
                self._publish(plan(self._range, number, ROUND, self._rate, self._rng), watch=True)
                number += 1
        except PublishError as error:
            self.problem = str(error)

    def _publish(self, round_: Schedule, *, watch: bool) -> None:
        start_us = clock.now_us()

        def published(message: Message, published_at: int) -> None:
            self.published += 1
            if watch and message.watched:
                self._on_watched(message, start_us + message.event_offset_us, published_at)

        publish(
            round_, self._publisher, EVENTS, start_us=start_us, stop=self._stopped, on_published=published
        )


def plan(range_: list[Product], number: int, count: int, rate: float, rng: random.Random) -> Schedule:
    """A round, copies and broken events included. Rounds share their people, not their event ids."""
    events = [
        msgspec.structs.replace(
            event, fields={**event.fields, "event_id": f"round-{number}-{event.fields['event_id']}"}
        )
        for event in simulator.events(range_, count=count, rate=rate, rng=rng)
    ]
    return schedule.make(events, duplicates=DUPLICATES, malformed_share=MALFORMED, rng=rng)
