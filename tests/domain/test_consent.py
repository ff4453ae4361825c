"""Consent: what may be used, from when on, and what goes when it is withdrawn."""

from __future__ import annotations

import itertools
import random
from collections import Counter

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from shopper_support import LATENESS, LATER, NOW, Run, event

from evermail import clock, consent
from evermail.consent import MAX_STATEMENTS, Statement
from evermail.events import Consent, Event, Item, Receipt
from evermail.profiles import from_profile, to_profile
from evermail.shopper import Verdict


def says(allowed: bool, at: int) -> Event:
    return event((), at=at, name="update_consent", consent=Consent(allowed))


def history(run: Run) -> str:
    return "".join(seen.item_id for seen in reversed(run.profile.history))


def test_without_a_word_events_are_used() -> None:
    assert Run([event("A")]).verdicts == [Verdict.ACCEPTED]


def test_an_event_that_says_no_for_itself_counts_in_aggregates_only() -> None:
    run = Run([event("A", consent=Consent(False)), event("B", at=1, consent=Consent(True))])
    assert run.verdicts == [Verdict.AGGREGATED, Verdict.ACCEPTED]
    assert (history(run), run.profile.events) == ("B", 1)
    assert run.weights("B") == {}


def test_a_copy_of_what_counts_in_aggregates_is_a_duplicate() -> None:
    one = event("A", consent=Consent(False))
    assert Run([one, one]).verdicts == [Verdict.AGGREGATED, Verdict.DUPLICATE]


def test_a_withdrawal_empties_the_profile_and_holds_until_it_is_taken_back() -> None:
    run = Run([event("A", at=0), event("A", at=1, name="add_to_cart"), event("B", at=2, name="purchase")])
    run.take(says(False, 10))
    empty = run.profile
    assert (empty.events, empty.history, empty.cart, empty.purchased) == (0, [], {}, {})
    assert run.state.dropped == 3
    run.take(event("C", at=11))
    run.take(says(True, 20))
    run.take(event("D", at=21))
    assert run.verdicts[3:] == [Verdict.AGGREGATED, Verdict.AGGREGATED, Verdict.ACCEPTED, Verdict.ACCEPTED]
    assert (history(run), run.profile.events) == ("D", 2)


def test_what_is_withdrawn_is_remembered_though_nothing_else_is() -> None:
    run = Run([event("A"), says(False, 10)])
    profile = to_profile(run.state, "s", NOW)
    assert profile.expire_at is not None
    assert profile.expire_at > NOW
    again = Run()
    again.state = from_profile(profile)
    assert again.take(event("B", at=20)) is Verdict.AGGREGATED


def test_a_withdrawal_takes_no_pairs_back() -> None:
    """Rows tell what goes together in the shop, and of nobody."""
    run = Run([event("A", at=0), event("B", at=1)])
    before = run.weights("A")
    run.take(says(False, 10))
    assert run.weights("A") == before == {"B": 1.0}


@pytest.mark.parametrize("order", list(itertools.permutations(range(4))))
def test_it_is_the_time_of_a_withdrawal_that_counts_and_not_its_arrival(order: tuple[int, ...]) -> None:
    events = [event("A", at=0), says(False, 10), event("B", at=11), says(True, 20)]
    run = Run([events[place] for place in order])
    assert run.take(event("C", at=21)) is Verdict.ACCEPTED
    assert (history(run), run.profile.events) == ("C", 2)
    assert run.profile.events + run.state.dropped == run.verdicts.count(Verdict.ACCEPTED)


def test_consent_that_arrives_late_brings_nothing_back() -> None:
    """What there was no consent for when it came was not kept, so there is nothing to bring back."""
    run = Run([says(False, 10), event("A", at=21), says(True, 20)])
    assert history(run) == ""
    assert run.take(event("B", at=21)) is Verdict.ACCEPTED


def test_a_withdrawal_is_never_too_late() -> None:
    run = Run([event("A", at=0)])
    too_old = says(False, 5)
    assert run.take(too_old, oldest_us=NOW + LATENESS) is Verdict.AGGREGATED
    assert run.profile.history == []


def test_what_came_before_a_withdrawal_and_arrives_after_it_is_not_kept() -> None:
    run = Run([says(False, 10), says(True, 20)])
    assert run.take(event("A", at=5)) is Verdict.AGGREGATED
    assert run.take(event("B", at=25)) is Verdict.ACCEPTED


statements = st.lists(
    st.builds(Statement, st.integers(0, 30), st.integers(0, 99), st.booleans()),
    unique_by=lambda one: one.event_hash,
    max_size=12,
)


@given(statements, st.integers(0, 31), st.randoms(use_true_random=False))
def test_statements_are_heard_in_any_order(
    given_: list[Statement], second: int, shuffle: random.Random
) -> None:
    heard: list[Statement] = []
    arriving = given_ * 2
    shuffle.shuffle(arriving)
    assert sum(consent.say(heard, one) for one in arriving) == len(given_)
    withdrawals = [one for one in sorted(given_) if not one.allowed]
    after = [one for one in given_ if withdrawals and one > withdrawals[-1]]
    assert consent.allows(heard, second) == (not withdrawals or any(one.second <= second for one in after))


@given(statements, st.integers(1, 9), st.randoms(use_true_random=False))
def test_copies_of_a_grant_with_a_later_time_say_nothing(
    given_: list[Statement], later: int, shuffle: random.Random
) -> None:
    copies = [Statement(one.second + later, one.event_hash, True) for one in given_ if one.allowed]
    heard: list[Statement] = []
    arriving = given_ + copies
    shuffle.shuffle(arriving)
    for one in arriving:
        consent.say(heard, one)
    assert heard == sorted(given_)


@given(st.lists(st.booleans(), min_size=MAX_STATEMENTS + 1, max_size=60))
def test_they_are_bounded_and_the_last_withdrawal_stays(allowed: list[bool]) -> None:
    heard: list[Statement] = []
    for at, one in enumerate(allowed):
        consent.say(heard, Statement(at, at, one))
    assert len(heard) <= MAX_STATEMENTS
    assert all(
        consent.allows(heard, at) == (False not in allowed[at:]) for at in range(len(allowed) - 1)
    ) or (True in allowed)
    last = len(allowed)
    since = last - allowed[::-1].index(False) - 1 if False in allowed else -1
    assert consent.allows(heard, last) == allowed[-1]
    assert since < 0 or not consent.allows(heard, since)


said = st.lists(st.builds(says, st.booleans(), st.integers(0, 60)), max_size=6)
done = st.lists(
    st.builds(
        event, st.sampled_from("ABC"), at=st.integers(0, 60), name=st.sampled_from(["view_item", "purchase"])
    ),
    max_size=20,
)


@given(said, done, st.randoms(use_true_random=False))
def test_where_what_was_said_arrives_first_the_order_of_events_is_irrelevant(
    statements: list[Event], events: list[Event], shuffle: random.Random
) -> None:
    said_first = sorted(statements, key=lambda one: one.event_time)
    mixed = [*said_first, *shuffle.sample(events, len(events))]
    in_order = [*said_first, *sorted(events, key=lambda one: one.event_time)]
    assert Run(mixed).profile == Run(in_order).profile


@given(said, done, st.randoms(use_true_random=False))
def test_in_no_order_anything_is_kept_without_consent_or_counted_twice(
    statements: list[Event], events: list[Event], shuffle: random.Random
) -> None:
    arriving = [*statements, *events]
    arriving += [one for one in arriving if shuffle.random() < 0.3]
    shuffle.shuffle(arriving)
    run = Run(arriving)
    heard = run.state.statements
    kept = [seen.event_time for seen in run.profile.history] + list(run.profile.purchased.values())
    assert all(consent.allows(heard, time_us // clock.SECOND) for time_us in kept)
    count = Counter(run.verdicts)
    assert count[Verdict.ACCEPTED] + count[Verdict.AGGREGATED] == len(statements) + len(events)
    assert run.profile.events + run.state.dropped == count[Verdict.ACCEPTED]


def test_what_is_left_for_aggregates_tells_of_nobody() -> None:
    one = msgspec.structs.replace(
        event(),
        items=(Item("A", 2, 9.9, "chairs", {"note": "for anna"}),),
        user_id="anna",
        value=9.9,
        currency="EUR",
        search_term="anna",
        campaign_id="c-of-anna",
        source="web",
        extra={"who": "anna"},
        receipt=Receipt(received_at=LATER, user_aliases=("k0.anna",), linked_at=5),
    )
    left = consent.for_aggregates(one)
    assert b"anna" not in msgspec.json.encode(left)
    assert (left.event_id, left.client_id, left.user_id) == ("", None, None)
    assert left.items == (Item("A", 2, 9.9, "chairs"),)
    assert (left.event_time, left.value, left.currency) == (NOW, 9.9, "EUR")
    assert left.receipt == Receipt(received_at=LATER)


def test_a_browser_of_an_erased_user_feeds_aggregates_only_until_it_is_identified_anew() -> None:
    run = Run([event("A", at=0)])
    run.take(event((), at=10, name="erase_user"))
    before = Receipt(linked_at=NOW + 5 * clock.SECOND)
    after = Receipt(linked_at=NOW + 15 * clock.SECOND)
    assert run.take(event("B", at=20, receipt=before)) is Verdict.AGGREGATED
    assert run.take(event("C", at=21, receipt=after)) is Verdict.ACCEPTED


statement_lists = st.lists(
    st.builds(Statement, st.integers(0, 9), st.integers(0, 3), st.booleans()), max_size=8, unique=True
).map(sorted)


@given(statement_lists)
def test_a_withdrawal_reaches_to_where_consent_was_given_again(statements: list[Statement]) -> None:
    until = consent.withdrawn_until(statements)
    assert (until == -1) <= all(consent.allows(statements, second) for second in range(12))
    given_again = any(consent.allows(statements, second) for second in range(12))
    for second in range(12):
        assert consent.allows(statements, second) is (given_again and second > until)


def test_a_withdrawal_reaches_to_itself_while_nothing_else_is_said() -> None:
    assert consent.withdrawn_until([]) == consent.withdrawn_until([Statement(5, 0, True)]) == -1
    assert consent.withdrawn_until([Statement(5, 0, True), Statement(7, 0, False)]) == 7
    assert (
        consent.withdrawn_until([Statement(7, 0, False), Statement(9, 0, True), Statement(11, 0, True)]) == 8
    )
