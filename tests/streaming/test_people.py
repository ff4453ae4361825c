"""Who an event belongs to, what may be kept of it, what is erased: the two stages of shoppers together."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import msgspec
import pytest
from streaming_support import NOW, Collected, Stream, config, event, pipeline, run

from evermail.clock import SECOND
from evermail.decay import UNIT
from evermail.documents import Erasure, Profile
from evermail.events import Code, Consent, Event, Receipt
from evermail.interest import unpack_all
from evermail.stores.sqlite import SqliteStore
from pipeline.shoppers import Shoppers


def browser(items: str = "A", *, at: float = 0.0, cookie: str = "c1", **fields: Any) -> Event:
    """An event of somebody who is not logged in."""
    return msgspec.structs.replace(event(items, at=at, **fields), user_id=None, client_id=cookie)


def identify(user: str, *, at: float = 0.0, cookie: str = "c1", **fields: Any) -> Event:
    return event((), at=at, name="identify", shopper=user, client_id=cookie, **fields)


def erase(user: str | None = None, *, at: float = 0.0, cookie: str | None = None) -> Event:
    return msgspec.structs.replace(event((), at=at, name="erase_user"), user_id=user, client_id=cookie)


def says(allowed: bool, *, at: float = 0.0, user: str | None = "anna", cookie: str | None = None) -> Event:
    one = event((), at=at, name="update_consent", consent=Consent(allowed))
    return msgspec.structs.replace(one, user_id=user, client_id=cookie)


class Shop:
    """Runs streams through the stages of shoppers, and keeps what they say in a store."""

    def __init__(self, collected: Collected, store: SqliteStore) -> None:
        self.out, self.store = collected, store
        self.counters: Counter[str] = Counter()

    def __call__(self, stream: Stream, **changes: Any) -> Collected:
        settings = config(f"sqlite:///{self.store.path}", bootstrap=True, **changes)
        p = pipeline()
        shopped = p | stream.passes().source() | Shoppers(settings)
        for name in shopped._fields:
            getattr(shopped, name) | self.out.into(name)
        seen = len(self.out["profiles"])
        run(p)
        self.store.put_many(self.out["profiles"][seen:])
        self.store.put_many(self.out["erasures"])
        return self.out

    def profiles(self) -> dict[str, Profile]:
        found = self.store.scan(Profile.COLLECTION)
        return {profile.id: profile for profile in found if isinstance(profile, Profile)}

    def history(self, shopper: str) -> str:
        profile = self.profiles().get(shopper)
        return "".join(seen.item_id for seen in reversed(profile.history)) if profile else ""

    def rows(self) -> dict[tuple[str, str], float]:
        """Weights of pairs, (row, item), for events so close that nothing fades."""
        sums: Counter[tuple[str, str]] = Counter()
        for row, packed in self.out["row_updates"]:
            for update in unpack_all(packed):
                for item, amount in update.amounts:
                    sums[row, item] += amount
        return {pair: amount / UNIT for pair, amount in sums.items() if amount}


@pytest.fixture
def shop(collected: Collected, tmp_path: Path) -> Shop:
    return Shop(collected, SqliteStore(tmp_path / "store.sqlite3", clock=lambda: NOW))


def accepted(shop: Shop) -> list[tuple[str, str]]:
    return [(one.shopper, one.event.event_id) for one in shop.out["accepted"]]


class TestIdentity:
    def test_a_browser_that_nobody_knows_is_a_shopper_of_its_own(self, shop: Shop) -> None:
        shop(Stream().arrives(browser("A", at=-9), browser("B", at=-8)))
        assert (shop.history("c1"), shop.profiles()["c1"].events) == ("AB", 2)

    def test_its_history_moves_into_the_users_and_what_follows_goes_there(self, shop: Shop) -> None:
        stream = Stream().arrives(browser("A", at=-9), event("B", at=-8)).passes()
        shop(stream.arrives(identify("anna", at=-7)).arrives(browser("C", at=-6)))
        assert shop.history("anna") == "ABC"
        assert shop.profiles()["anna"].events == 4
        assert (shop.history("c1"), shop.profiles()["c1"].moved_to) == ("", "anna")

    def test_pairs_are_made_as_if_it_had_been_known_from_the_start(self, shop: Shop) -> None:
        shop(
            Stream()
            .arrives(browser("A", at=-9), event("B", at=-8), browser("C", at=-7))
            .arrives(identify("anna"))
        )
        assert shop.rows() == {
            ("A", "B"): 1.0,
            ("B", "A"): 0.5,
            ("A", "C"): 0.5,
            ("C", "A"): 0.25,
            ("B", "C"): 1.0,
            ("C", "B"): 0.5,
        }

    def test_every_event_is_accepted_once(self, shop: Shop) -> None:
        one, two, who = browser("A", at=-9), browser("B", at=-1), identify("anna", at=-5)
        shop(Stream().arrives(one).arrives(who).arrives(two))
        assert accepted(shop) == [("c1", one.event_id), ("anna", who.event_id), ("anna", two.event_id)]

    def test_copies_are_duplicates_on_either_side_of_it(self, shop: Shop) -> None:
        one, two, who = browser("A", at=-9), browser("B", at=-1), identify("anna", at=-5)
        shop(Stream().arrives(one).arrives(who).arrives(two).arrives(one, who, two).arrives(one, who, two))
        assert len(accepted(shop)) == 3
        assert shop.history("anna") == "AB"

    def test_two_devices_meet_in_one_profile(self, shop: Shop) -> None:
        stream = Stream().arrives(browser("A", at=-9, cookie="phone"), browser("B", at=-8, cookie="laptop"))
        stream.arrives(identify("anna", at=-7, cookie="phone"), identify("anna", at=-6, cookie="laptop"))
        shop(stream.arrives(browser("C", at=-5, cookie="phone"), browser("D", at=-4, cookie="laptop")))
        assert shop.history("anna") == "ABCD"
        assert shop.profiles()["anna"].events == 6

    def test_another_user_of_the_same_browser_takes_over_from_then_on(self, shop: Shop) -> None:
        stream = Stream().arrives(browser("A", at=-9)).arrives(identify("anna", at=-8))
        stream.arrives(browser("B", at=-7)).arrives(identify("ben", at=-6)).arrives(browser("C", at=-5))
        shop(stream.arrives(identify("anna", at=-4)).arrives(browser("D", at=-3)))
        assert (shop.history("anna"), shop.history("ben")) == ("ABD", "C")

    def test_an_event_goes_to_whom_it_belonged_when_it_happened(self, shop: Shop) -> None:
        stream = Stream().arrives(identify("anna", at=-90)).arrives(identify("ben", at=-30))
        shop(stream.arrives(browser("A", at=-100), browser("B", at=-60), browser("C", at=-10)))
        assert (shop.history("anna"), shop.history("ben")) == ("AB", "C")

    def test_a_browser_called_like_its_user_is_no_loop(self, shop: Shop) -> None:
        stream = Stream().arrives(browser("A", at=-9, cookie="x")).arrives(identify("x", at=-8, cookie="x"))
        shop(stream.arrives(browser("B", at=-7, cookie="x"), event("C", at=-6, shopper="x")))
        assert len(accepted(shop)) == 4
        assert sum(one.shopper == "x" for one in shop.out["accepted"]) == 4

    def test_a_late_identify_joins_nobody(self, shop: Shop) -> None:
        shop(Stream().arrives(browser("A", at=-9)).arrives(identify("anna", at=-4000)))
        assert (shop.history("c1"), shop.history("anna")) == ("A", "")
        assert [refused.code for refused in shop.out["refused"]] == [Code.LATE]

    def test_without_consent_nobody_is_joined(self, shop: Shop) -> None:
        shop(Stream().arrives(browser("A", at=-9)).arrives(identify("anna", at=-8, consent=Consent(False))))
        assert (shop.history("c1"), shop.history("anna")) == ("A", "")

    def test_a_new_job_knows_whose_a_browser_is(self, shop: Shop) -> None:
        shop(Stream().arrives(browser("A", at=-9)).arrives(identify("anna", at=-8)))
        shop(Stream().arrives(browser("B", at=-7)))
        assert shop.history("anna") == "AB"


class TestConsent:
    def test_an_event_without_it_feeds_aggregates_that_name_nobody(self, shop: Shop) -> None:
        one = event("A", consent=Consent(False), search_term="for anna", extra={"who": "anna"})
        shop(Stream().arrives(one))
        ((shopper, _),) = accepted(shop)
        assert shopper == ""
        assert shop.profiles() == {}
        assert shop.out["row_updates"] == []
        assert b"anna" not in msgspec.json.encode(shop.out["accepted"])

    def test_a_withdrawal_empties_the_profile_for_good(self, shop: Shop) -> None:
        stream = Stream().arrives(event("A", at=-9), event("B", at=-8)).passes().arrives(says(False, at=-7))
        shop(stream.arrives(event("C", at=-6)))
        profile = shop.profiles()["anna"]
        assert (profile.events, profile.history) == (0, [])
        shop(Stream().arrives(event("D", at=-5)))  # a new job, without the state
        assert shop.history("anna") == ""

    def test_given_again_it_holds_for_what_follows(self, shop: Shop) -> None:
        stream = Stream().arrives(event("A", at=-9)).arrives(says(False, at=-8)).arrives(event("B", at=-7))
        shop(stream.arrives(says(True, at=-6)).arrives(event("C", at=-5)))
        assert shop.history("anna") == "C"

    def test_a_users_withdrawal_reaches_the_browser_it_came_by(self, shop: Shop) -> None:
        shop(Stream().arrives(browser("A", at=-9)).arrives(says(False, at=-8, cookie="c1")))
        assert shop.history("c1") == ""

    def test_late_events_without_it_are_archived_without_names(self, shop: Shop) -> None:
        shop(Stream().arrives(event("A", at=-4000, consent=Consent(False))))
        (late,) = shop.out["late"]
        assert (late.user_id, late.client_id, late.event_id) == (None, None, "")
        (refused,) = shop.out["refused"]
        assert b"anna" not in refused.data


class TestErasure:
    def test_the_profile_is_gone_and_the_erasure_is_told(self, shop: Shop) -> None:
        shop(Stream().arrives(event("A", at=-9)).passes().arrives(erase("anna", at=-8)))
        assert shop.profiles() == {}
        (erasure,) = shop.out["erasures"]
        assert isinstance(erasure, Erasure)
        assert (erasure.id, erasure.erased_at) == ("anna", NOW - 8 * SECOND)

    def test_older_events_that_come_later_leave_no_trace(self, shop: Shop) -> None:
        shop(Stream().arrives(erase("anna", at=-8)).arrives(event("A", at=-9)))
        assert shop.profiles() == {}
        assert len(accepted(shop)) == 1  # the erasure
        assert shop.out["refused"] == shop.out["late"] == []

    def test_they_leave_none_after_a_restart_without_state(self, shop: Shop) -> None:
        shop(Stream().arrives(event("A", at=-9)).arrives(erase("anna", at=-8)))
        shop(Stream().arrives(event("B", at=-9.5)))
        assert shop.profiles() == {}
        assert len(accepted(shop)) == 2

    def test_who_comes_back_begins_anew(self, shop: Shop) -> None:
        shop(Stream().arrives(event("A", at=-9)).arrives(erase("anna", at=-8)).arrives(event("B", at=-7)))
        assert (shop.history("anna"), shop.profiles()["anna"].events) == ("B", 1)

    def test_a_browser_of_an_erased_user_feeds_aggregates_only(self, shop: Shop) -> None:
        stream = Stream().arrives(identify("anna", at=-10)).arrives(erase("anna", at=-8))
        shop(stream.arrives(browser("A", at=-7)))
        assert shop.history("anna") == shop.history("c1") == ""
        assert [shopper for shopper, _ in accepted(shop)] == ["anna", "anna", ""]

    def test_the_browser_it_came_by_is_a_strangers_again(self, shop: Shop) -> None:
        stream = Stream().arrives(browser("A", at=-12)).arrives(identify("anna", at=-10))
        stream.arrives(erase("anna", at=-8, cookie="c1")).arrives(browser("B", at=-7))
        shop(stream)
        assert (shop.history("anna"), shop.history("c1")) == ("", "B")
        assert sorted(erasure.id for erasure in shop.out["erasures"]) == ["anna", "c1"]

    def test_a_strangers_browser_can_be_erased(self, shop: Shop) -> None:
        shop(Stream().arrives(browser("A", at=-9)).passes().arrives(erase(cookie="c1", at=-8)))
        assert shop.profiles() == {}
        assert [erasure.id for erasure in shop.out["erasures"]] == ["c1"]

    def test_a_known_browsers_request_is_its_users(self, shop: Shop) -> None:
        stream = Stream().arrives(browser("A", at=-12)).arrives(identify("anna", at=-10))
        shop(stream.arrives(erase(cookie="c1", at=-8)))
        assert shop.history("anna") == shop.history("c1") == ""
        assert sorted(erasure.id for erasure in shop.out["erasures"]) == ["anna", "c1"]

    def test_however_late_it_is_asked_for_it_is_done(self, shop: Shop) -> None:
        shop(
            Stream().arrives(event("A", at=-3000)).arrives(erase("anna", at=-2000)),
            allowed_lateness_us=SECOND * 3100,
        )
        shop(Stream().arrives(erase("anna", at=-1500)), allowed_lateness_us=SECOND)
        assert shop.profiles() == {}
        assert shop.out["refused"] == []


class TestRestart:
    """A new job, without state, beside the store of an old one."""

    def test_a_profile_goes_on_where_it_was(self, shop: Shop) -> None:
        shop(Stream().arrives(event("A", at=-9), event("B", at=-8, name="add_to_cart")))
        shop(Stream().arrives(event("C", at=-7)))
        profile = shop.profiles()["anna"]
        assert (shop.history("anna"), profile.events, profile.cart) == ("ABC", 3, {"B": 1})
        assert ("C", "B") in shop.rows()

    def test_copies_of_what_the_old_job_took_in_are_duplicates(self, shop: Shop) -> None:
        one, two = event("A", at=-9), event("B", at=-8)
        shop(Stream().arrives(one, two))
        shop(Stream().arrives(two, one, event("C")))
        assert len(accepted(shop)) == 3
        assert shop.profiles()["anna"].events == 3

    def test_a_copy_alone_writes_nothing(self, shop: Shop) -> None:
        one = event("A", at=-9)
        shop(Stream().arrives(one))
        before = len(shop.out["profiles"])
        shop(Stream().arrives(one))
        assert len(shop.out["profiles"]) == before

    def test_versions_go_on_growing(self, shop: Shop) -> None:
        shop(Stream().arrives(event("A", at=-9)))
        first = shop.profiles()["anna"].version
        shop(Stream().arrives(event("B", at=-8)))
        assert shop.profiles()["anna"].version > first

    def test_a_profile_of_a_store_that_kept_no_memory_is_added_to(self, shop: Shop) -> None:
        shop(Stream().arrives(event("A", at=-9)))
        stored = shop.profiles()["anna"]
        shop.store.put_many([msgspec.structs.replace(stored, version=stored.version + 1, memory=b"")])
        shop(Stream().arrives(event("B", at=-8)))
        assert (shop.history("anna"), shop.profiles()["anna"].events) == ("AB", 2)


class TestRotation:
    """Under a new pseudonym key everybody has a new name, and a past under the old one."""

    def test_a_profile_moves_to_the_new_name_and_leaves_word(self, shop: Shop) -> None:
        one = event("A", at=-9, shopper="k1.anna")
        shop(Stream().arrives(one))
        two = event("B", at=-8, shopper="k2.anna", receipt=Receipt(user_aliases=("k1.anna",)))
        shop(Stream().arrives(two))
        assert shop.history("k2.anna") == "AB"
        assert shop.profiles()["k1.anna"].moved_to == "k2.anna"
        assert shop.history("k1.anna") == ""

    def test_copies_from_before_are_known_by_the_old_name(self, shop: Shop) -> None:
        one = event("A", at=-9, shopper="k1.anna", event_id="1")
        shop(Stream().arrives(one))
        receipt = Receipt(user_aliases=("k1.anna",))
        shop(Stream().arrives(msgspec.structs.replace(one, user_id="k2.anna", receipt=receipt)))
        assert len(accepted(shop)) == 1
        assert shop.out["refused"] == []

    def test_an_erasure_reaches_the_old_name(self, shop: Shop) -> None:
        shop(Stream().arrives(event("A", at=-9, shopper="k1.anna")))
        gone = msgspec.structs.replace(erase("k2.anna", at=-8), receipt=Receipt(user_aliases=("k1.anna",)))
        shop(Stream().arrives(gone))
        assert shop.history("k1.anna") == shop.history("k2.anna") == ""
        assert sorted(erasure.id for erasure in shop.out["erasures"]) == ["k1.anna", "k2.anna"]
