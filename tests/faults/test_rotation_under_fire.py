"""Pseudonym keys are rotated in the middle of a bad day: everybody goes on under a new name, and nothing else
changes."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
from job_under_fire import BAD, differences, documents, run_job
from shop_story import SHUFFLED_S, broken, greetings, tell
from streaming_support import NOW, SECRET

from demo.conservation import accounts, unsettled
from evermail.clock import HOUR, SECOND
from evermail.documents import Key, Profile
from pipeline.keys import LiteralKeys

EVENTS = 10_000
SPAN_S = 20 * 3600
START = NOW - 26 * HOUR
OLD = LiteralKeys({"k1": SECRET})
BOTH = LiteralKeys({"k1": SECRET, "k2": SECRET[::-1]})
NEW = LiteralKeys({"k2": SECRET[::-1]})


@pytest.mark.timeout(900)
@pytest.mark.usefixtures("quick_runner")
def test_after_a_rotation_everything_is_as_if_there_had_been_the_new_key_alone(tmp_path: Path) -> None:
    """As soon as everybody has come once under the new key. What is left of the former names are words that
    lead to the new ones; a browser may lead to its user by way of such a word."""
    story = tell(EVENTS, START, SPAN_S, random.Random(31))
    messages = story.under_fire(random.Random(32), copies=0.1, shuffled=0.2, malformed=0.05)
    calm = story.quietly(messages)
    last_us = messages[-1].arrives_us + SHUFFLED_S * SECOND
    assert last_us < NOW - HOUR
    hellos = greetings(story, last_us)
    told = messages + hellos
    half = len(told) * 2 // 4  # where the second restart is
    assert len({one.data for one in told[:half]} & {one.data for one in told[half:]}) > 10
    quiet = run_job(calm + hellos, tmp_path / "quiet.sqlite3", keys=[NEW])
    left = run_job(
        told,
        tmp_path / "fire.sqlite3",
        restarts=3,
        keys=[OLD, OLD, BOTH, BOTH],
        faults=BAD,
        failing_bundles=0.05,
        seed=33,
    )

    found, expected = accounts(dict(left.counters)), accounts(dict(quiet.counters))
    assert found.total == len(told)
    wrong = broken(messages)
    assert found.rejected == {code.value: count for code, count in sorted(wrong.items())}
    assert found.accepted == expected.accepted == len(story.happened) + len(hellos) - expected.erased
    assert unsettled(dict(left.counters)) == []
    assert left.had_a_bad_day()

    fired = documents(tmp_path / "fire.sqlite3")
    former = {key: one for key, one in fired.items() if key.id.startswith("k1.")}
    assert len(former) > 500
    assert {key: one for key, one in former.items() if not _is_a_word(one)} == {}
    current = {key: _led_on(one, former) for key, one in fired.items() if key not in former}
    assert found.profiled == sum(one["events"] for key, one in current.items() if _is_profile(key))
    assert differences(current, documents(tmp_path / "quiet.sqlite3")) == {}


def _is_profile(key: Key) -> bool:
    return key.collection == Profile.COLLECTION


def _is_a_word(profile: dict[str, Any]) -> bool:
    """Whether a profile says no more than where to look."""
    says = {name for name, value in profile.items() if value} - {"id", "as_of"}
    return says == {"moved_to", "renamed"} and profile["moved_to"].startswith("k2.")


def _led_on(document: dict[str, Any], former: dict[Key, dict[str, Any]]) -> dict[str, Any]:
    """A document that leads to a name from before as one that leads where that name does."""
    word = former.get(Key(Profile.COLLECTION, document.get("moved_to") or ""))
    return document if word is None else {**document, "moved_to": word["moved_to"]}
