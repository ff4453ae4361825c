"""Nothing lost, nothing counted twice: a shop's day as badly delivered as it gets comes to the same."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from faulty_store import Faults
from job_under_fire import LATER, run_job
from shop_story import broken, tell
from streaming_support import NOW

from demo.conservation import accounts, unsettled
from evermail.clock import HOUR
from evermail.documents import Profile
from evermail.stores.sqlite import SqliteStore

EVENTS = 100_000
SPAN_S = 20 * 3600
START = NOW - 26 * HOUR
BAD = Faults(before=0.1, after=0.1, partial=0.1, slow=0.05, slow_s=0.0)


@pytest.mark.timeout(900)
@pytest.mark.usefixtures("quick_runner")
def test_a_day_under_fire_leaves_what_a_quiet_one_leaves(tmp_path: Path) -> None:
    story = tell(EVENTS, START, SPAN_S, random.Random(1))
    messages = story.under_fire(random.Random(2), copies=0.1, shuffled=0.2, malformed=0.05)
    quiet = run_job(story.in_order(), tmp_path / "quiet.sqlite3")
    left = run_job(messages, tmp_path / "fire.sqlite3", restarts=3, faults=BAD, failing_bundles=0.05, seed=3)

    found = accounts(dict(left.counters))
    assert found.total == len(messages)
    wrong = broken(messages)
    assert found.rejected == {code.value: count for code, count in sorted(wrong.items())}
    assert found.late == len(story.late)
    assert found.accepted == accounts(dict(quiet.counters)).accepted == len(story.happened)
    assert found.duplicate + found.erased == len(messages) - found.accepted - wrong.total() - found.late
    assert found.profiled == _events_in(tmp_path / "fire.sqlite3")
    assert left.letters == {**wrong, "late": len(story.late)}
    assert unsettled(dict(left.counters)) == []
    assert left.retried > 100
    assert left.documents(tmp_path / "fire.sqlite3") == quiet.documents(tmp_path / "quiet.sqlite3")


def _events_in(path: Path) -> int:
    profiles = SqliteStore(path, clock=lambda: LATER).scan(Profile.COLLECTION)
    return sum(profile.events for profile in profiles if isinstance(profile, Profile))
