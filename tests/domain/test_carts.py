"""What one visit leaves in a cart, whatever order its events are added up in."""

from __future__ import annotations

import itertools
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evermail.carts import (
    MAX_CHANGES,
    MAX_PARTS,
    CartItem,
    CartLeft,
    Visit,
    cart_id,
    ended,
    left_cart,
    thinned,
    together,
    visits,
)
from evermail.clock import HOUR, SECOND
from evermail.events import Accepted, Consent, Event, EventName, Item, Receipt

NOW = 1_790_000_040_000_000
ADD, REMOVE, BUY, VIEW = "add_to_cart", "remove_from_cart", "purchase", "view_item"

_ids = itertools.count(1)


def event(name: str, items: str | list[Item] = "A", *, at: float = 0.0, **fields: Any) -> Event:
    """An event of items (`"A B"`), `at` seconds from NOW."""
    if isinstance(items, str):
        items = [Item(item_id) for item_id in items.split()]
    fields = {"event_id": f"e{next(_ids)}", "user_id": "anna", **fields}
    return Event(
        event_name=EventName(name), event_time=NOW + round(at * SECOND), items=tuple(items), **fields
    )


def visit(*events: Event) -> Visit:
    return together(part for one in events for _, part in visits(Accepted("anna", one)))


def left(*events: Event) -> CartLeft | None:
    return left_cart("anna", visit(*events))


def quantities(*events: Event) -> dict[str, int]:
    cart = left(*events)
    return {} if cart is None else {item.item_id: item.quantity for item in cart.items}


class TestWhatIsLeft:
    def test_what_was_added(self) -> None:
        assert quantities(event(ADD), event(ADD, "A B", at=1)) == {"A": 2, "B": 1}

    def test_quantities_count(self) -> None:
        assert quantities(event(ADD, [Item("A", quantity=3)]), event(REMOVE, at=1)) == {"A": 2}

    def test_nothing_without_an_addition(self) -> None:
        assert left(event(VIEW), event(REMOVE, at=1), event("add_to_wishlist", at=2)) is None

    def test_nothing_when_all_was_removed(self) -> None:
        assert left(event(ADD), event(REMOVE, at=1)) is None

    def test_no_more_is_removed_than_is_there(self) -> None:
        """It was carried over from an earlier visit: this one only adds what it adds."""
        assert quantities(event(REMOVE, [Item("A", quantity=9)]), event(ADD, at=1)) == {"A": 1}
        assert quantities(event(ADD), event(REMOVE, [Item("A", quantity=9)], at=1), event(ADD, at=2)) == {
            "A": 1
        }

    def test_nothing_when_all_was_bought(self) -> None:
        assert left(event(ADD, "A B"), event(BUY, "A B", at=1)) is None

    def test_the_rest_when_a_part_was_bought(self) -> None:
        assert quantities(event(ADD, "A B C"), event(BUY, "A C", at=1)) == {"B": 1}

    def test_a_purchase_takes_out_all_of_an_item(self) -> None:
        assert left(event(ADD, [Item("A", quantity=3)]), event(BUY, at=1)) is None

    def test_what_is_added_after_a_purchase(self) -> None:
        cart = left(event(ADD), event(BUY, at=1), event(ADD, "B", at=2))
        assert cart is not None
        assert cart.items == (CartItem("B", 1),)
        assert cart.first_added_at == "2026-09-21T14:14:02.000000Z"

    def test_event_time_rules(self) -> None:
        assert quantities(event(ADD, at=2), event(REMOVE, at=1)) == {"A": 1}
        assert quantities(event(BUY, at=1), event(ADD, at=2)) == {"A": 1}


class TestTheMessage:
    def test_times(self) -> None:
        cart = left(event(VIEW), event(ADD, at=1), event(ADD, "B", at=5), event(VIEW, at=9))
        assert cart is not None
        assert (cart.first_added_at, cart.left_at) == (
            "2026-09-21T14:14:01.000000Z",
            "2026-09-21T14:14:09.000000Z",
        )

    def test_a_cart_has_one_id_however_it_grew(self) -> None:
        first = event(ADD)
        grown, small = left(first, event(ADD, "B", at=5)), left(first)
        assert grown is not None
        assert small is not None
        assert grown.cart_id == small.cart_id == cart_id("anna", NOW)
        assert len({cart_id("anna", NOW), cart_id("ben", NOW), cart_id("anna", NOW + 1)}) == 3

    def test_prices_add_up_as_on_a_receipt(self) -> None:
        priced = [Item("A", 3, 0.1), Item("B", 1, 19.9)]
        cart = left(event(ADD, priced, currency="EUR"))
        assert cart is not None
        assert cart.items == (CartItem("A", 3, 0.1), CartItem("B", 1, 19.9))
        assert (cart.value, cart.currency) == (20.2, "EUR")

    def test_the_newest_price_holds(self) -> None:
        cart = left(
            event(ADD, [Item("A", price=5.0)], currency="EUR"),
            event(ADD, [Item("A", price=4.0)], at=1, currency="EUR"),
            event(ADD, at=2, currency="USD"),
        )
        assert cart is not None
        assert (cart.items, cart.value, cart.currency) == ((CartItem("A", 3, 4.0),), 12.0, "EUR")

    def test_a_cart_has_no_value_where_a_price_is_missing(self) -> None:
        cart = left(event(ADD, [Item("A", price=5.0), Item("B")], currency="EUR"))
        assert cart is not None
        assert (cart.items, cart.value, cart.currency) == (
            (CartItem("A", 1, 5.0), CartItem("B", 1)),
            None,
            "EUR",
        )

    def test_amounts_in_two_currencies_are_left_out(self) -> None:
        cart = left(
            event(ADD, [Item("A", price=5.0)], currency="EUR"),
            event(ADD, [Item("B", price=5.0)], currency="USD", at=1),
        )
        assert cart is not None
        assert (cart.items, cart.value, cart.currency) == ((CartItem("A", 1), CartItem("B", 1)), None, None)

    def test_json(self) -> None:
        cart = left(event(ADD, [Item("A", 2, 5.0)], currency="EUR"))
        assert msgspec.json.decode(msgspec.json.encode(cart)) == {
            "trigger": "cart_left",
            "cart_id": cart_id("anna", NOW),
            "shopper": "anna",
            "items": [{"item_id": "A", "quantity": 2, "price": 5.0}],
            "value": 10.0,
            "currency": "EUR",
            "first_added_at": "2026-09-21T14:14:00.000000Z",
            "left_at": "2026-09-21T14:14:00.000000Z",
        }


class TestWithheld:
    @pytest.mark.parametrize("at", [-5, 1, 5])
    @pytest.mark.parametrize(
        "withdrawal",
        [
            {"name": "erase_user"},
            {"name": "update_consent", "consent": Consent(personalization=False)},
            {"name": "view_item", "consent": Consent(personalization=False)},
        ],
        ids=["erased", "consent withdrawn", "no consent"],
    )
    def test_nothing_is_said_and_nothing_remembered(self, withdrawal: dict[str, Any], at: float) -> None:
        whole = visit(event(ADD), event(ADD, "B", at=2), event(items="", at=at, **withdrawal))
        assert left_cart("anna", whole) is None
        assert whole.changes == ()

    def test_consent_given_withholds_nothing(self) -> None:
        agreed = event("update_consent", "", consent=Consent(personalization=True))
        assert quantities(event(ADD), agreed) == {"A": 1}


class TestWhoseVisit:
    def test_an_event_is_part_of_its_shoppers_visit(self) -> None:
        ((shopper, _),) = visits(Accepted("anna", event(ADD, user_id=None, client_id="anna")))
        assert shopper == "anna"

    def test_an_event_that_is_nobodys_is_in_no_visit(self) -> None:
        assert list(visits(Accepted("", event(ADD, user_id=None)))) == []

    @pytest.mark.parametrize("name", ["identify", BUY, REMOVE, "erase_user"])
    def test_a_browser_hears_whose_it_is_and_what_became_of_its_cart(self, name: str) -> None:
        parts = dict(visits(Accepted("anna", event(name, client_id="browser"))))
        assert set(parts) == {"anna", "browser"}
        assert (parts["anna"].user, parts["browser"].user) == ("", "anna")

    @pytest.mark.parametrize("name", [VIEW, ADD])
    def test_other_events_of_a_user_are_the_users_alone(self, name: str) -> None:
        assert [shopper for shopper, _ in visits(Accepted("anna", event(name, client_id="browser")))] == [
            "anna"
        ]


GAP_US = 100 * SECOND


def of(shopper: str, *accepted: Accepted) -> list[Visit]:
    """What the visit of one shopper has of events."""
    return [part for one in accepted for whose, part in visits(one) if whose == shopper]


def own(*args: Any, **fields: Any) -> Accepted:
    """An event of a browser that is nobody's."""
    return Accepted("browser", event(*args, user_id=None, client_id="browser", **fields))


def says_whose(user: str, at: float, received: float | None = None, **receipt: int) -> Accepted:
    received_at = NOW + round((at if received is None else received) * SECOND)
    return Accepted(
        user,
        event(
            "identify",
            "",
            at=at,
            user_id=user,
            client_id="browser",
            receipt=Receipt(received_at=received_at, **receipt),
        ),
    )


class TestWhoIsTold:
    def told(self, *accepted: Accepted) -> str | None:
        found = ended("browser", of("browser", *accepted), GAP_US)
        return found and found[0]

    def test_nobody_of_a_visit_without_a_cart(self) -> None:
        assert self.told(own(VIEW)) is None

    def test_the_browser_if_it_is_nobodys(self) -> None:
        assert self.told(own(ADD)) == "browser"

    def test_its_user(self) -> None:
        assert self.told(own(ADD), says_whose("anna", 50)) == "anna"

    def test_nobody_of_what_the_user_did_alone(self) -> None:
        assert self.told(own(VIEW), says_whose("anna", 50)) is None
        assert self.told(Accepted("anna", event(BUY, client_id="browser"))) is None

    def test_nobody_if_anything_is_withheld(self) -> None:
        said = Accepted("anna", event("erase_user", "", at=60, client_id="browser"))
        assert self.told(own(ADD), says_whose("anna", 50), said) is None

    def test_the_user_that_a_visit_is_joined_with(self) -> None:
        """It may have the browser's cart to wait for, if none of its own."""
        for_anna = ended("anna", of("anna", says_whose("anna", 50)), GAP_US)
        assert for_anna is not None
        assert for_anna[0] == "anna"
        assert ended("anna", of("anna", Accepted("anna", event(VIEW))), GAP_US) is None

    @pytest.mark.parametrize("order", [1, -1])
    def test_the_first_user_if_there_are_several(self, order: int) -> None:
        """As a browser's history goes to the first."""
        said = [says_whose("anna", 50), says_whose("ben", 60)][::order]
        assert self.told(own(ADD), *said) == "anna"

    def test_the_first_who_was_known_in_time(self) -> None:
        assert self.told(own(ADD), says_whose("anna", 50, received=100), says_whose("ben", 60)) == "ben"

    @pytest.mark.parametrize(("received", "who"), [(129.999, "anna"), (130, "browser")])
    def test_the_browser_if_it_is_said_when_the_cart_was_announced(self, received: float, who: str) -> None:
        assert self.told(own(ADD), own(VIEW, at=30), says_whose("anna", 50, received=received)) == who

    def test_the_browser_also_if_that_joins_the_visit_to_its_next(self) -> None:
        assert self.told(own(ADD), own(VIEW, at=120), says_whose("anna", 50, received=125)) == "browser"

    def test_the_browser_if_it_is_said_by_a_dead_letter_that_came_back(self) -> None:
        assert self.told(own(ADD), says_whose("anna", 50, first_seen=NOW)) == "browser"

    @given(
        st.lists(st.integers(0, 60), min_size=1, max_size=6),
        st.integers(0, 60),
        st.integers(0, 40),
    )
    def test_whoever_is_told_first_is_told_always(self, times: list[int], said: int, delay: int) -> None:
        """Whatever comes until when: no cart is told to a browser and later to its user, or the other way."""
        events = [(time, own(ADD, at=time)) for time in times if time <= said + delay]
        events.append((said + delay, says_whose("anna", said, received=said + delay)))
        told: list[tuple[set[int], str]] = []
        for now in range(130):
            parts = of("browser", *(one for received, one in events if received < now))
            for visit in sessions(parts, 20 * SECOND):
                found = ended("browser", visit, 20 * SECOND)
                if found and max(part.last_at for part in visit) + 20 * SECOND <= NOW + now * SECOND:
                    told.append(({change.event_hash for change in found[1].changes}, found[0]))
        assert all(one == other for a, one in told for b, other in told if a & b)

    @given(st.data())
    def test_a_cart_filled_before_and_after_a_login_is_that_of_one_person(self, data: st.DataObject) -> None:
        names = st.sampled_from([*[ADD] * 6, *[REMOVE] * 2, *[BUY] * 2, VIEW])
        acts = data.draw(st.lists(st.tuples(names, st.sampled_from(["A", "B", "A B"])), max_size=9))
        login = data.draw(st.integers(0, len(acts)))
        by = data.draw(st.sampled_from(["browser", "phone", None]))
        before = [own(name, items, at=at) for at, (name, items) in enumerate(acts[:login])]
        after = [
            Accepted("anna", event(name, items, at=login + at, client_id=by))
            for at, (name, items) in enumerate(acts[login:], 1)
        ]
        accepted = [*before, says_whose("anna", login), *after]
        data.draw(st.randoms(use_true_random=False)).shuffle(accepted)
        found = [ended(shopper, of(shopper, *accepted), GAP_US) for shopper in ("anna", "browser")]
        whole = together(visit for person, visit in filter(None, found) if person == "anna")
        assert left_cart("anna", whole) == left_cart(
            "anna", together(of("anna", *(Accepted("anna", one.event) for one in accepted)))
        )


USERS = [f"u{n}" for n in range(MAX_PARTS)]

acts = st.tuples(
    st.sampled_from(["", "", *USERS]), st.sampled_from([ADD, BUY, VIEW, "erase_user"]), st.integers(0, 900)
)


def act(user: str, name: str, at: int, received: int) -> Accepted:
    """Of a browser, as that of a user if there is one."""
    if not user:
        return own(VIEW if name == "erase_user" else name, at=at)
    receipt = Receipt(received_at=NOW + received * SECOND)
    told = event(name, at=at, user_id=user, client_id="browser", receipt=receipt)
    return Accepted(user, told)


def said(parts: list[Visit]) -> tuple[str, Visit] | None:
    """Of a browser's visit, with changes in some order."""
    found = ended("browser", parts, GAP_US) if parts else None
    return found and (
        found[0],
        msgspec.structs.replace(found[1], changes=tuple(sorted(found[1].changes, key=repr))),
    )


class TestThinning:
    @given(
        st.lists(st.tuples(acts, st.integers(0, 1000)), max_size=MAX_PARTS), st.randoms(use_true_random=False)
    )
    def test_it_says_the_same_of_a_visit_and_of_all_that_comes_to_it(
        self, told: list[tuple[tuple[str, str, int], int]], chance: Any
    ) -> None:
        parts = of("browser", *(act(*one, received) for one, received in told))
        expected = said(parts)
        chance.shuffle(parts)
        known: list[Visit] = []
        for part in parts:
            known = thinned([*known, part], GAP_US)
        assert said(known) == expected

    @given(st.lists(st.sampled_from([ADD, BUY, VIEW]), min_size=1, max_size=40))
    def test_a_users_visit_is_one_part(self, names: list[str]) -> None:
        parts = [visit(event(name, at=90 * n)) for n, name in enumerate(names)]
        assert thinned(parts, GAP_US) == [together(parts)]

    @pytest.mark.parametrize("gap", [60, 150], ids=["without a pause", "held together by users alone"])
    def test_it_is_bounded(self, gap: int) -> None:
        known: list[Visit] = []
        for n in range(1000):
            user = f"u{n}" if n % 2 else ""
            part = act(user, ADD if n % 3 else BUY, n * gap // 2, n * gap // 2)
            known = thinned([*known, *of("browser", part)], GAP_US)
        assert len(known) <= 2 * MAX_PARTS
        assert sum(len(part.changes) for part in known) <= MAX_CHANGES

    def test_nothing_is_kept_of_what_is_withheld(self) -> None:
        said = [own(ADD), says_whose("anna", 5), act("ben", "erase_user", 7, 7), own(ADD, at=9)]
        (part,) = thinned(of("browser", *said), GAP_US)
        assert (part.withheld, part.changes, part.user) == (True, (), "")
        assert (part.first_at, part.last_at) == (NOW, NOW + 9 * SECOND)


def sessions(parts: list[Visit], gap_us: int) -> list[list[Visit]]:
    found: list[list[Visit]] = []
    for part in sorted(parts, key=lambda part: part.last_at):
        if found and part.last_at < found[-1][-1].last_at + gap_us:
            found[-1].append(part)
        else:
            found.append([part])
    return found


@st.composite
def events_of_a_visit(draw: st.DrawFn) -> Event:
    names = st.sampled_from([*[ADD] * 9, *[REMOVE] * 3, *[BUY] * 3, VIEW, "identify", "erase_user"])
    items = st.lists(
        st.builds(
            Item, st.sampled_from("ABCD"), st.integers(1, 3), st.none() | st.sampled_from([0.1, 5.0, 1e12])
        ),
        max_size=3,
    )
    return event(
        draw(names),
        draw(items),
        at=draw(st.integers(0, 5)),  # many at the same time
        client_id=draw(st.sampled_from([None, "browser"])),
        currency=draw(st.sampled_from([None, "EUR", "USD"])),
    )


def parts_of(events: list[Event]) -> list[Visit]:
    return [part for one in events for _, part in visits(Accepted("anna", one))]


class TestAddingUp:
    @given(st.lists(events_of_a_visit(), max_size=12), st.randoms(use_true_random=False))
    def test_neither_order_nor_grouping_matter(self, events: list[Event], chance: Any) -> None:
        parts = parts_of(events)
        once = left_cart("anna", together(parts))
        chance.shuffle(parts)
        cut = chance.randint(0, len(parts))
        again = together([together(parts[cut:]), Visit(), together(parts[:cut])])
        assert left_cart("anna", again) == once
        assert sorted(map(repr, again.changes)) == sorted(map(repr, together(parts).changes))

    @given(st.lists(events_of_a_visit(), max_size=12))
    def test_what_is_in_two_parts_counts_once(self, events: list[Event]) -> None:
        parts = parts_of(events)
        whole = together(parts)
        assert together([whole, *parts, whole]) == whole

    @given(st.lists(st.integers(0, 400), min_size=250, max_size=700), st.randoms(use_true_random=False))
    def test_order_does_not_matter_beyond_the_bound_either(self, times: list[int], chance: Any) -> None:
        events = [event(chance.choice([ADD, REMOVE, BUY]), chance.choice("ABC"), at=at) for at in times]
        parts = parts_of(events)
        whole = together(parts)
        chance.shuffle(parts)
        cut = chance.randint(0, len(parts))
        again = together([together(parts[:cut]), together(parts[cut:])])
        assert left_cart("anna", again) == left_cart("anna", whole)
        assert len(again.changes) == len(whole.changes) <= MAX_CHANGES

    @given(st.lists(events_of_a_visit(), max_size=12))
    def test_it_survives_the_way_from_worker_to_worker(self, events: list[Event]) -> None:
        whole = together(parts_of(events))
        assert msgspec.msgpack.decode(msgspec.msgpack.encode(whole), type=Visit) == whole

    def test_the_newest_changes_are_remembered(self) -> None:
        adds = [event(ADD, f"I{n}", at=n) for n in range(MAX_CHANGES + 5)]
        assert set(quantities(*adds)) == {f"I{n}" for n in range(5, MAX_CHANGES + 5)}

    def test_a_full_visit_takes_a_bounded_place(self) -> None:
        long = [Item("x" * 128, 1, 1.0)] * 200
        parts = parts_of([event(ADD, long, at=n, currency="EUR") for n in range(3)])
        assert len(msgspec.msgpack.encode(together(parts))) < 64 * 1024

    def test_the_end_is_the_newest_event(self) -> None:
        assert visit(event(VIEW, at=HOUR / SECOND), event(ADD)).last_at == NOW + HOUR
