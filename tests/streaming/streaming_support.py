"""What tests of the Beam job share: a shop's messages, clocks of its own, streams told step by step.

In a module of its own, on the import path (see conftest.py): what a DoFn refers to is pickled by name.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any
from unittest import mock

import apache_beam as beam
import msgspec
from apache_beam.io.gcp.pubsub import PubsubMessage
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.runners.direct import direct_runner
from apache_beam.runners.direct.clock import TestClock
from apache_beam.runners.runner import PipelineResult
from apache_beam.testing.test_stream import TestStream
from apache_beam.transforms.window import TimestampedValue
from apache_beam.utils.timestamp import Timestamp

from evermail import clock
from evermail.clock import SECOND
from evermail.clock import Stopped as StoppedClock
from evermail.documents import Document, Key
from evermail.events import Accepted, Event, EventName, Item
from evermail.pseudonyms import Pseudonymizer
from evermail.stores import Outcome, WriteResult
from pipeline.backoff import Backoff
from pipeline.config import JobConfig
from pipeline.counted import counted
from pipeline.keys import LiteralKeys

NOW = 1_790_000_040_000_000
"""What the job's wall clock shows: the start of a minute."""

SECRET = "a-secret-of-sixteen-bytes-or-more"
KEYS = LiteralKeys({"k1": SECRET})
FLUSH_S = 1.0
"""Longer than any flush interval of `config()`, in seconds."""


class _WatchedClock(TestClock):
    """The clock of the stream that runs, where `stream_clock` finds it."""

    running: TestClock

    def __init__(self) -> None:
        super().__init__()
        _WatchedClock.running = self


def stream_clock() -> int:
    """The clock that a test stream's processing time goes by, in microseconds from its start."""
    return round(_WatchedClock.running.time() * SECOND)


def config(store_url: str = "sqlite:///unused", **changes: Any) -> JobConfig:
    """Settings for a test stream: the wall clock stands at NOW, timers follow the stream's clock."""
    settings = JobConfig(
        store_url=store_url,
        pseudonym_keys=KEYS,
        allowed_lateness_us=clock.HOUR,
        profile_flush_us=SECOND // 2,
        neighbors_flush_us=SECOND // 2,
        neighbors_settle_us=SECOND // 2,
        trending_window_us=clock.MINUTE,
        bootstrap=False,
        wall_clock=StoppedClock(NOW),
        timer_clock=stream_clock,
        version="test",
    )
    return replace(settings, **changes)


def pseudonym(kind: str, identifier: str) -> str:
    return Pseudonymizer(KEYS.keys(), "k1").pseudonym(kind, identifier)


_ids = itertools.count(1)


def event(
    items: str | Sequence[Item] = "A",
    *,
    at: float = 0.0,
    name: str = "view_item",
    shopper: str = "anna",
    event_id: str | None = None,
    category: str | None = None,
    **fields: Any,
) -> Event:
    """An event of items (`"A B"`), `at` seconds from NOW, with an id of its own unless one is given."""
    if isinstance(items, str):
        items = [Item(item_id, item_category=category) for item_id in items.split()]
    return Event(
        event_id=event_id or f"e{next(_ids)}",
        event_name=EventName(name),
        event_time=NOW + round(at * SECOND),
        user_id=shopper,
        items=tuple(items),
        **fields,
    )


def accepted(items: str | Sequence[Item] = "A", *, shopper: str = "anna", **fields: Any) -> Accepted:
    """An `event` as the shoppers' stage hands it on."""
    return Accepted(shopper, event(items, shopper=shopper, **fields))


def wire(**changes: Any) -> dict[str, Any]:
    """The JSON object of a valid event, with changes."""
    fields: dict[str, Any] = {
        "event_id": f"w{next(_ids)}",
        "event_name": "view_item",
        "event_time": clock.to_rfc3339(NOW),
        "client_id": "cookie-1",
        "user_id": None,
        "items": [{"item_id": "A"}],
    }
    return {**fields, **changes}


def message(fields: Mapping[str, Any] | bytes, attributes: Mapping[str, str] | None = None) -> PubsubMessage:
    data = fields if isinstance(fields, bytes) else msgspec.json.encode(fields)
    return PubsubMessage(data, dict(attributes or {}))


class Stream:
    """A test stream, told in sentences: what arrives, how far time goes.

    Its watermark is event time, in seconds from NOW; its clock is the one that flushes follow.
    """

    def __init__(self) -> None:
        self._stream = TestStream()
        self._watermark_s = -10_000.0
        self.watermark(self._watermark_s)

    def arrives(self, *elements: Any) -> Stream:
        """One bundle of elements. Events carry their event time, everything else the watermark."""
        self._stream.add_elements([TimestampedValue(element, self._time_of(element)) for element in elements])
        return self

    def watermark(self, at: float) -> Stream:
        self._watermark_s = at
        self._stream.advance_watermark_to(_timestamp(at))
        return self

    def passes(self, seconds: float = FLUSH_S) -> Stream:
        """Time on the clock that timers of flushes follow."""
        self._stream.advance_processing_time(seconds)
        return self

    def source(self) -> TestStream:
        return self._stream.advance_watermark_to_infinity()

    def _time_of(self, element: Any) -> Timestamp:
        if isinstance(element, tuple):
            element = element[1]
        time_us = getattr(getattr(element, "event", element), "event_time", None)
        return _timestamp(self._watermark_s) if time_us is None else Timestamp(micros=time_us // 1000 * 1000)


def _timestamp(at: float) -> Timestamp:
    return Timestamp(micros=NOW + round(at * 1000) * 1000)


_collected: dict[str, list[Any]] = {}


class Collected:
    """Gathers what comes out of transforms, by the names that a test gives."""

    def __init__(self) -> None:
        _collected.clear()

    def __getitem__(self, name: str) -> list[Any]:
        return _collected.get(name, [])

    def into(self, name: str) -> beam.PTransform:
        """A sink. Elements come with what they are; times are asked for with `timed_into`."""
        return f"Collect {name}" >> beam.Map(_collect, name)

    def timed_into(self, name: str) -> beam.PTransform:
        """A sink of (element, its timestamp in microseconds)."""
        return f"Collect {name}" >> beam.Map(_collect_timed, name)


def _collect(element: Any, name: str) -> None:
    _collected.setdefault(name, []).append(element)


def _collect_timed(element: Any, name: str, timestamp: Any = beam.DoFn.TimestampParam) -> None:
    _collected.setdefault(name, []).append((element, timestamp.micros))


def pipeline() -> beam.Pipeline:
    """An empty streaming pipeline on the local runner."""
    return beam.Pipeline(options=PipelineOptions(["--runner=BundleBasedDirectRunner", "--streaming"]))


def run(unrun: beam.Pipeline) -> PipelineResult:
    with mock.patch.object(direct_runner, "TestClock", _WatchedClock):
        result = unrun.run()
    result.wait_until_finish()
    return result


counters = counted


def totals(weights: Iterable[Any]) -> dict[str, float]:
    """Weights by item of a stored list."""
    return {neighbor.item_id: neighbor.weight for neighbor in weights}


class Sleeper:
    """Time that passes only by sleeping, and what was slept."""

    def __init__(self) -> None:
        self.now_s = 1000.0
        self.pauses: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now_s += seconds

    def backoff(self, **changes: Any) -> Backoff:
        settings: dict[str, Any] = {
            "sleep": self.sleep,
            "monotonic": lambda: self.now_s,
            "jitter": _no_jitter,
        }
        return Backoff(**{**settings, **changes})


def _no_jitter() -> float:
    return 1.0


Answer = Callable[[Sequence[Document]], list[WriteResult]]


class FaultyStore:
    """A store whose next answers are told in advance; after them it works. Remembers every call."""

    def __init__(self, *answers: Answer) -> None:
        self._answers = list(answers)
        self.calls: list[list[Document]] = []
        self.documents: dict[Key, Document] = {}

    def put_many(self, documents: Sequence[Document]) -> list[WriteResult]:
        self.calls.append(list(documents))
        return (self._answers.pop(0) if self._answers else self.works)(documents)

    def works(self, documents: Sequence[Document]) -> list[WriteResult]:
        results = []
        for document in documents:
            stored = self.documents.get(document.key)
            written = stored is None or stored.version < document.version
            if written:
                self.documents[document.key] = document
            results.append(WriteResult(document.key, Outcome.WRITTEN if written else Outcome.STALE))
        return results


def says(outcome: Outcome, message: str = "", *, of: str | None = None) -> Answer:
    """An answer of one outcome for every document, or for the one with the id `of`; others are written."""

    def answer(documents: Sequence[Document]) -> list[WriteResult]:
        return [
            WriteResult(document.key, outcome, message)
            if of in (None, document.id)
            else WriteResult(document.key, Outcome.WRITTEN)
            for document in documents
        ]

    return answer


def raises(problem: Exception) -> Answer:
    def answer(documents: Sequence[Document]) -> list[WriteResult]:
        raise problem

    return answer
