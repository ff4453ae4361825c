"""Dead letters that are replayed come out of the job as if they had never been refused, however often."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from apache_beam.io.gcp.pubsub import PubsubMessage
from streaming_support import (
    KEYS,
    NOW,
    Collected,
    StoppedClock,
    Stream,
    config,
    counters,
    message,
    pipeline,
    pseudonym,
    run,
    wire,
)

from evermail import clock
from evermail.clock import HOUR, SECOND
from evermail.dead_letters.letter import Letter
from evermail.dead_letters.replay import outgoing
from evermail.dead_letters.seal import Seals
from evermail.documents import Profile
from evermail.events import Code
from evermail.stores.sqlite import SqliteStore
from pipeline import job, names
from pipeline.config import JobConfig
from pipeline.dead_letters import from_message

ANNA = pseudonym("user", "anna")


class Left:
    """What a run left: dead letters, counters, and how many events each profile has."""

    def __init__(self, letters: list[Letter], counters: Counter[str], profiles: dict[str, int]) -> None:
        self.letters, self.counters, self.profiles = letters, counters, profiles


Job = Callable[..., Left]


@pytest.fixture
def run_job(tmp_path: Path, every_bundle_counts: None) -> Job:
    """Runs the whole job over messages, with an empty store each time."""
    runs = iter(range(9))

    def run_(*messages: PubsubMessage, **changes: object) -> Left:
        collected = Collected()
        path = tmp_path / f"store-{next(runs)}.sqlite3"
        settings: JobConfig = replace(config(f"sqlite:///{path}"), **changes)  # type: ignore[arg-type]
        stream = Stream().watermark(-60)
        for one in messages:
            stream.arrives(one)
        p = pipeline()
        sinks = job.Sinks(dead_letters=collected.into("dead letters"))
        job.build(p, stream.passes().watermark(60).passes().source(), sinks, settings)
        counted = counters(run(p))
        profiles = SqliteStore(path, clock=lambda: NOW).scan(Profile.COLLECTION)
        return Left(
            [from_message(letter.data) for letter in collected["dead letters"]],
            counted,
            {profile.id: profile.events for profile in profiles if isinstance(profile, Profile)},
        )

    return run_


def replayed(letter: Letter) -> PubsubMessage:
    data, attributes = outgoing(letter, Seals(KEYS.keys()))
    return PubsubMessage(data, attributes, publish_time=clock.to_datetime(NOW))


def only(letters: list[Letter], code: Code) -> Letter:
    (letter,) = letters
    assert letter.code is code
    return letter


def test_a_message_that_decode_refused_counts_once_when_it_is_replayed_twice(run_job: Job) -> None:
    ahead = message(wire(user_id="anna", event_time=clock.to_rfc3339(NOW)))
    letter = only(run_job(ahead, wall_clock=StoppedClock(NOW - HOUR)).letters, Code.EVENT_TIME_IN_FUTURE)
    out = run_job(replayed(letter), replayed(letter), ahead)
    assert (out.counters[names.ACCEPTED], out.counters[names.DUPLICATE]) == (1, 2)
    assert out.profiles == {ANNA: 1}
    assert out.letters == []


def test_so_does_an_event_that_the_shoppers_refused_under_the_pseudonym_it_had(run_job: Job) -> None:
    late = message(wire(user_id="anna", event_time=clock.to_rfc3339(NOW - 2 * HOUR)))
    letter = only(run_job(late).letters, Code.LATE)
    out = run_job(replayed(letter), replayed(letter), late, allowed_lateness_us=3 * HOUR)
    assert (out.counters[names.ACCEPTED], out.counters[names.DUPLICATE]) == (1, 2)
    assert out.profiles == {ANNA: 1}


def test_what_is_refused_again_is_the_same_letter_of_one_attempt_more(run_job: Job) -> None:
    first = only(run_job(message(b"{", {"event_id": "e1"})).letters, Code.MALFORMED_JSON)
    second = only(
        run_job(replayed(first), wall_clock=StoppedClock(NOW + SECOND)).letters, Code.MALFORMED_JSON
    )
    assert (second.id, second.attempts) == (first.id, 2)
    assert (second.first_seen, second.received_at) == (first.first_seen, first.received_at)


def test_a_late_event_stays_as_late_as_it_was(run_job: Job) -> None:
    late = message(wire(user_id="anna", event_time=clock.to_rfc3339(NOW - 2 * HOUR)))
    first = only(run_job(late).letters, Code.LATE)
    second = only(run_job(replayed(first)).letters, Code.LATE)
    assert (second.id, second.attempts, second.first_seen) == (first.id, 2, first.first_seen)
