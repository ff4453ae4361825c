"""A job that is cancelled rather than drained: what it loses, and what a second delivery brings back.

Not covered: what dies between two writes of its own, as what a browser did on its way to its user's profile.
"""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
from job_under_fire import BUNDLE, differences, documents, run_job, run_until_cancelled
from shop_people import Teller
from shop_story import Message, tell
from streaming_support import NOW

from evermail.clock import HOUR, SECOND
from evermail.documents import Key, Neighbors, Profile, Trending

EVENTS = 1_200
START, SPAN_S = NOW - 26 * HOUR, 20 * 3600
TAKEN = 6 * BUNDLE
"""How many messages the job has taken in, and acknowledged, when it is cancelled."""


def events_in(profiles: dict[Key, dict[str, Any]]) -> int:
    return sum(profile["events"] for profile in profiles.values())


def weights(found: dict[Key, dict[str, Any]]) -> dict[tuple[Key, int, str], float]:
    """Weights of rows and lists; those that are of another time are another's."""
    return {
        (key, one["as_of"], item): weight
        for key, one in found.items()
        for item, weight in one.get("neighbors") or one.get("items", ())
    }


@pytest.mark.usefixtures("quick_runner")
def test_profiles_are_whole_again_once_what_was_not_written_is_delivered_again(tmp_path: Path) -> None:
    """Pub/Sub can be asked to deliver again from a time on (`gcloud pubsub subscriptions seek`).

    Of the copies those are taken in that no document tells of. Rows of neighbours and trending lists stay
    without what they had not written: that its shopper has been there is written, so it does not count again.
    A drain loses nothing: see test_conservation.py.
    """
    messages = tell(EVENTS, START, SPAN_S, random.Random(42)).in_order()
    calm, cancelled, again = (tmp_path / f"{name}.sqlite3" for name in ("quiet", "cancelled", "again"))
    run_job(messages, calm)
    quiet = documents(calm, Profile)

    run_until_cancelled(messages[:TAKEN], cancelled)
    run_job(messages[TAKEN:], cancelled)
    assert 0 < events_in(quiet) - events_in(documents(cancelled, Profile)) <= BUNDLE

    run_until_cancelled(messages[:TAKEN], again)
    run_job(messages[TAKEN - 2 * BUNDLE :], again)
    assert differences(documents(again, Profile), quiet) == {}
    whole, left = (weights(documents(path, Neighbors, Trending)) for path in (calm, again))
    assert {key: weight for key, weight in left.items() if weight > whole.get(key, weight) * 1.00001} == {}
    assert any(left.get(key, 0.0) < weight for key, weight in whole.items())


@pytest.mark.usefixtures("quick_runner")
def test_an_erasure_is_done_once_it_is_delivered_again(tmp_path: Path) -> None:
    """That somebody was erased is written at once, the empty profile when its time has come."""
    path = tmp_path / "store.sqlite3"
    teller = Teller(START, SPAN_S, random.Random(43))
    times = [START + number * SECOND for number in range(BUNDLE + 2)]
    told = [Message(at, teller.event(at, "view_item", "ann", None)[1]) for at in times]
    erased = Message(times[-1] + SECOND, teller.event(times[-1], "erase_user", "ann", None)[1])
    run_until_cancelled([*told, erased], path)
    assert events_in(documents(path, Profile)) == BUNDLE
    run_job([*told[BUNDLE:], erased], path)
    assert documents(path, Profile) == {}
