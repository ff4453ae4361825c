"""`feedback`: what was said of items is stored under the shopper's name of now, all of it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from faulty_store import BAD_DAY, Faults, UnreliableStore

from evermail import clock, erasure
from evermail.documents import Erasure, Feedback, Key, Profile, Verdict
from evermail.stores import Outcome, StoreUnavailable
from evermail.stores.sqlite import SqliteStore
from functions.feedback import MESSAGES, remember
from tests.functions import fakes
from tests.functions.actions_support import Actions
from tests.functions.fakes import NOW_US, body_of, error_code

SHOPPER = fakes.RECIPIENT.shopper


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    store = SqliteStore(tmp_path / "store.sqlite3", clock=fakes.now)
    yield store
    store.close()


def said(store: SqliteStore, shopper: str = SHOPPER) -> dict[str, str]:
    key = Key(Feedback.COLLECTION, shopper)
    found = store.get_many([key]).get(key)
    return {one: str(it.verdict) for one, it in found.opinions.items()} if isinstance(found, Feedback) else {}


def moved(name: str, to: str | None, version: int = 1) -> Profile:
    return Profile(id=name, version=version, updated_at=NOW_US, as_of=0, events=0, moved_to=to, renamed=True)


@pytest.mark.parametrize("verdict", Verdict)
def test_a_verdict_is_stored_and_said_so(store: SqliteStore, verdict: Verdict) -> None:
    response = Actions(store).post("feedback", {"item_id": "A", "verdict": verdict})
    assert body_of(response) == {"message": MESSAGES[verdict], "verdict": verdict}
    assert said(store) == {"A": verdict}


@pytest.mark.parametrize("verdict", ["", "love", "NOT_FOR_ME", None])
def test_any_other_verdict_is_none(store: SqliteStore, verdict: str | None) -> None:
    form = {"item_id": "A", **({"verdict": verdict} if verdict is not None else {})}
    response = Actions(store).post("feedback", form)
    assert (response.status_code, error_code(response)) == (400, "invalid_verdict")
    assert said(store) == {}


def test_said_again_it_changes_nothing(store: SqliteStore) -> None:
    actions = Actions(store)
    actions.post("feedback")
    before = list(store.scan("feedback"))
    actions.now_us += clock.DAY
    assert actions.post("feedback").status_code == 200
    assert list(store.scan("feedback")) == before


def test_what_is_said_last_holds(store: SqliteStore) -> None:
    actions = Actions(store)
    for verdict in ("not_for_me", "more_like_this", "none"):
        actions.post("feedback", {"item_id": "A", "verdict": verdict})
        assert said(store) == {"A": verdict}


def test_it_is_stored_under_the_name_of_now(store: SqliteStore) -> None:
    store.put_many([moved(SHOPPER, "k2.new"), moved("k2.new", "k2.user")])
    Actions(store).post("feedback")
    assert (said(store), said(store, "k2.new"), said(store, "k2.user")) == ({}, {}, {"SKU1": "not_for_me"})


def test_profiles_that_lead_in_a_circle_hold_up_nobody(store: SqliteStore) -> None:
    store.put_many([moved(SHOPPER, "k2.new"), moved("k2.new", SHOPPER)])
    assert Actions(store).post("feedback").status_code == 200


def test_who_comes_back_after_an_erasure_may_say_something_again(store: SqliteStore) -> None:
    """An erasure leaves something in the place of what was said, to keep out what is late."""
    remember(store, SHOPPER, "A", Verdict.NOT_FOR_ME, NOW_US - clock.HOUR)
    for number in range(3):
        at = NOW_US + number * clock.SECOND
        erasure.erase(store, SHOPPER, at, at)
        assert said(store) == {}
        remember(store, SHOPPER, "B", Verdict.NOT_FOR_ME, at + clock.SECOND)
        assert said(store) == {"B": "not_for_me"}


def test_what_was_said_within_the_second_of_an_erasure_is_not_stored(store: SqliteStore) -> None:
    erasure.erase(store, SHOPPER, NOW_US, NOW_US)
    remember(store, SHOPPER, "A", Verdict.NOT_FOR_ME, NOW_US)
    assert list(store.scan("feedback")) == []


def test_what_was_said_before_an_erasure_is_not_written_again(store: SqliteStore) -> None:
    actions = Actions(store)
    actions.post("feedback", {"item_id": "A", "verdict": "not_for_me"})
    actions.now_us += clock.MINUTE
    store.put_many([Erasure(id=SHOPPER, version=1, updated_at=NOW_US, erased_at=NOW_US + clock.SECOND)])
    actions.post("feedback", {"item_id": "B", "verdict": "not_for_me"})
    assert said(store) == {"B": "not_for_me"}


def test_what_cannot_be_read_is_replaced(store: SqliteStore) -> None:
    damaged = Feedback(id=SHOPPER, version=1, updated_at=NOW_US)
    damaged.opinions = {"A": "damaged"}  # type: ignore[dict-item]
    [result] = store.put_many([damaged])
    if result.outcome is not Outcome.WRITTEN:  # a store that checks what it writes
        with store._transaction() as connection:
            connection.execute(
                "INSERT INTO documents (collection, id, version, body) VALUES ('feedback', ?, 1, '{}')",
                (SHOPPER,),
            )
    assert Actions(store).post("feedback").status_code == 200
    assert said(store) == {"SKU1": "not_for_me"}


def test_requests_at_once_do_not_lose_each_other(store: SqliteStore) -> None:
    """Each reads before any has written; and their clocks do not agree."""
    together = threading.Barrier(6, timeout=30)
    first = threading.local()

    class Late(UnreliableStore):
        def get_many(self, keys, **how):  # type: ignore[no-untyped-def]
            found = super().get_many(keys, **how)
            if not hasattr(first, "done"):
                first.done = True
                together.wait()
            return found

    late = Late(store, Faults())
    with ThreadPoolExecutor(6) as threads:
        for done in [
            threads.submit(
                remember, late, SHOPPER, f"item {n}", Verdict.NOT_FOR_ME, NOW_US + n * clock.SECOND
            )
            for n in range(6)
        ]:
            done.result(timeout=60)
    assert sorted(said(store)) == [f"item {n}" for n in range(6)]


@pytest.mark.parametrize("seed", range(5))
def test_what_is_said_to_be_stored_is_stored_on_bad_days_too(store: SqliteStore, seed: int) -> None:
    actions = Actions(UnreliableStore(store, BAD_DAY, seed=seed))
    items = [f"item {n}" for n in range(30)]
    answered = [
        actions.post("feedback", {"item_id": item, "verdict": "not_for_me"}).status_code for item in items
    ]
    assert set(answered) == {200, 503}
    stored = said(store)
    assert [
        item for item, status in zip(items, answered, strict=True) if status == 200 and item not in stored
    ] == []


def test_a_store_that_is_down_is_told_and_may_be_asked_again() -> None:
    response = Actions(fakes.DownStore()).post("feedback")
    assert (response.status_code, error_code(response)) == (503, "store_unavailable")
    assert response.headers["Retry-After"]
    assert response.headers["AMP-Email-Allow-Sender"] == fakes.SENDER


def test_others_who_keep_writing_are_no_reason_to_try_for_ever(store: SqliteStore) -> None:
    class Overtaken(UnreliableStore):
        def get_many(self, keys, **how):  # type: ignore[no-untyped-def]
            found = super().get_many(keys, **how)
            store.put_many([Feedback(id=SHOPPER, version=NOW_US + self.calls.total(), updated_at=NOW_US)])
            return found

    with pytest.raises(StoreUnavailable):
        remember(Overtaken(store, Faults()), SHOPPER, "A", Verdict.NOT_FOR_ME, NOW_US)
