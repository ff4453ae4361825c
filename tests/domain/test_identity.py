"""Who a browser belongs to: what moves, what follows, and pairs as if it had been known all along."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from shopper_support import LATER, NOW, Run, event

from evermail import clock
from evermail.events import Consent, Event
from evermail.links import MAX_LINKS, Link
from evermail.profiles import from_profile, to_profile
from evermail.shopper import ShopperState, Verdict


def link(at: int, user: str = "u") -> Link:
    return Link(NOW + at * clock.SECOND, at, user)


def told(state: ShopperState, link: Link) -> bool:
    return state.link(link.event_time, link.event_hash, link.user)


def join(client: Run, user: Run) -> None:
    """Moves a client's memory to a user; the user's run gets the rows of both."""
    given_, updates = client.state.hand_over()
    for item_id, row in client.rows.items():
        assert item_id not in user.rows or user.rows[item_id] is row
        user.rows[item_id] = row
    user.update(updates)
    user.update(user.state.take_over(given_))


def rows(run: Run) -> dict[str, object]:
    return {key: (row.top(99), row.total()) for key, row in run.rows.items() if len(row)}


def both(client_events: list[Event], user_events: list[Event]) -> tuple[Run, Run]:
    """A client and a user, whose changes go to the same rows."""
    client, user = Run(), Run()
    user.rows = client.rows
    for one in client_events:
        client.take(one)
    for one in user_events:
        user.take(one)
    return client, user


def test_the_history_moves_into_the_users() -> None:
    client, user = both([event("A", at=0), event("B", at=4)], [event("C", at=2)])
    join(client, user)
    assert [seen.item_id for seen in user.profile.history] == ["B", "C", "A"]
    assert (user.profile.events, client.profile.events) == (3, 0)
    assert client.profile.history == []


def test_it_moves_once() -> None:
    client, user = both([event("A", at=0)], [])
    join(client, user)
    join(client, user)
    assert (user.profile.events, len(user.profile.history)) == (1, 1)


def test_pairs_are_as_if_it_had_been_known_from_the_start() -> None:
    client, user = both([event("A", at=0), event("B", at=4)], [event("C", at=2), event("D", at=6)])
    join(client, user)
    known = Run([event("A", at=0), event("C", at=2), event("B", at=4), event("D", at=6)])
    assert rows(user) == rows(known)


def test_cart_and_purchases_are_joined() -> None:
    client, user = both(
        [event("AB", at=0, name="add_to_cart"), event("X", at=3, name="purchase")],
        [event("A", at=1, name="purchase"), event("B", at=2, name="add_to_cart", quantity=2)],
    )
    join(client, user)
    assert user.profile.cart == {"B": 3}
    assert user.profile.purchased == {"A": NOW + 1 * clock.SECOND, "X": NOW + 3 * clock.SECOND}


def test_copies_of_what_moved_are_known_on_both_sides() -> None:
    one = event("A", at=0)
    client, user = both([one], [])
    join(client, user)
    assert client.take(one) is Verdict.DUPLICATE
    assert user.take(one) is Verdict.DUPLICATE


def test_a_withdrawal_of_the_browser_is_one_of_the_user() -> None:
    client, user = both(
        [event((), at=5, name="update_consent", consent=Consent(False))], [event("A", at=0), event("B", at=9)]
    )
    join(client, user)
    assert user.profile.history == []
    assert user.state.dropped == 2
    assert user.take(event("C", at=10)) is Verdict.AGGREGATED


def test_a_withdrawal_of_the_user_holds_for_what_the_browser_brings() -> None:
    client, user = both(
        [event("A", at=20), event("B", at=21)],
        [event((), at=10, name="update_consent", consent=Consent(False))],
    )
    join(client, user)
    assert (user.profile.history, user.profile.events) == ([], 0)
    assert user.state.dropped == 2


def test_what_is_older_than_the_users_erasure_does_not_move() -> None:
    client, user = both(
        [event("A", at=0), event("B", at=8), event("C", at=9, name="add_to_cart")],
        [event((), at=5, name="erase_user")],
    )
    join(client, user)
    assert [seen.item_id for seen in user.profile.history] == ["C", "B"]
    assert (user.profile.events, user.state.dropped) == (2, 1 + 1)


def test_a_client_that_was_erased_after_it_gave_everything_away_owes_nothing() -> None:
    client, user = both([event("A", at=0)], [])
    join(client, user)
    client.state.erase(NOW // clock.SECOND + 10)
    assert (client.state.events, client.state.dropped) == (0, 0)


moments = st.integers(0, 60)
pasts = st.lists(
    st.builds(
        event,
        st.text("ABCDE", min_size=1, max_size=2),
        at=moments,
        name=st.sampled_from(["view_item", "add_to_cart", "remove_from_cart", "purchase"]),
    ),
    max_size=10,
)


@given(pasts, pasts, pasts, st.randoms(use_true_random=False))
def test_whenever_it_becomes_known_the_outcome_is_the_same(
    of_client: list[Event], of_user: list[Event], later: list[Event], shuffle: random.Random
) -> None:
    client, user = both(of_client, of_user)
    join(client, user)
    for one in later:
        user.take(one)
    everything = [*of_client, *of_user, *later]
    shuffle.shuffle(everything)
    known = Run(everything)
    assert user.profile == known.profile
    assert rows(user) == rows(known)


@given(pasts, pasts, pasts)
def test_two_devices_may_join_in_any_order(one: list[Event], other: list[Event], own: list[Event]) -> None:
    outcomes = []
    for order in ((0, 1), (1, 0)):
        devices = [Run(), Run()]
        user = Run()
        for run, events in zip((*devices, user), (one, other, own), strict=True):
            run.rows = user.rows
            for each in events:
                run.take(each)
        for place in order:
            join(devices[place], user)
        outcomes.append((user.profile, rows(user)))
    assert outcomes[0] == outcomes[1]


class TestLinks:
    def test_an_unknown_browser_belongs_to_nobody(self) -> None:
        assert ShopperState().user_at(NOW) is None

    def test_what_came_before_belongs_to_the_first_user_and_what_follows_to_the_latest(self) -> None:
        state = ShopperState()
        for at, user in ((10, "u"), (20, "v"), (30, "u")):
            assert told(state, link(at, user))
        users = {at: state.user_at(NOW + at * clock.SECOND) for at in (0, 10, 19, 20, 29, 30, 99)}
        assert {at: found and found.user for at, found in users.items()} == {
            0: "u",
            10: "u",
            19: "u",
            20: "v",
            29: "v",
            30: "u",
            99: "u",
        }

    @pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
    def test_they_may_become_known_in_any_order(self, order: tuple[int, ...]) -> None:
        links, state = [link(10, "u"), link(20, "v"), link(30, "w")], ShopperState()
        for place in order:
            told(state, links[place])
        assert state.links == links

    def test_the_same_one_is_no_news(self) -> None:
        state = ShopperState()
        assert [told(state, link(10)), told(state, link(10))] == [True, False]

    def test_they_are_bounded_and_the_first_and_the_latest_stay(self) -> None:
        state = ShopperState()
        for at in range(50):
            told(state, link(at, f"u{at}"))
        assert len(state.links) == MAX_LINKS
        assert (state.links[0].user, state.links[-1].user) == ("u0", "u49")

    def test_of_those_that_say_the_same_the_later_ones_go_first(self) -> None:
        state = ShopperState()
        for at, user in enumerate(["u", "v", "v", "v", "w", "u", "v", "w", "u"]):
            told(state, link(at, user))
        assert [one.user for one in state.links] == ["u", "v", "v", "w", "u", "v", "w", "u"]

    def test_of_the_time_of_one_that_had_to_go_an_unknown_event_is_not_taken_for_new(self) -> None:
        state = ShopperState()
        for at in range(MAX_LINKS + 1):
            told(state, link(at, f"u{at}"))
        assert state.ids.has_forgotten(NOW // clock.SECOND + 1, 0)
        assert not state.ids.has_forgotten(NOW // clock.SECOND + 3, 0)
        assert not told(state, link(1, "u1"))  # nor may a copy of it link again

    def test_what_has_gone_to_one_user_stays_that_users(self) -> None:
        state = ShopperState()
        told(state, link(10, "u"))
        state.passed_until = NOW + 30 * clock.SECOND
        assert told(state, link(20, "v"))
        users = {at: state.user_at(NOW + at * clock.SECOND) for at in (25, 30, 31)}
        assert {at: found and found.user for at, found in users.items()} == {25: "u", 30: "u", 31: "v"}
        assert not told(state, link(20, "v"))

    def test_who_logs_in_again_is_linked_from_then_on_however_late_that_is_told(self) -> None:
        state = ShopperState()
        told(state, link(10, "u"))
        state.passed_until = NOW + 30 * clock.SECOND
        assert told(state, link(20, "u"))
        assert told(state, link(5, "u"))
        assert state.links == [link(5, "u"), link(10, "u"), link(20, "u")]

    def test_an_erasure_cuts_those_before_it(self) -> None:
        state = ShopperState()
        told(state, link(10, "u"))
        told(state, link(20, "v"))
        state.erase(NOW // clock.SECOND + 15)
        assert [one.user for one in state.links] == ["v"]

    def test_the_document_of_a_known_browser_says_where_to_look(self) -> None:
        run = Run([event("A")])
        told(run.state, link(10, "u"))
        run.state.hand_over()
        profile = to_profile(run.state, "c", LATER)
        assert (profile.moved_to, profile.events, profile.history) == ("u", 0, [])
        assert from_profile(profile).links == run.state.links


class TestAnotherName:
    """Under a new pseudonym key the same shopper goes on under another name."""

    def renamed(self, run: Run) -> Run:
        new = Run()
        new.rows = run.rows
        given_, updates = run.state.hand_over("k2.u")
        new.update(updates)
        new.update(new.state.take_over(given_))
        return new

    @given(pasts)
    def test_nothing_changes_but_the_name(self, past: list[Event]) -> None:
        run, known = Run(past), Run(past)
        new = self.renamed(run)
        assert new.profile == known.profile
        assert rows(new) == rows(known)
        assert (run.profile.events, run.profile.moved_to) == (0, "k2.u")

    def test_links_and_the_erasure_go_along(self) -> None:
        run = Run([event("A", at=0), event((), at=5, name="erase_user"), event("B", at=9)])
        told(run.state, link(10, "u"))
        new = self.renamed(run)
        assert (new.state.links, run.state.links) == ([link(10, "u")], [])
        assert new.take(event("C", at=3)) is Verdict.ERASED

    def test_what_the_new_name_learned_before_is_not_lost(self) -> None:
        run, new = Run([event("A", at=0), event((), at=5, name="erase_user")]), Run([event("B", at=3)])
        new.update(new.state.take_over(run.state.hand_over("k2.u")[0]))
        assert new.profile.history == []
        assert new.state.dropped == 1
