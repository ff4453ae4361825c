"""The Python client against the real `collect`, over HTTP: what arrives, and what is told of the rest."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence

import pytest

from demo.processes import free_port
from evermail.client import Events, NotSent, QueueFull, Unsent
from evermail.client.delivery import Answered, HttpDelivery, Later, Queued
from tests.functions.serving import TIMEOUT_S, Served, collect

ITEM = {"items": [{"item_id": "SKU1", "price": 19.9}]}
KEY = "a-secret-of-the-crm"


@pytest.fixture
def served() -> Iterator[Served]:
    with collect() as served:
        yield served


def at_once(most: float) -> float:
    return 0.0


class Gate:
    """Stands in for HTTP: holds each batch until it is let through, and answers what it is told to."""

    def __init__(self, *outcomes: Answered | Later) -> None:
        self.batches: list[list[str]] = []
        self._outcomes = list(outcomes)
        self._changed = threading.Condition()
        self._allowed = 0

    def __call__(self, batch: Sequence[Queued]) -> Answered | Later:
        with self._changed:
            self.batches.append([event.event_id for event in batch])
            self._changed.notify_all()
            assert self._changed.wait_for(lambda: len(self.batches) <= self._allowed, TIMEOUT_S)
        return self._outcomes.pop(0) if self._outcomes else Answered([])

    def let_through(self, batches: int) -> None:
        with self._changed:
            self._allowed += batches
            self._changed.notify_all()

    def wait_for(self, batches: int) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.batches) >= batches, TIMEOUT_S)


def test_events_arrive_with_an_id_and_a_time(served: Served) -> None:
    with Events(served.url) as events:
        first = events.track("purchase", user_id="crm-1", currency="EUR", **ITEM)
        second = events.track("search", user_id="crm-1", event_id="mine", event_time="2026-11-24T03:00:00Z")
        events.identify("browser", "crm-1")
        assert events.flush() == []
    assert second == "mine"
    purchase, search, identify = served.pubsub.events
    assert (purchase["event_id"], purchase["items"]) == (first, ITEM["items"])
    assert purchase["event_time"].endswith("Z")
    assert search["event_time"] == "2026-11-24T03:00:00Z"
    assert (identify["client_id"], identify["user_id"]) == ("browser", "crm-1")


def test_threads_share_it_and_events_share_requests(served: Served) -> None:
    def send(name: str) -> None:
        for number in range(100):
            events.track("search", user_id="crm-1", event_id=f"{name}-{number}")

    with Events(served.url) as events:
        threads = [threading.Thread(target=send, args=(str(name),)) for name in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len({event["event_id"] for event in served.pubsub.events}) == len(served.pubsub.events) == 400
    assert len(served.sizes) < 40


def test_sends_again_until_the_server_is_well(served: Served) -> None:
    served.pubsub.broken = True
    events = Events(served.url, deliver=unhurried(served.url), jitter=at_once)
    events.track("view_item", user_id="crm-1", **ITEM)
    served.pubsub.wait_for_refusals(3)
    [waiting] = events.flush(0)
    assert waiting.code == "waiting"
    served.pubsub.broken = False
    events.close()
    assert len(served.pubsub.events) == 1


def unhurried(url: str) -> HttpDelivery:
    """HTTP, except that what the server asks for is not waited for."""

    class Deliver(HttpDelivery):
        def __call__(self, batch: Sequence[Queued]) -> Answered | Later:
            outcome = super().__call__(batch)
            return Later() if isinstance(outcome, Later) else outcome

    return Deliver(url, None)


def test_what_is_refused_is_told_and_the_rest_arrives(served: Served) -> None:
    events = Events(served.url)
    events.track("dance", user_id="crm-1", event_id="bad")
    events.track("view_item", user_id="crm-1", **ITEM)
    [refused] = events.flush()
    assert (refused.event_id, refused.code) == ("bad", "unknown_event_name")
    assert b'"dance"' in refused.data
    assert events.flush() == []
    events.track("view_item", event_id="nobody's", **ITEM)
    with pytest.raises(NotSent, match="1 events have not arrived at collect: missing_shopper") as caught:
        events.close()
    assert [event.event_id for event in caught.value.unsent] == ["nobody's"]
    events.close()
    assert len(served.pubsub.events) == 1


def test_a_callback_is_told_instead_and_may_fail(served: Served) -> None:
    told: list[Unsent] = []

    def on_unsent(unsent: Sequence[Unsent]) -> None:
        told.extend(unsent)
        raise ValueError

    with Events(served.url, on_unsent=on_unsent) as events:
        for name in ("dance", "sing"):
            events.track(name, user_id="crm-1")
            assert events.flush() == []
    assert [event.code for event in told] == ["unknown_event_name"] * 2


def test_a_key_opens_the_door() -> None:
    with collect(keys={"crm": KEY}) as served:
        with Events(served.url, KEY) as events:
            events.track("view_item", user_id="crm-1", **ITEM)
        assert len(served.pubsub.events) == 1


def test_with_a_key_that_is_not_known_events_wait_and_say_why(caplog: pytest.LogCaptureFixture) -> None:
    with collect(keys={"crm": KEY}) as served:
        events = Events(served.url, "another-secret-of-some-length")
        events.track("view_item", user_id="crm-1", **ITEM)
        assert why_it_waits(events) == "collect does not know the key (401)"
        with pytest.raises(NotSent):
            events.close(0)
        assert served.pubsub.events == []
    assert "the key" in caplog.text


def why_it_waits(events: Events) -> str:
    while (unsent := events.flush(0.05)) and unsent[0].message == "it has not been sent yet":
        pass
    assert [one.code for one in unsent] == ["waiting"]
    return unsent[0].message


def test_to_flush_ends_a_pause_that_is_our_own() -> None:
    answers = iter([Later(), Answered([])])
    events = Events("http://unused", deliver=lambda _: next(answers), jitter=lambda _: 3600.0)
    events.track("search")
    assert events.flush() == []
    events.close()


def test_but_not_one_that_the_server_has_asked_for() -> None:
    asked = threading.Event()

    def deliver(_: Sequence[Queued]) -> Later:
        assert not asked.is_set(), "asked again too soon"
        asked.set()
        return Later(after_s=3600.0)

    events = Events("http://unused", deliver=deliver)
    events.track("search")
    assert asked.wait(10)
    assert [one.code for one in events.flush(0.7)] == ["waiting"]
    with pytest.raises(NotSent):
        events.close(0)


def test_what_is_no_collect_is_told_apart(served: Served) -> None:
    events = Events(f"{served.shop}/nowhere", jitter=at_once)
    events.track("view_item", user_id="crm-1", **ITEM)
    assert why_it_waits(events) == "the address does not answer as collect does (405)"
    with pytest.raises(NotSent):
        events.close(0)


def test_when_nobody_answers_closing_says_what_was_left() -> None:
    events = Events(f"http://127.0.0.1:{free_port()}", jitter=at_once)
    ids = [events.track("view_item", user_id="crm-1", **ITEM) for _ in range(3)]
    with pytest.raises(NotSent) as caught:
        events.close(timeout_s=0)
    assert [(event.event_id, event.code) for event in caught.value.unsent] == [
        (each, "waiting") for each in ids
    ]
    with pytest.raises(RuntimeError, match="closed"):
        events.track("view_item")


def test_waits_twice_as_long_each_time_and_begins_anew_after_a_success() -> None:
    asked: list[float] = []
    gate = Gate(*[Later()] * 9, Answered([]), Later())
    gate.let_through(100)

    def jitter(most: float) -> float:
        asked.append(most)
        return 0.0

    events = Events("http://unused", deliver=gate, jitter=jitter)
    for _ in range(2):
        events.track("search")
        assert events.flush() == []
    events.close()
    assert asked == [0.5, 1, 2, 4, 8, 16, 32, 60, 60, 0.5]


def test_waits_as_long_as_the_server_asks_for() -> None:
    gate = Gate(Later(after_s=3600))
    gate.let_through(100)
    events = Events("http://unused", deliver=gate, jitter=at_once)
    events.track("search")
    gate.wait_for(1)
    assert [event.code for event in events.flush(0.2)] == ["waiting"]
    with pytest.raises(NotSent):
        events.close(0)
    assert len(gate.batches) == 1


def test_no_wait_that_a_server_asks_for_and_no_error_is_the_end(caplog: pytest.LogCaptureFixture) -> None:
    rests: list[float] = []

    class Impatient(Events):
        def _rest(self, least_s: float, own_s: float) -> None:
            rests.append(max(least_s, own_s))

    outcomes: list[Answered | Later | Exception] = [Later(float("inf")), Later(1e11), UnicodeError("crm-1")]

    def deliver(batch: Sequence[Queued]) -> Answered | Later:
        outcome = outcomes.pop(0) if outcomes else Answered([])
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    events = Impatient("http://unused", deliver=deliver, jitter=at_once)
    events.track("search", user_id="crm-1")
    assert events.flush() == []
    events.close()
    assert rests == [3600.0, 3600.0, 0.0]
    assert max(rests) <= threading.TIMEOUT_MAX
    assert "sending 1 events failed: UnicodeError" in caplog.text
    assert "crm-1" not in caplog.text


def test_a_full_queue_says_so_at_once() -> None:
    gate = Gate()
    events = Events("http://unused", max_queue=2, deliver=gate)
    events.track("search")
    events.track("search")
    with pytest.raises(QueueFull):
        events.track("search")
    gate.let_through(100)
    assert events.flush() == []
    events.track("search")
    events.close()


def test_what_nobody_has_looked_at_fills_the_queue_too() -> None:
    refused = [Unsent("a", "missing_items", "", b"{}")]
    gate = Gate(Answered(refused))
    events = Events("http://unused", max_queue=2, deliver=gate)
    events.track("search", event_id="a")
    gate.wait_for(1)
    gate.let_through(1)
    events.track("search", event_id="b")
    gate.wait_for(2)  # so the first batch is dealt with
    with pytest.raises(QueueFull):
        events.track("search")
    gate.let_through(100)
    assert events.flush() == refused
    events.track("search")
    events.close()


def test_a_batch_keeps_within_what_collect_takes() -> None:
    gate = Gate()
    events = Events("http://unused", deliver=gate)
    ids = [events.track("search", note="x" * 60_000) for _ in range(10)]
    ids += [events.track("search") for _ in range(250)]
    gate.let_through(100)
    events.close()
    assert [each for batch in gate.batches for each in batch] == ids
    assert max(len(batch) for batch in gate.batches) == 100
    assert len(gate.batches[0]) <= 6


def test_what_json_cannot_say_is_the_callers_to_know(served: Served) -> None:
    with Events(served.url) as events, pytest.raises(TypeError):
        events.track("search", note=object())


@pytest.mark.parametrize("endpoint", ["", "events.shop.example", "ftp://shop.example", "https://"])
def test_an_address_that_is_none_is_refused(endpoint: str) -> None:
    with pytest.raises(ValueError, match="endpoint"):
        Events(endpoint)


def test_the_end_of_the_process_sends_what_is_left(served: Served) -> None:
    code = f"""
from evermail.client import Events
Events({served.url!r}).track("search", user_id="crm-1")
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
    assert len(served.pubsub.events) == 1


def test_the_end_of_the_process_tells_what_did_not_arrive() -> None:
    code = f"""
from evermail.client import Events, events
events.AT_EXIT_S = 0
Events("http://127.0.0.1:{free_port()}").track("search", user_id="somebody")
"""
    done = subprocess.run(
        [sys.executable, "-c", code], check=True, timeout=60, capture_output=True, text=True
    )
    assert "1 events had not arrived at collect" in done.stderr
    assert "somebody" not in done.stderr


@pytest.mark.parametrize(
    ("header", "least"),
    [
        ("5", 5.0),
        ("9" * 400, 3600.0),
        ("Fri, 31 Dec 2100 23:59:59 GMT", 1e6),
        ("Fri, 31 Dec 99999999999999999999 23:59:59 GMT", 0.0),
        ("soon", 0.0),
        (None, 0.0),
    ],
)
def test_how_long_a_server_asks_to_wait(header: str | None, least: float) -> None:
    from evermail.client.delivery import _seconds

    assert _seconds(header) >= least
    assert least or _seconds(header) == 0.0


def test_needs_no_part_of_the_server() -> None:
    code = "import evermail.client, sys; print(*{'flask', 'apache_beam', 'grpc'}.intersection(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code], check=True, timeout=60, capture_output=True, text=True
    )
    assert done.stdout.split() == []
