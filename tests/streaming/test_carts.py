"""Carts left without a purchase: announced when the visit is over, once, and only where something is left."""

from __future__ import annotations

import random
from collections.abc import Iterable
from typing import Any

import apache_beam as beam
import msgspec
import pytest
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.transforms.window import TimestampedValue
from cart_support import (
    FAR,
    GAP,
    GAP_US,
    LATENESS,
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
)
from streaming_support import (
    NOW,
    Collected,
    Stream,
    accepted,
    config,
    counters,
    pipeline,
    run,
)

from evermail import carts
from evermail.carts import Visit, cart_id
from evermail.clock import SECOND, to_rfc3339
from evermail.events import Accepted, Item
from pipeline import carts as carts_module
from pipeline import names
from pipeline.carts import WatchCarts
from pipeline.visits import MAX_VISITS, EndFn

ADD, VIEW = "add_to_cart", "view_item"
NOW_S = NOW / SECOND


class TestAVisit:
    @pytest.mark.parametrize(("watermark", "announced"), [(30 + GAP - 0.001, 0), (30 + GAP, 1)])
    def test_a_cart_is_announced_when_its_shopper_has_done_nothing_for_a_gap(
        self, watermark: float, announced: int
    ) -> None:
        told = stream().arrives(add(at=0), accepted("B", at=30)).watermark(watermark)
        told.arrives(bought(at=31))  # in time to say nothing, or not
        found = watch(told.watermark(FAR))
        assert [message["left_at"] for message in found] == [to_rfc3339(NOW + 30 * SECOND)] * announced

    def test_whatever_the_shopper_does_keeps_the_visit_going(self) -> None:
        told = stream().arrives(add(at=0)).watermark(GAP - 1).arrives(accepted("", at=GAP - 2, name="search"))
        told.watermark(GAP + 1).arrives(bought(at=GAP + 5))
        assert watch(told.watermark(FAR)) == []

    @pytest.mark.parametrize(
        ("then", "left"),
        [
            ([bought("A B", at=2)], []),
            ([bought("A", at=2)], [{"B": 1}]),
            ([accepted("A", at=2, name="remove_from_cart")], [{"B": 1}]),
            ([accepted("A B", at=2, name="remove_from_cart")], []),
            ([bought("A B", at=2), add("C", at=3)], [{"C": 1}]),
            ([accepted("A B", at=2)], [{"A": 1, "B": 1}]),
        ],
        ids=["bought", "partly bought", "partly removed", "removed", "bought and filled again", "looked at"],
    )
    def test_what_is_left_decides(self, then: list[Accepted], left: list[dict[str, int]]) -> None:
        found = watch(stream().arrives(add("A B", at=1)).arrives(*then).watermark(FAR))
        assert [quantities(message) for message in found] == left

    def test_a_visit_without_a_cart_is_nobodys_business(self) -> None:
        assert watch(stream().arrives(accepted("A"), bought("B", at=1)).watermark(FAR)) == []

    def test_two_visits_have_two_carts(self) -> None:
        told = stream().arrives(add("A", at=0)).watermark(GAP + 1).arrives(add("B", at=GAP + 2))
        assert [quantities(message) for message in watch(told.watermark(FAR))] == [{"A": 1}, {"B": 1}]

    def test_shoppers_do_not_mix(self) -> None:
        told = stream().arrives(add("A"), add("B", shopper="ben"), bought("A", shopper="ben"))
        assert {message["shopper"]: quantities(message) for message in watch(told.watermark(FAR))} == {
            "anna": {"A": 1},
            "ben": {"B": 1},
        }

    def test_an_event_without_a_shopper_is_in_no_visit(self) -> None:
        assert watch(stream().arrives(Accepted("", add().event)).watermark(FAR)) == []

    def test_a_visit_that_does_not_pause_is_not_gone_through_again_and_again(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """One event in half a gap, for hours; and then what comes late, each by itself."""
        gone_through = []

        def counting(shopper: str, parts: Iterable[Visit], gap_us: int) -> Any:
            known = list(parts)
            gone_through.append(len(known))
            return ended(shopper, known, gap_us)

        ended = carts.ended
        monkeypatch.setattr(carts, "ended", counting)
        told = stream().arrives(add("A", at=0), *(accepted("B", at=n * GAP / 2) for n in range(1, 40)))
        told.watermark(21 * GAP)
        for n in range(3):
            told.arrives(add("C", at=19 * GAP + n))
        (message,) = watch(told.watermark(FAR))
        assert (message["left_at"], quantities(message)) == (to_rfc3339(NOW + 39 * GAP_US // 2), {"A": 1})
        assert gone_through == [1] * 4

    def test_what_is_remembered_of_a_shopper_is_bounded(self) -> None:
        """Whether there is never a pause, or one after each event."""
        full = [Item("x" * 124 + f"{n}", 1, 1.0) for n in range(carts.MAX_CHANGES)]
        for step in (GAP / 2, 2 * GAP):
            end, cell = EndFn(config(cart_gap_us=GAP_US)), Cell()
            for n in range(3 * MAX_VISITS):
                ((_, part),) = carts.visits(add(full, at=n * step, currency="EUR"))
                end.process(("anna", part), cell, cell)
            assert len(cell.value) < 64 * 1024
            end, cell = EndFn(config(cart_gap_us=GAP_US)), Cell()
            for n in range(3 * MAX_VISITS):
                ((_, part),) = carts.visits(accepted(at=n * step))
                end.process(("anna", part), cell, cell)
            assert len(cell.value) < 8 * 1024

    def test_what_says_nothing_new_is_not_told(self) -> None:
        end, cell = EndFn(config(cart_gap_us=GAP_US)), Cell()
        late = {name: dict(carts.visits(accepted("A", at=1, name=name)))["anna"] for name in (VIEW, ADD)}
        for at in (0, 2):
            assert end.process(("anna", dict(carts.visits(add(at=at)))["anna"]), cell, cell) == []
        assert len(end.end("anna", cell.time, cell, cell)) == 1
        assert end.process(("anna", late[VIEW]), cell, cell) == []
        assert len(end.process(("anna", late[ADD]), cell, cell)) == 1
        assert end.process(("anna", late[ADD]), cell, cell) == []

    def test_a_gap_of_a_fraction_of_a_millisecond_is_one(self) -> None:
        assert len(watch(stream().arrives(add()).watermark(1), cart_gap_us=10)) == 1


class TestDisorder:
    def test_order_of_arrival_does_not_matter(self) -> None:
        told = [add("A B", at=1), bought("A", at=2), add("A C", at=3), bought("C", at=4)]
        for _ in range(3):
            told.append(told.pop(0))
            found = watch(stream().arrives(told[0]).arrives(*told[1:]).watermark(FAR))
            assert [quantities(message) for message in found] == [{"B": 1, "A": 1}]

    def test_events_of_two_bundles_and_the_middle_between_are_one_visit(self) -> None:
        told = (
            stream().arrives(add("A", at=0)).arrives(add("B", at=1.5 * GAP)).arrives(add("C", at=0.8 * GAP))
        )
        (message,) = watch(told.watermark(FAR))
        assert quantities(message) == {"A": 1, "C": 1, "B": 1}

    def test_the_time_of_an_event_is_its_own(self, collected: Collected) -> None:
        """Not that of the element it comes in, which is when Pub/Sub took it, or a timer fired."""
        told = stream().arrives(add("A", at=0), bought("A", at=GAP + 1)).watermark(FAR)
        p = pipeline()
        arrived = p | told.source() | beam.Map(_with_time, NOW_S + 2 * GAP)
        arrived | WatchCarts(config(cart_gap_us=GAP_US)) | collected.into("messages")
        run(p)
        assert len(collected["messages"]) == 1  # two visits: the purchase belongs to the next


def _with_time(event: Accepted, time_s: float) -> TimestampedValue:
    return TimestampedValue(event, time_s)


class TestOnce:
    @pytest.mark.parametrize("watermark", [GAP, 2 * GAP], ids=["visit goes on", "visit is over"])
    def test_a_late_addition_does_not_announce_a_cart_again(self, watermark: float) -> None:
        told = stream().arrives(add("A", at=0)).watermark(watermark)
        told.arrives(add("B", at=1)).arrives(add("C", at=-5))
        (message,) = watch(told.watermark(FAR))
        assert quantities(message) == {"A": 1}

    def test_a_late_event_may_make_a_visit_longer(self) -> None:
        told = stream().arrives(add("A", at=0)).watermark(GAP)
        told.arrives(accepted("A", at=GAP - 1)).watermark(2 * GAP).arrives(add("B", at=2 * GAP - 2))
        assert len(watch(told.watermark(FAR))) == 1

    def test_a_late_event_that_joins_two_visits_announces_nothing(self) -> None:
        told = stream().arrives(add("A", at=0)).watermark(GAP).arrives(add("B", at=1.8 * GAP))
        told.watermark(3 * GAP).arrives(add("C", at=0.9 * GAP))
        assert [quantities(message) for message in watch(told.watermark(FAR))] == [{"A": 1}, {"B": 1}]

    def test_a_late_event_that_joins_a_visit_to_one_that_goes_on_says_nothing_early(self) -> None:
        told = stream().arrives(accepted("A", at=0)).watermark(GAP).arrives(add("B", at=1.5 * GAP))
        told.arrives(accepted("C", at=0.9 * GAP)).watermark(2 * GAP).arrives(bought("B", at=2 * GAP))
        assert watch(told.watermark(FAR)) == []

    def test_what_comes_late_may_be_the_cart(self) -> None:
        told = stream().arrives(accepted("A", at=0)).watermark(2 * GAP).arrives(add("A", at=1))
        (message,) = watch(told.watermark(FAR))
        assert quantities(message) == {"A": 1}

    def test_a_late_visit_of_its_own_is_announced(self) -> None:
        told = stream().watermark(1800).arrives(add("A", at=1))
        assert len(watch(told.watermark(FAR))) == 1

    def test_a_late_addition_to_what_was_bought_since_is_no_cart(self) -> None:
        told = stream().arrives(bought("A", at=2)).watermark(2 * GAP).arrives(add("A", at=1))
        assert watch(told.watermark(FAR)) == []

    def test_a_purchase_that_comes_late_announces_nothing(self) -> None:
        told = stream().arrives(add("A B", at=0)).watermark(2 * GAP).arrives(bought("A B", at=1))
        assert len(watch(told.watermark(FAR))) == 1

    def test_whatever_the_shoppers_may_accept_is_taken_in(self) -> None:
        assert len(watch(stream().watermark(LATENESS + GAP - 1).arrives(add("A")).watermark(FAR))) == 1

    @pytest.mark.parametrize(("taken", "announced"), [(GAP + LATENESS - 1, 1), (GAP + LATENESS, 0)])
    def test_what_was_sent_when_all_is_forgotten_of_it_is_nobodys_business(
        self, collected: Collected, taken: float, announced: int
    ) -> None:
        """A dead letter that is replayed days later."""
        p = pipeline()
        arrived = p | stream().arrives(add()).watermark(FAR).source() | beam.Map(_with_time, NOW_S + taken)
        arrived | WatchCarts(config(cart_gap_us=GAP_US)) | collected.into("messages")
        run(p)
        assert len(collected["messages"]) == announced

    @pytest.mark.parametrize(("watermark", "times"), [(GAP + LATENESS - 1, 1), (GAP + LATENESS, 2)])
    def test_what_was_announced_is_forgotten_when_nothing_can_change_it(
        self, watermark: float, times: int
    ) -> None:
        ended = ended_visit(0, GAP)
        assert announcements(stream().arrives(ended).watermark(watermark).arrives(ended)) == times

    def test_what_has_grown_is_remembered_as_long_as_the_last_of_it(self) -> None:
        first, grown = ended_visit(0, GAP), ended_visit(0, 2 * GAP)
        told = stream().arrives(first).watermark(GAP).arrives(grown).watermark(GAP + LATENESS)
        assert announcements(told.arrives(ended_visit(2 * GAP - 1, 3 * GAP))) == 1

    def test_each_is_announced_when_the_watermark_reaches_its_end(self) -> None:
        told = stream().arrives(ended_visit(0, GAP), ended_visit(GAP, 2 * GAP)).watermark(2 * GAP - 1)
        assert announcements(told.arrives(ended_visit(GAP, 2 * GAP, bought(at=1)))) == 1

    def test_what_is_remembered_of_one_person_is_bounded(self) -> None:
        full = [Item("x" * 124 + f"{n}", 1, 1.0) for n in range(carts.MAX_CHANGES)]
        announce, cell = carts_module.AnnounceFn(config(cart_gap_us=GAP_US)), Cell()
        for n in range(MAX_VISITS + 1):
            announce.process(ended_visit(n, n + 1, add(full, at=n, currency="EUR")), cell, cell)
        assert len(cell.value) < 64 * 1024
        assert len(msgspec.msgpack.decode(cell.value)) == MAX_VISITS

    def test_what_can_not_change_any_more_is_not_remembered_with_what_can(self) -> None:
        announce, cell = carts_module.AnnounceFn(config(cart_gap_us=GAP_US)), Cell()
        for n in (0, LATENESS):
            announce.process(ended_visit(n, n + 1), cell, cell)
            list(announce.announce("anna", cell.time, cell, cell))
        assert len(msgspec.msgpack.decode(cell.value)) == 1

    def test_a_visit_that_grows_and_grows_is_still_one(self) -> None:
        other = ended_visit(-GAP, -1)
        grown = [ended_visit(0, GAP + n) for n in range(MAX_VISITS + 1)]
        told = stream().arrives(other).watermark(0).arrives(grown[0]).watermark(GAP)
        assert announcements(told.arrives(*grown).arrives(other)) == 2

    def test_what_overlaps_only_a_part_is_the_same_with_all_of_it(self) -> None:
        told = stream().arrives(ended_visit(0, GAP)).watermark(GAP).arrives(ended_visit(GAP / 2, 2 * GAP))
        assert (
            announcements(told.arrives(ended_visit(0, GAP / 4)).arrives(ended_visit(1.8 * GAP, 3 * GAP))) == 1
        )


class Cell:
    """A cell of state, and a timer."""

    value: Any = None
    time: Any = None

    def read(self) -> Any:
        return self.value

    def write(self, value: Any) -> None:
        self.value = value

    def set(self, time: Any) -> None:
        self.time = time


class TestMessages:
    def test_the_cart_its_shopper_and_its_id_are_told(self, collected: Collected) -> None:
        p = pipeline()
        told = stream().arrives(add([Item("A", 2, 5.0)], at=1, currency="EUR"), accepted("B", at=2))
        messages = p | told.watermark(FAR).source() | WatchCarts(config(cart_gap_us=GAP_US))
        messages | collected.into("messages")
        run(p)
        (message,) = collected["messages"]
        name = cart_id("anna", NOW + SECOND)
        assert message.attributes == {"trigger": "cart_left", "cart_id": name, "shopper": "anna"}
        assert msgspec.json.decode(message.data) == {
            "trigger": "cart_left",
            "cart_id": name,
            "shopper": "anna",
            "items": [{"item_id": "A", "quantity": 2, "price": 5.0}],
            "value": 10.0,
            "currency": "EUR",
            "first_added_at": to_rfc3339(NOW + SECOND),
            "left_at": to_rfc3339(NOW + 2 * SECOND),
        }

    def test_they_survive_the_worker_code_of_dataflow(self, collected: Collected) -> None:
        """The local runner hands objects on as they are; this one encodes them between steps, as Dataflow."""
        runner = "--runner=apache_beam.runners.portability.fn_api_runner.FnApiRunner"
        p = beam.Pipeline(options=PipelineOptions([runner]))
        told = [
            add("A", at=0),
            add("B", at=1, shopper="ben"),
            bought("B", at=2, shopper="ben"),
            add("C", at=3, shopper="browser"),
            login(4, "cara"),
            add("D", at=5, shopper="cara"),
            add("E", at=6, shopper="tablet"),
            erasure(7, shopper="dora"),
            login(8.000123, "dora", browser="tablet"),
        ]
        messages = p | beam.Create(told, reshuffle=True) | WatchCarts(config(cart_gap_us=GAP_US))
        messages | "OverTheWire" >> beam.Reshuffle() | collected.into("messages")
        run(p)
        found = [(message.attributes["shopper"], message.data) for message in collected["messages"]]
        assert {shopper: quantities(msgspec.json.decode(data)) for shopper, data in found} == {
            "anna": {"A": 1},
            "cara": {"C": 1, "D": 1},
        }


@pytest.mark.usefixtures("every_bundle_counts")
class TestCounters:
    def counted(self, told: Stream) -> tuple[int, int]:
        p = pipeline()
        p | told.source() | WatchCarts(config(cart_gap_us=GAP_US))
        found = counters(run(p))
        return found[names.CARTS_LEFT], found[names.CARTS_BOUGHT_LATE]

    def test_carts_left(self) -> None:
        assert self.counted(stream().arrives(add("A"), add("B", shopper="ben")).watermark(FAR)) == (2, 0)

    def test_a_cart_that_had_been_bought_counts_once(self) -> None:
        told = stream().arrives(add("A B", at=0)).watermark(2 * GAP).arrives(bought("A", at=1))
        told.arrives(bought("B", at=2)).arrives(bought("B", at=3)).arrives(accepted("A", at=4))
        assert self.counted(told.watermark(FAR)) == (1, 1)

    def test_what_a_browser_hears_of_a_purchase_does_not_count_again(self) -> None:
        told = stream().arrives(add("A B", at=0)).watermark(2 * GAP)
        told.arrives(bought("A", at=1, client_id="browser"))
        assert self.counted(told.watermark(FAR)) == (1, 0)

    @pytest.mark.parametrize(("late", "counts"), [("A B", 1), ("A", 0), ("B", 0)])
    def test_a_cart_filled_before_and_after_a_login_was_bought_if_all_of_it_was(
        self, late: str, counts: int
    ) -> None:
        told = stream().arrives(add("A", at=0, shopper="browser"), login(60), add("B", at=90))
        told.watermark(2 * GAP).arrives(bought(late, at=95, client_id="browser"))
        assert self.counted(told.watermark(FAR)) == (1, counts)

    def test_what_is_bought_in_a_later_visit_is_no_mistake(self) -> None:
        told = stream().arrives(add("A", at=0)).watermark(GAP).arrives(bought("A", at=GAP + 1))
        assert self.counted(told.watermark(FAR)) == (1, 0)

    def test_nor_is_what_is_removed_late(self) -> None:
        told = stream().arrives(add("A", at=0)).watermark(2 * GAP)
        told.arrives(accepted("A", at=1, name="remove_from_cart"))
        assert self.counted(told.watermark(FAR)) == (1, 0)


@pytest.mark.parametrize("seed", range(8))
def test_a_cart_that_is_left_in_the_end_was_announced_whatever_came_late(seed: int) -> None:
    """Delays of up to an hour, so that visits grow, join and are filled and bought after they ended."""
    chance = random.Random(seed)
    actions = ["view_item"] * 5 + ["add_to_cart"] * 2 + ["remove_from_cart", "purchase"]
    told = [
        accepted(chance.choice("ABC"), at=chance.randrange(9000), name=chance.choice(actions))
        for _ in range(14)
    ]
    delays = [0.0, 0.0, chance.uniform(0, 3600)]
    arrivals = sorted(
        ((one.event.event_time - NOW) / SECOND + chance.choice(delays), number)
        for number, one in enumerate(told)
    )
    unfolding = stream()
    for at, number in arrivals:
        unfolding.watermark(at).arrives(told[number])
    found = watch(unfolding.watermark(FAR))
    for whole in visits_of(told):
        cart = carts.left_cart("anna", carts.together(whole))
        begun, ended = min(part.last_at for part in whole), max(part.last_at for part in whole)
        about = [m for m in found if to_rfc3339(begun) <= m["left_at"] <= to_rfc3339(ended)]
        assert about or cart is None
        assert len({message["cart_id"] for message in about}) == len(about)
