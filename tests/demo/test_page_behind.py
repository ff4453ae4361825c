"""Behind the page: its visitors, how their clicks are timed, pictures, and other people in the shop."""

from __future__ import annotations

import random
import xml.etree.ElementTree as ET
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from demo import catalog, pictures
from demo.endpoints import Functions, NotCollected
from demo.page import traffic
from demo.page.live import Live
from demo.page.mailbox import Mailbox
from demo.page.session import Visitor, Visitors, new_id
from demo.processes import HOST, free_port
from demo.stack import Counters
from evermail import clock
from evermail.campaigns import Tokens
from evermail.events import Code, EventName
from pipeline import names

SHOP = "http://127.0.0.1:8080"
RANGE = catalog.products(SHOP)
TOKENS = Tokens(recommendations="a.token", slots="b.token", actions="c.token", unsubscribe="d.token")
MILLISECOND = 1_000


class FakeFunction:
    """The recommendations function: answers no items, as of the event that it is told."""

    def __init__(self) -> None:
        self.as_of = 0

    def __call__(self) -> dict[str, Any]:
        return {
            "items": [],
            "source": "static",
            "as_of": clock.to_rfc3339(self.as_of) if self.as_of else None,
        }


class StopWatch:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class TestVisitors:
    def test_the_one_away_longest_is_forgotten_first(self) -> None:
        visitors = Visitors(remembered=2)
        ids = [new_id() for _ in range(3)]
        for one in ids[:2]:
            visitors.get(one).note(EventName.VIEW_ITEM, ["desk-1"])
        visitors.get(ids[0])
        visitors.get(ids[2])
        assert visitors.get(ids[0]).history == ["desk-1"]
        assert visitors.get(ids[1]).history == []

    def test_history_has_each_product_once_newest_first(self) -> None:
        visitor = Visitor(new_id())
        for one in ("a", "b", "a"):
            visitor.note(EventName.VIEW_ITEM, [one])
        assert visitor.history == ["a", "b"]


class TestLatency:
    def test_is_from_the_post_to_the_answer_that_has_the_event(self) -> None:
        function, watch = FakeFunction(), StopWatch()
        mailbox = Mailbox(TOKENS, function, SHOP, elapsed=watch)
        mailbox.expect(5 * MILLISECOND, begun=100.0)
        watch.now = 100.4
        function.as_of = 4 * MILLISECOND
        mailbox.look()
        assert (mailbox.waiting, mailbox.latency_s) == (True, None)
        watch.now = 100.75
        function.as_of = 5 * MILLISECOND
        mailbox.look()
        assert (mailbox.waiting, mailbox.latency_s) == (False, 0.75)

    def test_of_clicks_that_arrive_together_the_newest_counts(self) -> None:
        function, watch = FakeFunction(), StopWatch()
        mailbox = Mailbox(TOKENS, function, SHOP, elapsed=watch)
        mailbox.expect(5 * MILLISECOND, begun=100.0)
        mailbox.expect(6 * MILLISECOND, begun=100.5)
        watch.now = 100.75
        function.as_of = 6 * MILLISECOND
        mailbox.look()
        assert mailbox.latency_s == 0.25

    def test_a_click_is_not_waited_for_for_ever(self) -> None:
        watch = StopWatch()
        mailbox = Mailbox(TOKENS, FakeFunction(), SHOP, elapsed=watch)
        mailbox.expect(5 * MILLISECOND, begun=100.0)
        watch.now = 1000.0
        mailbox.look()
        assert (mailbox.waiting, mailbox.latency_s) == (False, None)


class TestPictures:
    def test_each_product_has_one_of_its_own(self) -> None:
        drawn = {pictures.picture(product.id) for product in RANGE}
        assert len(drawn) == len(RANGE)
        for product in RANGE:
            root = ET.fromstring(pictures.picture(product.id))
            assert root.findtext("{http://www.w3.org/2000/svg}title") == product.title


class TestTraffic:
    def test_rounds_never_repeat_an_event_id_but_for_copies(self) -> None:
        rng = random.Random(1)
        rounds = [traffic.plan(RANGE, number, 100, 8.0, rng) for number in range(2)]
        ids = [
            message.fields["event_id"]
            for round_ in rounds
            for message in round_
            if not message.copy and message.expected is None
        ]
        assert len(ids) == len(set(ids)) == 200

    def test_a_round_has_copies_and_broken_events(self) -> None:
        round_ = traffic.plan(RANGE, 0, 200, 8.0, random.Random(1))
        assert round_.copies == 8
        assert sum(round_.rejected.values()) == 4
        assert Code.LATE not in round_.rejected

    def test_a_round_is_what_its_seed_says(self) -> None:
        one, other = (
            [msgspec.json.encode(message) for message in traffic.plan(RANGE, 0, 50, 8.0, random.Random(7))]
            for _ in range(2)
        )
        assert one == other


def test_the_figures_of_the_page_add_up() -> None:
    """published = accepted + duplicate + rejected + late + erased + in flight"""
    counters = Counters()
    told = (names.ACCEPTED, names.DUPLICATE, names.LATE, names.ERASED, "rejected/wrong_type")
    counters.update({name: 2**bit for bit, name in enumerate(told)})
    url = f"http://{HOST}/"
    running: Any = SimpleNamespace(
        counters=counters, functions_url=url, recommendations_url=url, publisher=None, token=None, store=None
    )
    shown = Live(running, RANGE, SHOP, rng=random.Random(1)).pipeline()
    terms = ("accepted", "duplicate", "rejected", "late", "erased", "in_flight")
    assert shown["published"] == sum(shown[term] for term in terms) == 31


def test_an_event_for_a_function_that_is_gone_is_not_collected() -> None:
    functions = Functions(f"http://{HOST}:{free_port()}")
    with pytest.raises(NotCollected, match="does not answer"):
        functions.collect([{}])
    assert functions.answer("a.token") is None
