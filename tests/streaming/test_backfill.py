"""Every document made again, in a batch: what a stream ended with, whatever names people had meanwhile."""

from __future__ import annotations

import random
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import apache_beam as beam
import msgspec
import pytest
from people_support import Shop, browser, erase, identify, says
from streaming_support import NOW, Collected, Stream, config, event, pipeline, run
from test_rotation import KEYS, after, before, new, old

from evermail import consent
from evermail.clock import SECOND, Stopped
from evermail.documents import Profile
from evermail.events import Event, Rejected
from evermail.stores.sqlite import SqliteStore
from pipeline.job import Sinks, rebuild


class Archived(NamedTuple):
    events: beam.PCollection[Event]
    rejected: beam.PCollection[Rejected]


class Archive(beam.PTransform):  # type: ignore[misc]
    """Events as if they had been archived, in no order."""

    def __init__(self, events: list[Event]) -> None:
        super().__init__()
        self._events = list(events)
        random.Random(1).shuffle(self._events)

    def expand(self, begin: beam.pvalue.PBegin) -> Archived:
        rejected = begin | "Nothing" >> beam.Create([], reshuffle=False)
        rejected.element_type = Rejected
        return Archived(begin | beam.Create(self._events, reshuffle=False), rejected)


class Ticking:
    """A clock that goes on by a second whenever it is looked at."""

    def __init__(self) -> None:
        self.now_us = NOW

    def __call__(self) -> int:
        self.now_us += SECOND
        return self.now_us


def _drop(_: object) -> tuple[()]:
    return ()


def rebuilt(events: list[Event], path: Path) -> dict[str, Profile]:
    settings = config(f"sqlite:///{path}", pseudonym_keys=KEYS, wall_clock=Ticking(), timer_clock=Stopped(0))
    p = pipeline()
    rebuild(p, Archive(events), Sinks(dead_letters=beam.FlatMap(_drop)), settings)
    run(p)
    store = SqliteStore(path, clock=lambda: NOW)
    return {one.id: one for one in store.scan(Profile.COLLECTION) if isinstance(one, Profile)}


def copy_of(shop: Shop, path: Path) -> Path:
    """A store that holds what the shop's does."""
    with closing(sqlite3.connect(shop.store.path)) as held, closing(sqlite3.connect(path)) as other:
        held.backup(other)
    return path


def telling(profiles: dict[str, Profile]) -> dict[str, Profile]:
    """Profiles without what depends on when they were written."""
    return {
        key: msgspec.structs.replace(profile, version=0, updated_at=0, expire_at=0, memory=b"")
        for key, profile in profiles.items()
    }


@pytest.fixture
def shop(collected: Collected, tmp_path: Path) -> Shop:
    return Shop(collected, SqliteStore(tmp_path / "stream.sqlite3", clock=lambda: NOW))


def received(events: list[Event]) -> list[Event]:
    """The events, each received after the one before."""
    return [
        msgspec.structs.replace(
            one, receipt=msgspec.structs.replace(one.receipt, received_at=NOW + place * SECOND)
        )
        for place, one in enumerate(events)
    ]


PASTS = {
    "a user": [event("A", at=-9), event("B", at=-8)],
    "a linked browser": [identify("anna", at=-9), browser("A", at=-8)],
    "a stranger": [browser("A", at=-9)],
    "somebody erased": [event("A", at=-9), erase("anna", at=-8)],
    "somebody who said no": [event("A", at=-9), says(False, at=-8)],
}
FUTURE = [browser("C", at=-7), identify("anna", at=-6), browser("D", at=-5), event("E", at=-4)]


@pytest.mark.parametrize("beside", ["nothing", "what the stream wrote"])
@pytest.mark.parametrize("past", PASTS.values(), ids=PASTS)
def test_whoever_got_another_name_has_one_profile(
    shop: Shop, past: list[Event], beside: str, tmp_path: Path
) -> None:
    archived = received([*map(before, past), *map(after, FUTURE)])
    stream = Stream()
    for one in archived:
        stream.arrives(one)
    shop(stream, pseudonym_keys=KEYS)
    path = tmp_path / "rebuilt.sqlite3"
    if beside != "nothing":
        copy_of(shop, path)
    again = rebuilt(archived, path)
    assert telling(again) == telling(shop.profiles())
    assert {key for key, profile in again.items() if profile.history} <= {new("anna"), new("c1", "client")}
    assert old("anna") not in again or again[old("anna")].moved_to == new("anna")


def test_a_refusal_under_the_new_name_holds_for_what_came_under_the_former(tmp_path: Path) -> None:
    refusal = [says(False, at=-7), event("F", at=-6)]
    archived = [before(event("A", at=-9)), *(as_archived(after(one)) for one in refusal)]
    again = rebuilt(received(archived), tmp_path / "rebuilt.sqlite3")
    assert all(profile.history == [] for profile in again.values())


def as_archived(event: Event) -> Event:
    return consent.as_record(event) if event.consent else event


def test_all_of_it_is_of_when_it_was_built(tmp_path: Path) -> None:
    events = received([event("A", shopper="anna"), event("B", shopper="ben"), event("C", shopper="cy")])
    assert {profile.version for profile in rebuilt(events, tmp_path / "store.sqlite3").values()} == {
        NOW + SECOND
    }
