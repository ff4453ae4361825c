"""Nothing lost, nothing counted twice: a shop's day as badly delivered as it gets comes to the same."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from job_under_fire import BAD, differences, documents, run_job
from shop_story import broken, tell
from streaming_support import NOW

from demo.conservation import accounts, unsettled
from evermail.clock import HOUR

EVENTS = 100_000
SPAN_S = 20 * 3600
START = NOW - 26 * HOUR


@pytest.mark.timeout(900)
@pytest.mark.usefixtures("quick_runner")
def test_a_day_under_fire_leaves_what_a_quiet_one_leaves(tmp_path: Path) -> None:
    """The restarts are drains: the job takes nothing in any more, its timers fire and its windows close, and
    so all that it knows is written before it ends. That is all a drain promises, and this test relies on it.

    A job that is cancelled writes nothing more: see test_cancel.py for what is lost then.
    """
    story = tell(EVENTS, START, SPAN_S, random.Random(1))
    messages = story.under_fire(random.Random(2), copies=0.1, shuffled=0.2, malformed=0.05)
    quiet = run_job(story.quietly(messages), tmp_path / "quiet.sqlite3")
    left = run_job(messages, tmp_path / "fire.sqlite3", restarts=3, faults=BAD, failing_bundles=0.05, seed=3)

    found, expected = accounts(dict(left.counters)), accounts(dict(quiet.counters))
    assert found.total == len(messages)
    wrong = broken(messages)
    assert found.rejected == {code.value: count for code, count in sorted(wrong.items())}
    assert found.late == len(story.late)
    assert found.accepted == expected.accepted == len(story.happened) - expected.erased
    assert found.duplicate + found.erased == len(messages) - found.accepted - wrong.total() - found.late
    fired = documents(tmp_path / "fire.sqlite3")
    assert found.profiled == sum(one["events"] for key, one in fired.items() if key.collection == "profiles")
    assert left.letters == {**wrong, "late": len(story.late)}
    assert unsettled(dict(left.counters)) == []
    assert differences(fired, documents(tmp_path / "quiet.sqlite3")) == {}
    assert left.had_a_bad_day()
    assert expected.erased > 0
