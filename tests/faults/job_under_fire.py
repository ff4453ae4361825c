"""Runs the whole job over messages on the local runner, with what is to go wrong, and tells what was left."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from unittest import mock

import apache_beam as beam
from apache_beam.io.gcp.pubsub import PubsubMessage
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.runners.direct import executor
from apache_beam.testing.test_stream import TestStream
from apache_beam.utils.timestamp import Timestamp
from faulty_store import NONE, Faults, unreliable
from shop_story import LATENESS_S, Message, products
from streaming_support import NOW, StoppedClock, config, counters, run

from demo import digest
from evermail.clock import HOUR, MINUTE, SECOND
from evermail.dead_letters.letter import from_json
from evermail.stores.sqlite import SqliteStore
from pipeline.archive import WriteArchive
from pipeline.backoff import Backoff
from pipeline.config import JobConfig
from pipeline.job import Sinks, build

BUNDLES = 160
"""How many bundles a day is divided into: each is some minutes of it."""

_slept_s = 0.0


def _sleep(seconds: float) -> None:
    global _slept_s
    _slept_s += seconds


def _monotonic() -> float:
    return _slept_s


def _no_jitter() -> float:
    return 1.0


LATER = NOW + HOUR
"""When everything is over, and what was erased has expired."""

TRIES = Backoff(first_s=1.0, longest_s=1.0, sleep=_sleep, monotonic=_monotonic, jitter=_no_jitter)
"""A time that passes by sleeping alone."""


@dataclass
class Left:
    """What runs left behind: counters, dead letters by code, how many bundles were tried again."""

    counters: Counter[str] = field(default_factory=Counter)
    letters: Counter[str] = field(default_factory=Counter)
    retried: int = 0

    def documents(self, path: Path) -> str:
        """A digest of all documents in a store."""
        return digest.of_store(SqliteStore(path, clock=lambda: LATER), 0)


def settings(path: Path, **changes: Any) -> JobConfig:
    return config(
        f"sqlite:///{path}",
        **{
            "bootstrap": True,
            "allowed_lateness_us": LATENESS_S * SECOND,
            "trending_window_us": 10 * MINUTE,
            "catalog_wait_us": SECOND,
            "store_retry_us": 5 * SECOND,
            "store_backoff": TRIES,
            **changes,
        },
    )


def run_job(
    messages: Sequence[Message],
    path: Path,
    *,
    restarts: int = 0,
    faults: Faults = NONE,
    failing_bundles: float = 0.0,
    seed: int = 0,
    archive: Path | None = None,
) -> Left:
    """The job over all messages; it is drained and started anew, without its state, `restarts` times.

    A share of `failing_bundles` fails when its work is done and before it is committed.
    """
    SqliteStore(path).put_many(products())
    job_config = settings(path)
    left = Left()
    runs = restarts + 1
    with (
        unreliable(job_config.store_url, faults, seed=seed),
        _failing(failing_bundles, random.Random(seed), left),
    ):
        for number in range(runs):
            part = messages[len(messages) * number // runs : len(messages) * (number + 1) // runs]
            now = StoppedClock(NOW + number * MINUTE)  # time goes by, which versions tell
            _run(part, replace(job_config, wall_clock=now), archive, left, size=-(-len(messages) // BUNDLES))
    return left


def _run(
    messages: Sequence[Message], job_config: JobConfig, archive: Path | None, left: Left, *, size: int
) -> None:
    pipeline = beam.Pipeline(options=PipelineOptions(_OPTIONS))
    sinks = Sinks(
        dead_letters="Letters" >> beam.Map(_take_letter),
        archive=WriteArchive(str(archive), job_config) if archive else None,
    )
    build(pipeline, _stream(messages, size), sinks, job_config)
    _letters.clear()
    result = run(pipeline)
    letters = {letter.id: letter for letter in map(from_json, _letters)}  # a retried bundle sends them again
    left.letters.update(letter.code for letter in letters.values())
    left.counters.update(counters(result))


_OPTIONS = ["--runner=BundleBasedDirectRunner", "--streaming"]
_letters: list[bytes] = []


def _take_letter(message: PubsubMessage) -> None:
    _letters.append(message.data)


def _stream(messages: Sequence[Message], size: int) -> TestStream:
    """Messages in bundles, as time goes by; the watermark is where Pub/Sub has got to."""
    stream = TestStream()
    stream.advance_watermark_to(Timestamp(micros=messages[0].arrives_us // MINUTE * MINUTE))
    for start in range(0, len(messages), size):
        bundle = messages[start : start + size]
        stream.advance_watermark_to(Timestamp(micros=bundle[0].arrives_us // 1000 * 1000))
        stream.add_elements([message.to_pubsub() for message in bundle])
        stream.advance_processing_time(1)
    for _ in range(8):  # whatever waits for whatever
        stream.advance_processing_time(2)
    return stream.advance_watermark_to_infinity()


@contextmanager
def _failing(share: float, dice: random.Random, left: Left) -> Iterator[None]:
    """Bundles fail at the last moment, and are tried again: twice at most, as the runner gives up at four."""
    stock = executor.TransformExecutor.attempt_call
    failed: Counter[int] = Counter()

    def attempt_call(self: Any, *arguments: Any) -> None:
        commit = self._completion_callback

        class Interrupted:
            def handle_result(_, *result: Any) -> Any:
                # The stream that stands for Pub/Sub does not come twice.
                ours = isinstance(self._applied_ptransform.transform, beam.ParDo)
                if ours and failed[id(self)] < 2 and dice.random() < share:
                    failed[id(self)] += 1
                    left.retried += 1
                    raise ConnectionError("a fault for the test: the worker was lost")
                return commit.handle_result(*result)

            def __getattr__(_, name: str) -> Any:
                return getattr(commit, name)

        self._completion_callback = Interrupted()
        try:
            stock(self, *arguments)
        finally:
            self._completion_callback = commit

    with mock.patch.object(executor.TransformExecutor, "attempt_call", attempt_call):
        yield
