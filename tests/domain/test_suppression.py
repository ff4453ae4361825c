"""Who wants no email: what was said last holds, and in doubt nothing is sent."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from faulty_store import BAD_DAY, DOWN, UnreliableStore
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evermail.documents import MAX_MOVES, Key, Profile, Suppression
from evermail.moves import follow
from evermail.stores import StoreUnavailable
from evermail.stores.sqlite import SqliteStore
from evermail.suppression import (
    LIFTED_RETENTION_US,
    MAX_ASKED,
    UNDO_US,
    NotTakenBack,
    carried,
    is_suppressed,
    lift,
    suppress,
)

NOW = 1_790_000_000_000_000
LINK = "may:ann"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    store = SqliteStore(tmp_path / "store.sqlite3", clock=lambda: NOW)
    yield store
    store.close()


def move(store: SqliteStore, *names: str, renamed: bool = True) -> None:
    for name, to in pairwise(names):
        moved = Profile(id=name, version=1, updated_at=NOW, as_of=0, events=0, moved_to=to, renamed=renamed)
        store.put_many([moved])


def damage(store: SqliteStore, collection: str, shopper: str) -> None:
    with store._transaction() as connection:
        connection.execute(
            "REPLACE INTO documents (collection, id, version, body) VALUES (?, ?, 1, '{}')",
            (collection, shopper),
        )


def test_those_who_want_none_among_many(store: SqliteStore) -> None:
    for shopper in ("ann", "cleo"):
        assert suppress(store, shopper, "page", NOW, link=LINK)
    lift(store, "cleo", "page", NOW, link=LINK)
    assert is_suppressed(store, ["ann", "ben", "cleo", "ann", ""]) == {"ann"}
    assert is_suppressed(store, []) == set()


def test_any_number_may_be_asked_about(store: SqliteStore) -> None:
    everybody = [f"s{n}" for n in range(2 * MAX_ASKED + 1)]
    last = everybody[-1]
    suppress(store, last, "page", NOW, link=LINK)
    assert is_suppressed(store, everybody) == {last}


def test_said_again_it_changes_nothing(store: SqliteStore) -> None:
    assert [suppress(store, "ann", "page", NOW + n, link=LINK) for n in range(3)] == [True, False, False]
    assert [lift(store, "ann", "page", NOW + n, link=LINK) for n in range(3)] == [True, False, False]
    assert not lift(store, "ben", "page", NOW, link=LINK)


def test_a_suppression_has_no_end_and_a_lifted_one_is_forgotten(store: SqliteStore) -> None:
    suppress(store, "ann", "page", NOW, link=LINK)
    [suppression] = store.scan("suppressions")
    assert suppression.expire_at is None
    lift(store, "ann", "page", NOW, link=LINK)
    [lifted] = store.scan("suppressions")
    assert lifted.expire_at == NOW + LIFTED_RETENTION_US


@given(
    said=st.lists(
        st.tuples(st.booleans(), st.integers(-UNDO_US // 2 + 1, UNDO_US // 2)), min_size=1, max_size=8
    )
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
def test_what_is_said_last_holds_whatever_the_clocks_say(
    store: SqliteStore, said: list[tuple[bool, int]]
) -> None:
    for stop, off_us in said:
        (suppress if stop else lift)(store, "ann", "page", NOW + off_us, link=LINK)
        assert is_suppressed(store, ["ann"]) == ({"ann"} if stop else set())


def test_all_names_from_that_of_the_email_on(store: SqliteStore) -> None:
    names = ["k1.browser", "k2.browser", "k1.user", "k2.user"]
    move(store, *names)
    suppress(store, "k2.browser", "page", NOW, link=LINK)
    assert is_suppressed(store, names) == set(names)
    assert {one.id for one in store.scan("suppressions")} == set(names[1:])
    lift(store, "k1.browser", "page", NOW, link=LINK)
    assert is_suppressed(store, names) == set()


def test_who_has_moved_to_somebody_who_wants_none_gets_none(store: SqliteStore) -> None:
    """A cart of a browser that turned out to be hers, when she has left as a user."""
    move(store, "k1.browser", "k2.browser", "user")
    suppress(store, "user", "page", NOW, link=LINK)
    asked = ["k1.browser", "k2.browser", "ben"]
    assert is_suppressed(store, asked) == {"k1.browser", "k2.browser"}
    lift(store, "user", "page", NOW, link=LINK)
    assert is_suppressed(store, asked) == set()
    move(store, "x", "y", "x")  # in a circle
    assert is_suppressed(store, ["x"]) == set()


def test_only_so_many_moves_are_followed_and_no_circle(store: SqliteStore) -> None:
    move(store, *"abcdefgh")
    assert follow(store, "a", []).names == tuple("abcdefgh"[: MAX_MOVES + 1])
    move(store, "x", "y", "x")
    assert follow(store, "x", []).names == ("x", "y")


def test_a_browser_leads_to_its_user_only_where_that_is_asked_for(store: SqliteStore) -> None:
    move(store, "k1.browser", "k2.browser")
    move(store, "k2.browser", "user", renamed=False)
    assert follow(store, "k1.browser", []).names == ("k1.browser", "k2.browser")
    assert follow(store, "k1.browser", [], to_users=True).names == ("k1.browser", "k2.browser", "user")


class TestTakingBack:
    def test_what_another_email_has_said_stays(self, store: SqliteStore) -> None:
        suppress(store, "ann", "page", NOW, link="may:ann")
        with pytest.raises(NotTakenBack):
            lift(store, "ann", "page", NOW, link="june:ann")
        assert is_suppressed(store, ["ann"]) == {"ann"}

    def test_what_was_said_long_ago_stays(self, store: SqliteStore) -> None:
        suppress(store, "ann", "page", NOW, link=LINK)
        with pytest.raises(NotTakenBack):
            lift(store, "ann", "page", NOW + UNDO_US, link=LINK)
        assert is_suppressed(store, ["ann"]) == {"ann"}

    def test_a_browser_takes_back_for_its_user_what_it_said_itself(self, store: SqliteStore) -> None:
        move(store, "browser", "user", renamed=False)
        suppress(store, "browser", "page", NOW, link="may:browser")
        assert is_suppressed(store, ["browser", "user"]) == {"browser", "user"}
        lift(store, "browser", "page", NOW, link="may:browser")
        assert is_suppressed(store, ["browser", "user"]) == set()

    def test_and_never_what_the_user_said(self, store: SqliteStore) -> None:
        move(store, "browser", "user", renamed=False)
        suppress(store, "user", "page", NOW, link="may:user")
        suppress(store, "browser", "page", NOW, link="may:browser")
        with pytest.raises(NotTakenBack):
            lift(store, "browser", "page", NOW, link="may:browser")
        assert is_suppressed(store, ["browser", "user"]) == {"browser", "user"}

    def test_what_cannot_be_read_was_said_by_nobody(self, store: SqliteStore) -> None:
        damage(store, "suppressions", "ann")
        with pytest.raises(NotTakenBack):
            lift(store, "ann", "page", NOW, link=LINK)
        assert is_suppressed(store, ["ann"]) == {"ann"}
        assert suppress(store, "ann", "page", NOW, link=LINK)  # in a form that can be read
        lift(store, "ann", "page", NOW, link=LINK)
        assert is_suppressed(store, ["ann"]) == set()


@pytest.mark.parametrize("collection", ["profiles", "suppressions"])
def test_what_cannot_be_read_is_in_nobodys_way(store: SqliteStore, collection: str) -> None:
    damage(store, collection, "ann")
    suppress(store, "ann", "page", NOW, link=LINK)
    assert is_suppressed(store, ["ann", "ben"]) == {"ann"}
    lift(store, "ann", "page", NOW, link=LINK)
    assert is_suppressed(store, ["ann"]) == set()


def test_a_suppression_that_cannot_be_read_counts(store: SqliteStore) -> None:
    suppress(store, "cleo", "page", NOW, link=LINK)
    damage(store, "suppressions", "ben")
    assert is_suppressed(store, ["ann", "ben", "cleo", "dora"]) == {"ben", "cleo"}


def test_while_the_store_is_down_nobody_knows(store: SqliteStore) -> None:
    down = UnreliableStore(store, DOWN)
    for call in (
        lambda: is_suppressed(down, ["ann"]),
        lambda: carried(down, {"ann": "ben"}),
        lambda: suppress(down, "ann", "page", NOW, link=LINK),
        lambda: lift(down, "ann", "page", NOW, link=LINK),
    ):
        with pytest.raises(StoreUnavailable):
            call()


@pytest.mark.parametrize("seed", range(10))
def test_what_did_not_raise_holds(store: SqliteStore, seed: int) -> None:
    names = ["k1.user", "k2.user"]
    move(store, *names)
    faulty = UnreliableStore(store, BAD_DAY, seed=seed)
    for n in range(20):
        stop = n % 2 == 0
        try:
            (suppress if stop else lift)(faulty, names[0], "page", NOW + n, link=LINK)
        except StoreUnavailable:
            continue
        assert is_suppressed(store, names) == (set(names) if stop else set())
    assert faulty.happened


class TestMoves:
    def test_a_suppression_moves_along(self, store: SqliteStore) -> None:
        suppress(store, "old", "page", NOW, link=LINK)
        lift_of = Suppression(id="lifted", version=NOW, updated_at=NOW, reason="page", lifted=True)
        store.put_many([lift_of])
        moved = {"old": "new", "stranger": "other", "lifted": "third"}
        store.put_many(carried(store, moved))
        assert is_suppressed(store, moved.values()) == {"new"}
        assert is_suppressed(store, ["old"]) == {"old"}

    def test_however_often_it_moves_what_was_said_later_stays(self, store: SqliteStore) -> None:
        suppress(store, "old", "page", NOW, link=LINK)
        for _ in range(2):
            store.put_many(carried(store, {"old": "new"}))
            lift(store, "new", "page", NOW + UNDO_US // 2, link=LINK)
            assert is_suppressed(store, ["new"]) == set()

    def test_the_stored_one_is_left_as_it_is(self, store: SqliteStore) -> None:
        suppress(store, "old", "one_click", NOW, link=LINK)
        [document] = carried(store, {"old": "new"})
        assert (document.key, document.version) == (Key(Suppression.COLLECTION, "new"), NOW)
        assert document.reason == "one_click"
