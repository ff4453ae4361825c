"""Carts of people who have browsers, and of people who want no messages: who is told of what."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from cart_support import (
    FAR,
    GAP,
    GAP_US,
    LATENESS,
    Visits,
    add,
    announcements,
    bought,
    ended_visit,
    erasure,
    login,
    quantities,
    stream,
    visits_of,
    watch,
    withdrawal,
)
from streaming_support import NOW, accepted

from evermail import carts
from evermail.carts import cart_id
from evermail.clock import MINUTE, SECOND, to_rfc3339
from evermail.events import Accepted


@pytest.mark.parametrize("wish", [erasure, withdrawal])
class TestWithheld:
    def test_no_message_about_who_wants_none(self, wish: Callable[..., Accepted]) -> None:
        assert watch(stream().arrives(add(at=0), wish(5), add("B", at=9)).watermark(FAR)) == []
        assert watch(stream().arrives(add(at=9)).arrives(wish(5)).watermark(FAR)) == []

    @pytest.mark.parametrize("at", [90, GAP + 90], ids=["before", "after"])
    def test_it_holds_for_what_a_browser_was_filled_with_whose_visit_ends_then(
        self, wish: Callable[..., Accepted], at: float
    ) -> None:
        told = stream().arrives(add("A", at=0, shopper="browser"), login(60), accepted("X", at=GAP))
        assert watch(told.watermark(at).arrives(wish(at)).watermark(FAR)) == []

    def test_it_holds_for_a_browser_that_goes_on(self, wish: Callable[..., Accepted]) -> None:
        """The visit that the browser was joined with has ended, the visit of the wish ends last of all."""
        told = stream().arrives(
            add("A", at=0, shopper="browser"),
            bought("B", at=50, client_id="browser"),
            add("C", at=GAP, shopper="browser"),
        )
        assert watch(told.watermark(GAP + 90).arrives(wish(GAP + 90)).watermark(FAR)) == []

    @pytest.mark.parametrize("at", [0, 10])
    def test_it_holds_for_what_was_begun_before_and_is_joined_after(
        self, wish: Callable[..., Accepted], at: float
    ) -> None:
        told = stream().arrives(add("A", at=0, shopper="browser"), wish(at))
        told.arrives(accepted("X", at=GAP - 1, shopper="browser"), login(GAP + 20)).watermark(FAR)
        assert watch(told) == []

    def test_it_holds_for_one_that_waits_when_it_comes(self, wish: Callable[..., Accepted]) -> None:
        told = stream().arrives(add("A", at=0, shopper="browser"), login(60), accepted("X", at=GAP))
        told.watermark(GAP + 90).arrives(wish(-GAP))
        assert len(watch(told.watermark(FAR))) == 1  # begun after it
        told = stream().arrives(add("A", at=0, shopper="browser"), login(60), accepted("X", at=GAP))
        assert watch(told.watermark(GAP + 90).arrives(wish(1)).watermark(FAR)) == []

    def test_what_is_begun_later_is_announced(self, wish: Callable[..., Accepted]) -> None:
        told = stream().arrives(add("A", at=0, shopper="browser"), login(60), wish(90))
        told.arrives(add("B", at=90 + GAP))
        assert [quantities(message) for message in watch(told.watermark(FAR))] == [{"B": 1}]

    def test_what_was_announced_before_is_not_announced_again(self, wish: Callable[..., Accepted]) -> None:
        told = stream().arrives(add("A", at=0, shopper="browser"), login(60)).watermark(GAP + 60)
        told.arrives(wish(90)).arrives(accepted("X", at=70))
        assert len(watch(told.watermark(FAR))) == 1

    @pytest.mark.parametrize(("watermark", "times"), [(LATENESS - 1, 0), (LATENESS + 1, 1)])
    def test_it_is_forgotten_when_nothing_begun_before_can_come(
        self, wish: Callable[..., Accepted], watermark: float, times: int
    ) -> None:
        withheld = ended_visit(-1e6, 0, wish(0))
        told = stream().arrives(withheld).watermark(watermark)
        assert announcements(told.arrives(ended_visit(-1, GAP))) == times


class TestBrowserAndUser:
    """A cart is filled before its shopper logs in."""

    def test_the_user_is_told_of_the_browsers_cart(self) -> None:
        told = stream().arrives(add("A", at=0, shopper="browser"), login(60))
        (message,) = watch(told.watermark(FAR))
        assert (message["shopper"], quantities(message)) == ("anna", {"A": 1})

    @pytest.mark.parametrize("by", [{"client_id": "browser"}, {"client_id": "phone"}, {}])
    def test_what_its_user_bought_is_not_left(self, by: dict[str, str]) -> None:
        told = stream().arrives(add("A", at=0, shopper="browser"), login(60), bought("A", at=90, **by))
        assert watch(told.watermark(FAR)) == []

    def test_what_its_user_removed_is_not_left(self) -> None:
        told = stream().arrives(add("A B", at=0, shopper="browser"), login(60))
        told.arrives(accepted("A", at=90, name="remove_from_cart"))
        assert [quantities(message) for message in watch(told.watermark(FAR))] == [{"B": 1}]

    def test_a_cart_filled_before_and_after_is_one(self) -> None:
        events = [
            add("A", at=0, shopper="browser"),
            login(60),
            add("A B", at=90, client_id="browser"),
            accepted("X", at=95),
        ]
        for _ in range(4):
            events.append(events.pop(0))
            (message,) = watch(stream().arrives(events[0]).arrives(*events[1:]).watermark(FAR))
            assert (message["shopper"], quantities(message)) == ("anna", {"A": 2, "B": 1})
            assert message["cart_id"] == cart_id("anna", NOW)
            assert message["left_at"] == to_rfc3339(NOW + 95 * SECOND)

    def test_both_visits_may_end_with_the_same_event(self) -> None:
        told = stream().arrives(add("A", at=0, shopper="browser"), login(60), add("B C", at=90))
        told.arrives(bought("C", at=99, client_id="browser"))
        assert [quantities(message) for message in watch(told.watermark(FAR))] == [{"A": 1, "B": 1}]

    def test_it_is_announced_when_its_user_has_done_nothing_for_a_gap(self) -> None:
        told = stream().arrives(add("A", at=0, shopper="browser"), login(60), accepted("X", at=GAP))
        told.watermark(2 * GAP - 1).arrives(bought("A", at=2 * GAP - 0.5))
        assert watch(told.watermark(FAR)) == []

    def test_several_browsers_fill_one_cart(self) -> None:
        told = stream().arrives(
            add("A", at=0, shopper="phone"),
            add("B", at=1, shopper="laptop"),
            login(60, browser="phone"),
            login(GAP, browser="laptop"),
            add("C", at=GAP + 1),
        )
        told.arrives(accepted("X", at=GAP - 1, shopper="laptop"))
        (message,) = watch(told.watermark(FAR))
        assert (message["shopper"], quantities(message)) == ("anna", {"A": 1, "B": 1, "C": 1})

    def test_who_takes_a_browser_over_neither_gets_the_cart_nor_buys_from_it(self) -> None:
        told = stream().arrives(
            add("A B", at=0, shopper="browser"),
            login(60),
            accepted("B", at=70, name="remove_from_cart", client_id="browser"),
            login(80, "ben"),
            bought("A", at=90, shopper="ben", client_id="browser"),
        )
        (message,) = watch(told.watermark(FAR))
        assert (message["shopper"], quantities(message)) == ("anna", {"A": 1})

    def test_a_visit_that_the_user_ended_before_logging_in_has_a_cart_of_its_own(self) -> None:
        told = stream().arrives(add("A", at=0), add("B", at=GAP - 60, shopper="browser"), login(GAP + 60))
        found = watch(told.watermark(FAR))
        assert [(message["shopper"], quantities(message)) for message in found] == [
            ("anna", {"A": 1}),
            ("anna", {"B": 1}),
        ]

    @pytest.mark.parametrize("watermark", [1, GAP + 5], ids=["behind", "up to date"])
    def test_who_says_so_when_the_cart_was_announced_is_not_told_of_it_again(self, watermark: float) -> None:
        """Nor does it matter how far the job is behind."""
        told = stream().arrives(add("A", at=0, shopper="browser")).watermark(watermark)
        told.arrives(login(60, received_at=NOW + GAP_US), add("B", at=70, client_id="browser"))
        found = watch(told.watermark(FAR))
        assert sorted((message["shopper"], quantities(message)) for message in found) == [
            ("anna", {"B": 1}),
            ("browser", {"A": 1}),
        ]

    def test_what_was_a_dead_letter_comes_too_late(self) -> None:
        told = stream().arrives(add("A", at=0, shopper="browser")).watermark(GAP)
        told.arrives(login(60, received_at=NOW + MINUTE, first_seen=NOW + MINUTE))
        assert [message["shopper"] for message in watch(told.watermark(FAR))] == ["browser"]

    def test_a_browser_may_go_on_while_it_is_said_whose_it_is(self) -> None:
        told = stream().arrives(
            add("A", at=0, shopper="browser"),
            add("B", at=90, shopper="browser"),
            login(60, received_at=NOW + 100 * SECOND),
        )
        (message,) = watch(told.watermark(FAR))
        assert (message["shopper"], quantities(message)) == ("anna", {"A": 1, "B": 1})

    def test_what_comes_late_of_either_announces_nothing_again(self) -> None:
        told = stream().arrives(add("A", at=0, shopper="browser"), login(60), add("B", at=90))
        told.watermark(2 * GAP).arrives(add("C", at=1, shopper="browser")).arrives(add("D", at=91))
        (message,) = watch(told.watermark(FAR))
        assert quantities(message) == {"A": 1, "B": 1}


@pytest.mark.parametrize("seed", range(8))
def test_each_person_is_told_once_of_all_that_is_left(seed: int) -> None:
    """Two browsers, both of which become anna's, as an account of her visits says that knew it all along."""
    chance = random.Random(seed)
    actions = ["view_item"] * 3 + ["add_to_cart"] * 3 + ["remove_from_cart", "purchase"]
    logins = {"phone": chance.randrange(4000), "laptop": chance.randrange(4000)}
    told = [login(at, browser=browser) for browser, at in logins.items()]
    for at in chance.sample([at for at in range(6000) if at not in logins.values()], 24):
        browser, name, item = chance.choice([*logins]), chance.choice(actions), chance.choice("ABC")
        shopper = browser if at < logins[browser] else "anna"
        told.append(accepted(item, at=at, name=name, shopper=shopper, client_id=browser))
    unfolding = Visits()
    arrivals = {(one.event.event_time - NOW) / SECOND + chance.uniform(0, 200): one for one in told}
    for at in sorted(arrivals):
        unfolding.watermark(at - 200).arrives(arrivals[at])

    left = []
    annas = visits_of([one for one in told if one.shopper == "anna"])
    for browser, at in logins.items():
        for visit in visits_of([*(one for one in told if one.shopper == browser), login(at)]):
            own = [part for part in visit if not part.told_at]
            if own == visit:
                left.append((browser, own))
            else:
                (joined,) = [each for each in annas if NOW + at * SECOND in [part.last_at for part in each]]
                joined += own
    left += [("anna", visit) for visit in annas]
    expected = [carts.left_cart(shopper, carts.together(visit)) for shopper, visit in left]
    found = watch(unfolding.watermark(FAR))
    assert sorted(m["cart_id"] for m in found) == sorted(cart.cart_id for cart in expected if cart)
    assert {m["cart_id"]: quantities(m) for m in found} == {
        cart.cart_id: {item.item_id: item.quantity for item in cart.items} for cart in expected if cart
    }
