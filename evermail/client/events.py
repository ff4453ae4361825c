"""The queue of events, and the thread that empties it."""

from __future__ import annotations

import atexit
import logging
import random
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any, Self

import msgspec

from evermail import clock
from evermail.client.delivery import Answered, Deliver, HttpDelivery, Later, Queued, Unsent

MAX_QUEUE = 10_000
MAX_BATCH_EVENTS = 100
MAX_BATCH_BYTES = 400 * 1024
"""Of JSON in one request; `collect` takes 100 events and 512 KB."""

BATCH_WAIT_S = 0.2
"""How long the first event of a batch waits for others."""

FIRST_WAIT_S = 0.5
LONGEST_WAIT_S = 60.0
LONGEST_ASKED_S = 3600.0
"""How long a server may ask to be left alone."""

FLUSH_S = 30.0
AT_EXIT_S = 5.0


class QueueFull(Exception):
    """So many events wait already that this one was not taken: `collect` cannot be reached, or is slow."""


class NotSent(Exception):
    """Raised by `close`: `unsent` are the events that have not arrived."""

    def __init__(self, unsent: Sequence[Unsent]) -> None:
        codes = ", ".join(sorted({event.code for event in unsent}))
        super().__init__(f"{len(unsent)} events have not arrived at collect: {codes}")
        self.unsent = list(unsent)


class Events:
    """Sends events to `collect`. Safe to share between threads; make it after a fork, not before.

    `key` is one of `EVERMAIL_COLLECT_KEYS`. `on_unsent` is called with events that `collect` refused, from a
    thread of ours; without it, they wait for `flush`. At the end of the process what is left is sent, for at
    most `AT_EXIT_S` seconds; what does not arrive is told to `on_unsent`, or counted in the log.
    """

    def __init__(
        self,
        endpoint: str,
        key: str | None = None,
        *,
        on_unsent: Callable[[Sequence[Unsent]], object] | None = None,
        max_queue: int = MAX_QUEUE,
        deliver: Deliver | None = None,
        jitter: Callable[[float], float] = lambda most: random.uniform(most / 2, most),  # noqa: S311
    ) -> None:
        """Raises `ValueError` for an address that is none. `deliver` stands in for HTTP; `jitter` makes
        of the longest wait before another attempt, in seconds, the one that is waited."""
        self._deliver = deliver or HttpDelivery(endpoint, key)
        self._on_unsent = on_unsent
        self._max_queue = max_queue
        self._jitter = jitter
        self._waiting: deque[Queued] = deque()
        self._refused: list[Unsent] = []
        self._changed = threading.Condition()
        self._hurry = False
        self._closed = False
        self._trouble = ""
        self._thread = threading.Thread(target=self._run, name="evermail events", daemon=True)
        self._thread.start()
        atexit.register(self._at_exit)

    def track(self, event_name: str, *, event_id: str | None = None, **fields: Any) -> str:
        """Queues an event and returns its id. It happens now, unless `event_time` is given (RFC 3339).

        Raises `QueueFull`, `TypeError` for what JSON cannot say, and `RuntimeError` once closed.
        """
        event_id = event_id or str(uuid.uuid4())
        event = {"event_time": clock.to_rfc3339(clock.now_us()), **fields}
        data = msgspec.json.encode({**event, "event_id": event_id, "event_name": event_name})
        with self._changed:
            if self._closed:
                raise RuntimeError("these events are closed: nothing more can be sent")
            if len(self._waiting) + len(self._refused) >= self._max_queue:
                raise QueueFull(f"{self._max_queue} events wait to be sent or to be looked at")
            self._waiting.append(Queued(event_id, data))
            self._changed.notify_all()
        return event_id

    def identify(self, client_id: str, user_id: str) -> str:
        """Queues that a browser is a known user's. Returns the event's id; raises as `track` does."""
        return self.track("identify", client_id=client_id, user_id=user_id)

    def flush(self, timeout_s: float = FLUSH_S) -> list[Unsent]:
        """Waits until everything queued has arrived, or for `timeout_s`. Returns what has not: what was
        refused since the last time, and what still waits, which stays in the queue."""
        deadline = time.monotonic() + timeout_s
        with self._changed:
            self._hurry = True
            self._changed.notify_all()
            self._changed.wait_for(lambda: not self._waiting, max(0.0, deadline - time.monotonic()))
            self._hurry = False
            refused, self._refused = self._refused, []
            return refused + [
                Unsent(event.event_id, "waiting", self._trouble or "it has not been sent yet", event.data)
                for event in self._waiting
            ]

    def close(self, timeout_s: float = FLUSH_S) -> None:
        """Flushes and ends. Raises `NotSent` if events have not arrived. Closing twice does no harm."""
        unsent = self._end(timeout_s)
        if unsent:
            raise NotSent(unsent)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _end(self, timeout_s: float) -> list[Unsent]:
        with self._changed:
            if self._closed:
                return []
            self._closed = True
        atexit.unregister(self._at_exit)
        unsent = self.flush(timeout_s)
        with self._changed:
            self._waiting.clear()
            self._changed.notify_all()
        return unsent

    def _at_exit(self) -> None:
        unsent = self._end(AT_EXIT_S)
        if unsent and self._on_unsent is None:
            _log.warning("%d events had not arrived at collect when the process ended", len(unsent))
        self._tell(unsent)

    def _tell(self, unsent: Sequence[Unsent]) -> None:
        if not unsent or self._on_unsent is None:
            return
        try:
            self._on_unsent(unsent)
        except Exception as error:  # what the caller does with them must not stop those that follow
            _log.error("on_unsent failed: %s", type(error).__name__)

    def _run(self) -> None:
        failures = 0
        while batch := self._next_batch():
            outcome = self._attempt(batch)
            self._note_trouble(outcome.why if isinstance(outcome, Later) else "")
            if isinstance(outcome, Later):
                own_s = self._jitter(min(LONGEST_WAIT_S, FIRST_WAIT_S * 2.0**failures))
                failures = min(failures + 1, 16)
                self._rest(max(min(outcome.after_s, LONGEST_ASKED_S), min(own_s, FIRST_WAIT_S)), own_s)
            else:
                failures = 0
                self._tell(outcome.refused)  # before they count as dealt with, so that `flush` waits for it
                self._take_out(batch, outcome.refused)

    def _attempt(self, batch: Sequence[Queued]) -> Answered | Later:
        try:
            return self._deliver(batch)
        except Exception as error:  # whatever it is, an end of this thread would be the end of all events
            _log.error("sending %d events failed: %s", len(batch), type(error).__name__)
            return Later()

    def _note_trouble(self, why: str) -> None:
        """Says once what somebody has to mend before events can arrive."""
        if why and why != self._trouble:
            _log.warning("events wait: %s", why)
        self._trouble = why

    def _next_batch(self) -> list[Queued]:
        """The first events of the queue, which stay in it; none at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closed)
            self._changed.wait_for(
                lambda: self._hurry or self._closed or len(self._waiting) >= MAX_BATCH_EVENTS, BATCH_WAIT_S
            )
            batch: list[Queued] = []
            size = 0
            for event in self._waiting:
                size += len(event.data) + 1
                if batch and (len(batch) == MAX_BATCH_EVENTS or size > MAX_BATCH_BYTES):
                    break
                batch.append(event)
            return batch

    def _take_out(self, batch: Sequence[Queued], refused: Sequence[Unsent]) -> None:
        with self._changed:
            if self._waiting and self._waiting[0] is batch[0]:  # else given up meanwhile, and told as waiting
                for _ in batch:
                    self._waiting.popleft()
                if self._on_unsent is None:
                    self._refused += refused
            self._changed.notify_all()

    def _rest(self, least_s: float, own_s: float) -> None:
        """Lets the server be: for `least_s` in any case, and on to `own_s` unless somebody waits for us."""
        with self._changed:
            self._changed.wait_for(self._is_over, least_s)
            self._changed.wait_for(lambda: self._is_over() or self._hurry, own_s - least_s)

    def _is_over(self) -> bool:
        return self._closed and not self._waiting


_log = logging.getLogger(__name__)
