"""Who an event belongs to, what may be kept of it, what is erased: the stages of shoppers together."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from people_support import Shop, accepted, browser, erase, identify, says
from streaming_support import NOW, Collected, Stream, event

from evermail.clock import SECOND
from evermail.documents import Erasure
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

    def test_it_holds_after_an_erasure(self, shop: Shop) -> None:
        stream = Stream().arrives(says(False, at=-9)).arrives(erase("anna", at=-8))
        shop(stream.arrives(event("A", at=-7)))
        shop(Stream().arrives(event("B", at=-6)))  # a new job, without the state
        assert shop.history("anna") == ""
        assert [shopper for shopper, _ in accepted(shop)] == ["anna", "anna", "", ""]
        shop(Stream().arrives(says(True, at=-5)).arrives(event("C", at=-4)))
        assert shop.history("anna") == "C"

    def test_a_withdrawal_older_than_the_erasure_holds_as_well(self, shop: Shop) -> None:
        shop(Stream().arrives(erase("anna", at=-8)).arrives(says(False, at=-9)).arrives(event("A", at=-7)))
        assert shop.history("anna") == ""

    def test_it_is_heard_even_if_its_id_was_used_before(self, shop: Shop) -> None:
        no = msgspec.structs.replace(says(False, at=-8), event_id="twice")
        shop(Stream().arrives(event("A", at=-9, event_id="twice")).arrives(no).arrives(event("B", at=-7)))
        assert shop.history("anna") == ""
        assert [refused.code for refused in shop.out["refused"]] == [Code.ID_COLLISION]

    def test_one_by_a_browser_is_heard_by_the_user_even_if_its_id_was_used_before(self, shop: Shop) -> None:
        no = msgspec.structs.replace(says(False, at=-7, cookie="c1"), event_id="twice")
        stream = Stream().arrives(browser("A", at=-9, event_id="twice")).arrives(identify("anna", at=-8))
        shop(stream.arrives(no).arrives(event("B", at=-6)))
        assert shop.history("anna") == ""

    def test_a_copy_of_one_that_was_taken_back_before_an_erasure_changes_nothing(self, shop: Shop) -> None:
        no = says(False, at=-9)
        stream = Stream().arrives(no).arrives(says(True, at=-8)).arrives(erase("anna", at=-7))
        shop(stream.arrives(event("A", at=-6)).arrives(no).arrives(event("B", at=-5)))
        assert shop.history("anna") == "AB"

    def test_copies_of_it_write_nothing(self, shop: Shop) -> None:
        no = says(False, at=-9)
        stream = Stream().arrives(event("A", at=-10)).arrives(no).passes()
        for _ in range(3):
            stream.arrives(no).passes()
        shop(stream)
        assert len(shop.out["profiles"]) == 1

    def test_what_was_heard_of_a_refused_event_is_archived(self, shop: Shop) -> None:
        shop(Stream().arrives(erase("anna", at=-8)).arrives(says(False, at=-9)))
        (record,) = shop.out["late"]
        assert (record.user_id, record.consent) == ("anna", Consent(False))

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

    def test_what_a_browser_did_before_it_is_not_its_next_users(self, shop: Shop) -> None:
        one = browser("A", at=-9)
        stream = Stream().arrives(one).arrives(erase(cookie="c1", at=-8)).arrives(identify("anna", at=-7))
        shop(stream.arrives(one, browser("B", at=-8.5)).arrives(browser("C", at=-6)))
        assert shop.history("anna") == "C"
        assert shop.counters["erased"] == 2

    def test_what_a_browser_did_after_it_is_counted_once(self, shop: Shop) -> None:
        one = browser("A", at=-7)
        stream = Stream().arrives(identify("anna", at=-10)).arrives(one)
        shop(stream.arrives(erase(cookie="c1", at=-8)).arrives(one).arrives(browser("B", at=-6)))
        assert len(accepted(shop)) == 4
        assert shop.history("c1") == "B"

    def test_a_browser_that_was_the_users_before_brings_nothing(self, shop: Shop) -> None:
        stream = Stream().arrives(browser("A", at=-7)).arrives(erase("anna", at=-8))
        shop(stream.arrives(identify("anna", at=-9)))
        assert shop.history("anna") == ""
        assert shop.counters["dropped"] == 2  # and the erasure itself

    def test_an_identify_of_what_was_erased_joins_nobody(self, shop: Shop) -> None:
        stream = Stream().arrives(erase("anna", at=-8, cookie="c1")).arrives(identify("anna", at=-9))
        shop(stream.arrives(browser("A", at=-7)))
        assert (shop.history("anna"), shop.history("c1")) == ("", "A")

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
