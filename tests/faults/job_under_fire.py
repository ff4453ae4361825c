"""Runs the whole job over messages on the local runner, with what is to go wrong, and tells what was left."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from unittest import mock

import apache_beam as beam
from apache_beam.io.gcp.pubsub import PubsubMessage
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.runners.direct import executor
from apache_beam.testing.test_stream import TestStream
from apache_beam.transforms.window import GlobalWindow
from apache_beam.utils.timestamp import Timestamp
from faulty_store import NONE, Fault, Faults, unreliable
from shop_story import LATENESS_S, Message, products
from streaming_support import KEYS, NOW, StoppedClock, config, counters, run

from demo import digest
from evermail import repeats
from evermail.clock import HOUR, MINUTE, SECOND
from evermail.dead_letters.letter import from_json
from evermail.documents import Document, Key, Neighbors, Profile, Trending
from evermail.stores import StoreUnavailable
from evermail.stores.sqlite import SqliteStore
from pipeline.archive import WriteArchive
from pipeline.backoff import Backoff
from pipeline.config import JobConfig
from pipeline.job import Sinks, build
from pipeline.keys import KeySource

BUNDLES, BUNDLE = 80, 100
"""So many bundles a story is divided into at most, and so many messages one has at least."""

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
"""A time that passes by sleeping alone: that of whoever tries again, and that of a slow store."""

BAD = Faults(before=0.1, after=0.1, partial=0.1, slow=0.15, slow_s=2.0)
"""A slow call takes nearly half of the time that a try may take in all (`settings`)."""


@dataclass
class Left:
    """What runs left behind: counters, dead letters by code, the faults that happened, how many bundles were
    tried again because their worker was lost, and how many because the store did not answer in time."""

    counters: Counter[str] = field(default_factory=Counter)
    letters: Counter[str] = field(default_factory=Counter)
    happened: Counter[Fault] = field(default_factory=Counter)
    lost_workers: int = 0
    given_up: int = 0

    def had_a_bad_day(self) -> bool:
        """Whether everything went wrong that was to."""
        return all(self.happened[fault] for fault in Fault) and bool(self.lost_workers and self.given_up)


def documents(path: Path, *kinds: type[Document]) -> dict[Key, dict[str, Any]]:
    """What a store holds of what events make, in comparable form; without `kinds`, all of it."""
    store = SqliteStore(path, clock=lambda: LATER)
    found = [one for kind in kinds or (Profile, Neighbors, Trending) for one in store.scan(kind.COLLECTION)]
    store.close()
    comparable = {one.key: fields for one in found if (fields := digest.canonical(one, 0)) is not None}
    returns = next((one for one in found if one.key.id == repeats.ROW_ID), None)
    if isinstance(returns, Neighbors):  # a digest rounds it, as runs begin at different times of an hour
        comparable[returns.key] = {"as_of": returns.as_of, "weights": returns.neighbors}
    return comparable


def differences(one: dict[Key, Any], other: dict[Key, Any]) -> dict[Key, Any]:
    """Some of the documents that are not the same in both: (in the one, in the other)."""
    keys = sorted(key for key in one.keys() | other.keys() if one.get(key) != other.get(key))
    return {key: (one.get(key), other.get(key)) for key in keys[:5]}


def settings(path: Path, **changes: Any) -> JobConfig:
    return config(
        f"sqlite:///{path}",
        **{
            "bootstrap": True,
            "allowed_lateness_us": LATENESS_S * SECOND,
            "neighbors_flush_us": 4 * SECOND,
            "neighbors_settle_us": 4 * SECOND,
            "trending_window_us": 10 * MINUTE,
            "catalog_wait_us": SECOND,
            "store_retry_us": 5 * SECOND,
            "store_backoff": TRIES,
            **changes,
        },
    )


class Cancelled(Exception):
    """The job is over at once."""


def run_until_cancelled(messages: Sequence[Message], path: Path) -> None:
    """The job over all messages, which it has taken in when it is cancelled: none of its timers fires any
    more, none of its windows closes, and what it knows is gone."""
    SqliteStore(path).put_many(products())
    pipeline = beam.Pipeline(options=PipelineOptions(_OPTIONS))
    sinks = Sinks(dead_letters="Letters" >> beam.Map(_take_letter))
    last_word = Message(messages[-1].arrives_us + SECOND, b"")
    build(pipeline, _stream(messages, BUNDLE, last_word), sinks, settings(path))
    with suppress(Cancelled), _cancelled_by_a_dead_letter():
        run(pipeline)
        raise AssertionError("the job has come to its end")


@contextmanager
def _cancelled_by_a_dead_letter() -> Iterator[None]:
    stock = executor.TransformExecutor.attempt_call

    def attempt_call(self: Any, *arguments: Any) -> None:
        if self._applied_ptransform.full_label == "PublishDeadLetters" and self._input_bundle.has_elements():
            self._retry_count = self._max_retries_per_bundle - 1  # nobody tries again
            raise Cancelled
        stock(self, *arguments)

    with mock.patch.object(executor.TransformExecutor, "attempt_call", attempt_call):
        yield


def run_job(
    messages: Sequence[Message],
    path: Path,
    *,
    restarts: int = 0,
    keys: Sequence[KeySource] = (),
    faults: Faults = NONE,
    failing_bundles: float = 0.0,
    seed: int = 0,
    archive: Path | None = None,
) -> Left:
    """The job over all messages; it is drained and started anew, without its state, `restarts` times. Each
    start has the pseudonym keys of its place in `keys`, if there are any.

    A share of `failing_bundles` fails when its work is done and before it is committed.
    """
    SqliteStore(path).put_many(products())
    job_config = settings(path)
    left = Left()
    runs = restarts + 1
    with (
        unreliable(job_config.store_url, faults, seed=seed, sleep=_sleep) as store,
        _failing(failing_bundles, random.Random(seed), left),
    ):
        for number in range(runs):
            part = messages[len(messages) * number // runs : len(messages) * (number + 1) // runs]
            this_run = replace(
                job_config,
                wall_clock=StoppedClock(NOW + number * MINUTE),  # time goes by, which versions tell
                pseudonym_keys=keys[number] if keys else KEYS,
            )
            _run(part, this_run, archive, left, size=max(BUNDLE, -(-len(messages) // BUNDLES)))
        left.happened = store.happened
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
_END_US = GlobalWindow().max_timestamp().micros


def _take_letter(message: PubsubMessage) -> None:
    _letters.append(message.data)


def _stream(messages: Sequence[Message], size: int, last_word: Message | None = None) -> TestStream:
    """Messages in bundles, as time goes by, and then a drain; the watermark is where Pub/Sub has got to.

    A drain brings event time to its end. This runner fires no timer when it is infinite, so it is the last
    finite one first. Nothing else brings out what waits: after the last bundle, no other time goes by.
    """
    stream = TestStream()
    watermark = Timestamp(micros=messages[0].arrives_us // MINUTE * MINUTE - MINUTE)
    stream.advance_watermark_to(watermark)
    for start in range(0, len(messages), size):
        bundle = messages[start : start + size]
        arrived = Timestamp(micros=bundle[0].arrives_us // 1000 * 1000)
        if arrived > watermark:
            watermark = arrived
            stream.advance_watermark_to(watermark)
        stream.add_elements([message.to_pubsub() for message in bundle])
        if start + size < len(messages):
            stream.advance_processing_time(1)
    if last_word is not None:
        stream.add_elements([last_word.to_pubsub()])
    stream.advance_watermark_to(Timestamp(micros=_END_US // 1000 * 1000 + 1000))
    return stream.advance_watermark_to_infinity()


class _WorkerLost(Exception):
    """It happens to a bundle whose work is done."""


@contextmanager
def _failing(share: float, dice: random.Random, left: Left) -> Iterator[None]:
    """Bundles fail at the last moment, and are tried again: as often as it takes, as Dataflow does with those
    of a stream. What fails for another reason than that or a store that is unavailable is a bug: it ends the
    run."""
    stock = executor.TransformExecutor.attempt_call

    def attempt_call(self: Any, *arguments: Any) -> None:
        commit = self._completion_callback

        class Interrupted:
            def handle_result(_, *result: Any) -> Any:
                # The stream that stands for Pub/Sub does not come twice.
                ours = isinstance(self._applied_ptransform.transform, beam.ParDo)
                if ours and dice.random() < share:
                    left.lost_workers += 1
                    raise _WorkerLost("a fault for the test")
                return commit.handle_result(*result)

            def __getattr__(_, name: str) -> Any:
                return getattr(commit, name)

        self._completion_callback = Interrupted()
        try:
            stock(self, *arguments)
        except Exception as problem:
            if isinstance(problem, StoreUnavailable):
                left.given_up += 1
            elif not isinstance(problem, _WorkerLost):
                self._retry_count = self._max_retries_per_bundle - 1
            raise
        finally:
            self._completion_callback = commit

    with (
        mock.patch.object(executor.TransformExecutor, "attempt_call", attempt_call),
        mock.patch.object(executor.TransformExecutor, "_MAX_RETRY_PER_BUNDLE", 10_000),
    ):
        yield
