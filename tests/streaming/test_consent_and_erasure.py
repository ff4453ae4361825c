"""What may be kept of an event, and what is erased: the stages of shoppers together."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from people_support import Shop, accepted, browser, erase, identify, says
from streaming_support import NOW, Collected, Stream, event

from evermail.clock import SECOND
from evermail.documents import Erasure
from evermail.events import Code, Consent, EventName
from evermail.stores.sqlite import SqliteStore


@pytest.fixture
def shop(collected: Collected, tmp_path: Path, every_bundle_counts: None) -> Shop:
    return Shop(collected, SqliteStore(tmp_path / "store.sqlite3", clock=lambda: NOW))


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

    def test_who_agreed_once_has_not_agreed_again_by_a_copy_with_a_later_time(self, shop: Shop) -> None:
        yes = msgspec.structs.replace(says(True, at=-9), event_id="yes")
        again = msgspec.structs.replace(yes, event_time=yes.event_time + 2 * SECOND)
        shop(Stream().arrives(yes).arrives(says(False, at=-8)).arrives(again).arrives(event("A", at=-5)))
        assert shop.history("anna") == ""
        shop(Stream().arrives(event("B", at=-4)))  # a new job, without the state
        assert shop.history("anna") == ""

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

    def test_a_known_browsers_request_is_not_its_users(self, shop: Shop) -> None:
        stream = Stream().arrives(browser("A", at=-12)).arrives(identify("anna", at=-10))
        shop(stream.arrives(erase(cookie="c1", at=-8)))
        assert (shop.history("anna"), shop.history("c1")) == ("A", "")
        assert [erasure.id for erasure in shop.out["erasures"]] == ["c1"]

    def test_however_late_it_is_asked_for_it_is_done(self, shop: Shop) -> None:
        shop(
            Stream().arrives(event("A", at=-3000)).arrives(erase("anna", at=-2000)),
            allowed_lateness_us=SECOND * 3100,
        )
        shop(Stream().arrives(erase("anna", at=-1500)), allowed_lateness_us=SECOND)
        assert shop.profiles() == {}
        assert shop.out["refused"] == []

    def test_it_is_done_even_if_its_id_was_used_before(self, shop: Shop) -> None:
        again = msgspec.structs.replace(erase("anna", at=-7), event_id="twice")
        shop(Stream().arrives(event("A", at=-9, event_id="twice")).arrives(event("B", at=-8)).arrives(again))
        assert shop.profiles() == {}
        assert [erasure.id for erasure in shop.out["erasures"]] == ["anna"]
        (refused,) = shop.out["refused"]
        assert (refused.code, "erased all the same" in refused.message) == (Code.ID_COLLISION, True)
        (record,) = shop.out["late"]
        assert (record.user_id, record.event_name) == ("anna", EventName.ERASE_USER)  # a rebuild has to know

    def test_an_older_one_does_not_take_the_place_of_a_newer_one(self, shop: Shop) -> None:
        later, earlier = erase("anna", at=-10, cookie="c1"), erase("anna", at=-20, cookie="c1")
        shop(Stream().arrives(later, earlier))
        told = {(erasure.id, erasure.erased_at) for erasure in shop.out["erasures"]}
        assert told == {("anna", NOW - 10 * SECOND), ("c1", NOW - 10 * SECOND)}

    def test_a_copy_of_it_with_a_later_time_erases_no_more_of_a_browser(self, shop: Shop) -> None:
        one = erase(cookie="c1", at=-9)
        copy = msgspec.structs.replace(one, event_time=NOW)
        shop(
            Stream().arrives(identify("anna", at=-12)).arrives(one).arrives(browser("A", at=-5)).arrives(copy)
        )
        assert shop.history("c1") == "A"
        assert shop.counters["duplicate"] == 1

    def test_one_that_a_job_did_not_finish_takes_what_is_left_of_a_browser(self, shop: Shop) -> None:
        shop(Stream().arrives(browser("A", at=-12)).arrives(identify("anna", at=-10)))
        assert shop.profiles()["c1"].moved_to == "anna"
        unfinished = Erasure(id="c1", version=1, updated_at=1, expire_at=2 * NOW, erased_at=NOW - 8 * SECOND)
        shop.store.put_many([unfinished])
        shop(Stream().arrives(browser("B", at=-5)))
        assert shop.profiles()["c1"].moved_to is None
