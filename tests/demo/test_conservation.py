"""The law's referee must see every way of breaking it."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path

import pytest

from demo import conservation, schedule
from demo.conservation import Accounts, accounts, unsettled, violations
from demo.schedule import Planned, Schedule
from evermail.documents import Profile
from evermail.events import Code
from evermail.stores import open_store
from pipeline import names


def planned() -> Schedule:
    events = [Planned(i, i, {"event_id": f"e{i}", "user_id": f"u{i % 3}"}) for i in range(100)]
    return schedule.make(events, duplicates=0.05, malformed_share=0.02, rng=random.Random(1))


PLAN = planned()
REJECTED = {code.value: count for code, count in PLAN.rejected.items()}
FOUND = Accounts(accepted=100, duplicate=5, late=0, rejected=REJECTED)


def judge(
    tmp_path: Path,
    found: Accounts = FOUND,
    *,
    stored: int = 100,
    dead: Counter[Code] | None = None,
    published: int | None = None,
) -> list[str]:
    store = open_store(f"sqlite:///{tmp_path / 'store.sqlite3'}")
    store.put_many([Profile(id="u1", version=1, updated_at=1, as_of=1, events=stored)])
    try:
        dead = dead if dead is not None else Counter(PLAN.rejected)
        return violations(PLAN, len(PLAN) if published is None else published, found, store, dead)
    finally:
        store.close()


def test_a_run_that_keeps_the_law_has_no_violations(tmp_path: Path) -> None:
    assert judge(tmp_path) == []


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (Accounts(99, 5, 0, REJECTED), "published ="),
        (Accounts(101, 4, 0, REJECTED), "duplicates, of the copies sent"),
        (Accounts(99, 6, 0, REJECTED), "accepted, late and erased"),
        (Accounts(100, 5, 0, {"late": 2}), "rejected with code"),
    ],
)
def test_a_lost_or_twice_counted_event_is_seen(tmp_path: Path, found: Accounts, words: str) -> None:
    assert any(words in line for line in judge(tmp_path, found))


def test_an_accepted_event_that_does_not_show_in_the_store_is_seen(tmp_path: Path) -> None:
    assert judge(tmp_path, stored=99) == ["accepted events that show in the store: expected 100, found 99"]


def test_a_lost_dead_letter_is_seen(tmp_path: Path) -> None:
    code = next(iter(PLAN.rejected))
    assert any(f"dead letters with code {code}" in line for line in judge(tmp_path, dead=Counter()))


def test_a_late_event_needs_its_dead_letter_too(tmp_path: Path) -> None:
    late = Accounts(99, 5, 1, REJECTED)
    assert any("code late" in line for line in judge(tmp_path, late, stored=99))
    assert judge(tmp_path, late, stored=99, dead=Counter(PLAN.rejected) + Counter([Code.LATE])) == []


def test_an_event_older_than_the_erasure_of_its_shopper_is_accounted_for(tmp_path: Path) -> None:
    assert judge(tmp_path, Accounts(99, 5, 0, REJECTED, erased=1), stored=99) == []
    assert judge(tmp_path, Accounts(99, 5, 0, REJECTED), stored=99) != []


def test_accounts_are_read_from_the_jobs_counters() -> None:
    counters = {names.ACCEPTED: 3, names.DUPLICATE: 2, names.LATE: 1, names.ERASED: 5}
    found = accounts({**counters, "rejected/wrong_type": 4, "other": 9})
    assert found == Accounts(3, 2, 1, {"wrong_type": 4}, erased=5)
    assert found.total == 15


def test_a_job_is_at_rest_when_all_that_was_handed_on_was_taken_in() -> None:
    assert unsettled({}) == []
    assert unsettled({names.DOCUMENTS_MADE: 3, names.DOCUMENTS_WRITTEN: 2, names.DOCUMENTS_STALE: 1}) == []
    assert unsettled({names.ROW_UPDATES_SENT: 3, names.ROW_UPDATES_TAKEN: 1}) == ["+2 row_updates_sent"]


def test_each_pair_of_counters_is_watched() -> None:
    for given, taken in conservation._BALANCED:
        assert unsettled({given[0]: 1})
        assert unsettled({given[0]: 1, taken[0]: 1}) == []
