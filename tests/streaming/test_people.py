"""Who an event belongs to, and what a new job knows of it: the stages of shoppers together."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from people_support import Shop, accepted, browser, identify, says
from streaming_support import NOW, Collected, Stream, event

from evermail.clock import SECOND
from evermail.constants import SERVED
from evermail.events import Code, Consent, Receipt
from evermail.links import MAX_LINKS
from evermail.stores.sqlite import SqliteStore


@pytest.fixture
def shop(collected: Collected, tmp_path: Path, every_bundle_counts: None) -> Shop:
    return Shop(collected, SqliteStore(tmp_path / "store.sqlite3", clock=lambda: NOW))


class TestIdentity:
    def test_a_browser_that_nobody_knows_is_a_shopper_of_its_own(self, shop: Shop) -> None:
        shop(Stream().arrives(browser("A", at=-9), browser("B", at=-8)))
        assert (shop.history("c1"), shop.profiles()["c1"].events) == ("AB", 2)

    def test_its_history_moves_into_the_users_and_what_follows_goes_there(self, shop: Shop) -> None:
        stream = Stream().arrives(browser("A", at=-9), event("B", at=-8)).passes()
        shop(stream.arrives(identify("anna", at=-7)).arrives(browser("C", at=-6)))
        assert shop.history("anna") == "ABC"
        assert shop.profiles()["anna"].events == 4
        left = shop.profiles()["c1"]
        assert (shop.history("c1"), left.moved_to, left.renamed) == ("", "anna", False)

    def test_pairs_are_made_as_if_it_had_been_known_from_the_start(self, shop: Shop) -> None:
        shop(
            Stream()
            .arrives(browser("A", at=-9), event("B", at=-8), browser("C", at=-7))
            .arrives(identify("anna"))
        )
        assert shop.rows() == {
            ("A", "B"): 1.0,
            ("B", "A"): SERVED.backward,
            ("A", "C"): 0.5,
            ("C", "A"): SERVED.backward / 2,
            ("B", "C"): 1.0,
            ("C", "B"): SERVED.backward,
        }
        assert shop.returns() == {"1n0-": 1.0, "2n0-": 1.0}

    def test_every_event_is_accepted_once(self, shop: Shop) -> None:
        one, two, who = browser("A", at=-9), browser("B", at=-1), identify("anna", at=-5)
        shop(Stream().arrives(one).arrives(who).arrives(two))
        assert accepted(shop) == [("c1", one.event_id), ("anna", who.event_id), ("anna", two.event_id)]

    def test_copies_are_duplicates_on_either_side_of_it(self, shop: Shop) -> None:
        one, two, who = browser("A", at=-9), browser("B", at=-1), identify("anna", at=-5)
        shop(Stream().arrives(one).arrives(who).arrives(two).arrives(one, who, two).arrives(one, who, two))
        assert len(accepted(shop)) == 3
        assert shop.history("anna") == "AB"

    def test_its_history_moves_even_if_the_id_of_the_login_was_used_before(self, shop: Shop) -> None:
        shop(
            Stream()
            .arrives(browser("A", at=-9, event_id="twice"))
            .arrives(identify("anna", event_id="twice"))
        )
        assert (shop.history("anna"), shop.history("c1")) == ("A", "")
        assert shop.counters["handovers_sent"] == shop.counters["handovers_taken"] == 1
        assert [refused.code for refused in shop.out["refused"]] == [Code.ID_COLLISION]

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

    def test_what_went_to_one_user_is_not_counted_for_another_who_becomes_known_late(
        self, shop: Shop
    ) -> None:
        passed = browser("A", at=-5)
        stream = Stream().arrives(identify("anna", at=-9)).arrives(passed).arrives(identify("ben", at=-7))
        shop(stream.arrives(passed).arrives(browser("B", at=-4)))
        assert (shop.history("anna"), shop.history("ben")) == ("A", "B")
        assert shop.counters["duplicate"] == 1

    def test_it_is_not_after_a_restart_either(self, shop: Shop) -> None:
        passed = browser("A", at=-5)
        shop(Stream().arrives(identify("anna", at=-9)).passes().arrives(passed))
        shop(Stream().arrives(identify("ben", at=-7)).arrives(passed).arrives(browser("B", at=-4)))
        assert (shop.history("anna"), shop.history("ben")) == ("A", "B")
        assert shop.counters["duplicate"] == 1

    def test_a_user_who_becomes_known_late_does_not_push_a_later_one_aside(self, shop: Shop) -> None:
        stream = Stream().arrives(identify("anna", at=-9)).arrives(identify("ben", at=-5))
        stream.arrives(browser("A", at=-4)).arrives(identify("cy", at=-7))
        shop(stream.arrives(browser("B", at=-3)))
        assert (shop.history("ben"), shop.history("cy")) == ("AB", "")

    def test_what_came_before_the_first_user_is_not_another_ones_later(self, shop: Shop) -> None:
        early = browser("B", at=-30)
        stream = Stream().arrives(identify("ben", at=-10)).arrives(early).arrives(identify("anna", at=-20))
        shop(stream.arrives(early))
        assert (shop.history("ben"), shop.history("anna")) == ("B", "")
        assert shop.counters["duplicate"] == 1

    @pytest.mark.parametrize("fields", [{"consent": Consent(False), "at": -6}, {"at": -3700}])
    def test_somebody_who_may_not_be_known_is_not_taken_for_who_was_there_before(
        self, shop: Shop, fields: dict[str, Any]
    ) -> None:
        stream = Stream().arrives(
            identify("anna", at=-9000, receipt=Receipt(received_at=NOW - 9000 * SECOND))
        )
        shop(stream.arrives(identify("ben", **fields)).arrives(browser("B", at=-5)))
        assert (shop.history("anna"), shop.history("ben"), shop.history("c1")) == ("", "", "B")

    def test_what_one_user_says_is_not_held_against_the_next(self, shop: Shop) -> None:
        stream = Stream().arrives(identify("anna", at=-9)).arrives(says(False, at=-8, cookie="c1"))
        shop(stream.arrives(identify("ben", at=-7)).arrives(browser("B", at=-6)))
        assert (shop.history("anna"), shop.history("ben")) == ("", "B")

    def test_of_more_users_than_are_remembered_none_gets_an_others_copies(self, shop: Shop) -> None:
        stream = Stream()
        passed = []
        for number in range(MAX_LINKS + 2):
            passed.append(browser(f"I{number}", at=-99 + 2 * number))
            stream.arrives(identify(f"u{number}", at=-100 + 2 * number)).arrives(passed[-1])
        shop(stream.arrives(*passed))
        assert len(accepted(shop)) == 2 * len(passed)
        assert shop.counters["duplicate"] + len(shop.out["refused"]) == len(passed)

    def test_a_new_job_knows_whose_a_browser_is(self, shop: Shop) -> None:
        shop(Stream().arrives(browser("A", at=-9)).arrives(identify("anna", at=-8)))
        shop(Stream().arrives(browser("B", at=-7)))
        assert shop.history("anna") == "AB"


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
