"""The broker's rules of delivery, under a clock that moves when told to."""

from __future__ import annotations

import pytest

from demo.pubsub.broker import MAX_PULL_BYTES, Broker
from demo.pubsub.errors import AlreadyExists, Full, Invalid, NotFound
from demo.pubsub.lease_queue import Holder
from demo.pubsub.messages import Delivery, Message
from demo.pubsub.subscription import Backlog, Limits
from evermail.clock import SECOND

TOPIC = "projects/p/topics/events"
SUB = "projects/p/subscriptions/job"
OTHER = "projects/p/subscriptions/archive"


class FakeClock:
    def __init__(self) -> None:
        self.now = 1_000 * SECOND

    def __call__(self) -> int:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += int(seconds * SECOND)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def broker(clock: FakeClock) -> Broker:
    return _broker(clock)


def _broker(clock: FakeClock, limits: Limits | None = None) -> Broker:
    broker = Broker(clock=clock, limits=limits)
    broker.create_topic(TOPIC)
    broker.create_subscription(SUB, TOPIC)
    broker.create_subscription(OTHER, TOPIC)
    return broker


def _publish(broker: Broker, *bodies: bytes) -> list[str]:
    return broker.publish(TOPIC, [Message(body) for body in bodies])


def _bodies(deliveries: list[Delivery]) -> list[bytes]:
    return [delivery.published.message.data for delivery in deliveries]


def _ids(deliveries: list[Delivery]) -> list[str]:
    return [delivery.ack_id for delivery in deliveries]


def test_every_subscription_gets_every_message_in_order(broker: Broker) -> None:
    _publish(broker, b"1", b"2")
    _publish(broker, b"3")
    assert _bodies(broker.pull(SUB, 10)) == [b"1", b"2", b"3"]
    assert _bodies(broker.pull(OTHER, 2)) == [b"1", b"2"]
    assert _bodies(broker.pull(OTHER, 2)) == [b"3"]


def test_a_message_keeps_what_it_was_published_with(broker: Broker, clock: FakeClock) -> None:
    message = Message(b"body", {"event_id": "e1"}, ordering_key="shopper")
    [message_id] = broker.publish(TOPIC, [message])
    [delivery] = broker.pull(SUB, 1)
    assert (delivery.published.message, delivery.published.message_id) == (message, message_id)
    assert delivery.published.publish_time_us == clock.now
    assert delivery.attempt == 1


def test_message_ids_are_unique_even_across_a_restart(clock: FakeClock) -> None:
    first = _publish(_broker(clock), *[b"x"] * 500)
    clock.advance(1)
    second = _publish(_broker(clock), *[b"x"] * 500)
    assert len({*first, *second}) == 1000


def test_a_subscription_sees_nothing_from_before_it(broker: Broker) -> None:
    _publish(broker, b"before")
    broker.create_subscription(SUB + "-late", TOPIC)
    assert broker.pull(SUB + "-late", 1) == []


def test_a_leased_message_stays_with_its_subscriber_until_the_deadline(
    broker: Broker, clock: FakeClock
) -> None:
    _publish(broker, b"1")
    assert len(broker.pull(SUB, 10)) == 1
    clock.advance(9.999)
    assert broker.pull(SUB, 10) == []
    clock.advance(0.001)
    [again] = broker.pull(SUB, 10)
    assert again.attempt == 2


def test_an_acknowledged_message_never_comes_again(broker: Broker, clock: FakeClock) -> None:
    _publish(broker, b"1", b"2")
    one, _two = broker.pull(SUB, 10)
    for _ in range(2):
        broker.acknowledge(SUB, [one.ack_id])
    clock.advance(3600)
    assert _bodies(broker.pull(SUB, 10)) == [b"2"]
    assert _bodies(broker.pull(OTHER, 10)) == [b"1", b"2"]


def test_an_acknowledgement_after_the_deadline_still_counts(broker: Broker, clock: FakeClock) -> None:
    _publish(broker, b"1", b"2")
    first = broker.pull(SUB, 10)
    clock.advance(10)
    assert len(broker.pull(SUB, 1)) == 1  # one is leased again, one is waiting again
    broker.acknowledge(SUB, _ids(first))
    clock.advance(3600)
    assert broker.pull(SUB, 10) == []
    assert broker.backlog(SUB) == Backlog(waiting=0, leased=0)


def test_a_nack_brings_the_message_back_at_once_behind_the_others(broker: Broker) -> None:
    _publish(broker, b"poison", b"fine")
    [poison] = broker.pull(SUB, 1)
    broker.modify_ack_deadline(SUB, [poison.ack_id], 0)
    assert _bodies(broker.pull(SUB, 10)) == [b"fine", b"poison"]


def test_a_lease_can_be_extended_and_shortened(broker: Broker, clock: FakeClock) -> None:
    _publish(broker, b"1")
    [delivery] = broker.pull(SUB, 1)
    broker.modify_ack_deadline(SUB, [delivery.ack_id], 600)
    clock.advance(599)
    assert broker.pull(SUB, 1) == []
    broker.modify_ack_deadline(SUB, [delivery.ack_id], 2)
    clock.advance(2)
    assert len(broker.pull(SUB, 1)) == 1


def test_an_old_delivery_cannot_change_the_lease_of_a_newer_one(broker: Broker, clock: FakeClock) -> None:
    _publish(broker, b"1")
    [old] = broker.pull(SUB, 1)
    clock.advance(10)
    [_new] = broker.pull(SUB, 1)
    broker.modify_ack_deadline(SUB, [old.ack_id], 0)
    assert broker.pull(SUB, 1) == []


def test_a_malformed_ack_id_is_refused_before_any_takes_effect(broker: Broker) -> None:
    _publish(broker, b"1")
    [delivery] = broker.pull(SUB, 1)
    for bad in ("", "x", "1-2", "1-2-3-4", "1--1", "²-1-1"):
        with pytest.raises(Invalid, match="invalid ack id"):
            broker.acknowledge(SUB, [delivery.ack_id, bad])
    assert broker.backlog(SUB) == Backlog(waiting=0, leased=1)


def test_ack_ids_of_another_or_an_earlier_subscription_change_nothing(broker: Broker) -> None:
    _publish(broker, b"1")
    [mine], [other] = broker.pull(SUB, 1), broker.pull(OTHER, 1)
    broker.acknowledge(SUB, [other.ack_id])
    assert broker.backlog(SUB).leased == 1
    broker.delete_subscription(SUB)
    broker.create_subscription(SUB, TOPIC)
    _publish(broker, b"2")
    broker.pull(SUB, 1)
    broker.acknowledge(SUB, [mine.ack_id])
    assert broker.backlog(SUB).leased == 1


def test_one_answer_holds_no_more_bytes_than_a_client_takes_but_at_least_one_message(broker: Broker) -> None:
    _publish(broker, b"x" * (MAX_PULL_BYTES + 1))
    _publish(broker, b"y" * (MAX_PULL_BYTES // 2), b"z" * (MAX_PULL_BYTES // 2), b"last")
    assert [len(broker.pull(SUB, 10)) for _ in range(4)] == [1, 2, 1, 0]


def test_a_stream_holds_no_more_than_it_asked_for(broker: Broker, clock: FakeClock) -> None:
    _publish(broker, *[b"12345"] * 10)
    by_count, by_bytes = Holder(max_messages=3), Holder(max_bytes=9)
    held = broker.pull(SUB, 10, holder=by_count)
    assert len(held) == 3
    assert len(broker.pull(SUB, 10, holder=by_bytes)) == 2
    assert broker.pull(SUB, 10, holder=by_count) == []
    broker.acknowledge(SUB, [held[0].ack_id])
    broker.modify_ack_deadline(SUB, [held[1].ack_id], 0)
    assert len(broker.pull(SUB, 10, holder=by_count)) == 2
    clock.advance(10)
    assert len(broker.pull(SUB, 10, holder=by_count)) == 3
    assert by_bytes.messages == by_bytes.bytes == 0


def test_publishing_is_refused_while_a_subscription_is_full(clock: FakeClock) -> None:
    broker = _broker(clock, Limits(messages=3))
    _publish(broker, b"1", b"2")
    with pytest.raises(Full, match=SUB):
        _publish(broker, b"3", b"4")
    assert broker.backlog(SUB).waiting == broker.backlog(OTHER).waiting == 2, "all or nothing"
    for subscription in (SUB, OTHER):
        broker.acknowledge(subscription, _ids(broker.pull(subscription, 10)))
    _publish(broker, b"3", b"4")


def test_the_bytes_held_are_bounded_too_but_never_below_one_publish(clock: FakeClock) -> None:
    broker = _broker(clock, Limits(bytes=100))
    _publish(broker, b"x" * 500)
    with pytest.raises(Full, match="500 bytes"):
        _publish(broker, b"x")


@pytest.mark.parametrize(
    "message",
    [
        Message(),
        Message(ordering_key="only"),
        Message(b"x" * 10_000_001),
        Message(b"x", {"": "empty key"}),
        Message(b"x", {"k" * 257: "long key"}),
        Message(b"x", {"googclient": "reserved"}),
        Message(b"x", {"long": "é" * 513}),
        Message(b"x", {str(n): "" for n in range(101)}),
        Message(b"x", ordering_key="k" * 1025),
    ],
    ids=lambda message: repr(message)[:40],
)
def test_what_pubsub_refuses_is_refused(broker: Broker, message: Message) -> None:
    with pytest.raises(Invalid):
        broker.publish(TOPIC, [Message(b"fine"), message])
    assert broker.backlog(SUB) == Backlog(0, 0)


def test_a_publish_has_one_to_a_thousand_messages(broker: Broker) -> None:
    for count in (0, 1001):
        with pytest.raises(Invalid):
            _publish(broker, *[b"x"] * count)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "projects/p/topics/1st",
        "projects/p/topics/ab",
        "projects/p/topics/googs",
        "projects//topics/abc",
        "projects/p/topics/a b",
        "projects/p/topics/" + "a" * 256,
        "projects/p/subscriptions/abc",
        "projects/p/topics/abc/d",
    ],
)
def test_bad_names_are_refused(broker: Broker, name: str) -> None:
    with pytest.raises(Invalid):
        broker.create_topic(name)
    with pytest.raises(Invalid):
        broker.publish(name, [Message(b"x")])


def test_names_are_taken_once_and_missing_ones_are_named(broker: Broker) -> None:
    missing = "projects/p/topics/missing"
    with pytest.raises(AlreadyExists, match=TOPIC):
        broker.create_topic(TOPIC)
    with pytest.raises(AlreadyExists, match=SUB):
        broker.create_subscription(SUB, TOPIC)
    with pytest.raises(NotFound, match=missing):
        broker.create_subscription("projects/p/subscriptions/new", missing)
    with pytest.raises(NotFound, match=missing):
        broker.publish(missing, [Message(b"x")])
    with pytest.raises(NotFound):
        broker.pull("projects/p/subscriptions/missing", 1)


def test_a_subscription_outlives_its_topic(broker: Broker) -> None:
    _publish(broker, b"1")
    broker.delete_topic(TOPIC)
    broker.create_topic(TOPIC)
    _publish(broker, b"2")
    assert _bodies(broker.pull(SUB, 10)) == [b"1"]
    assert broker.subscription(SUB).topic == "_deleted-topic_"


@pytest.mark.parametrize("seconds", [-1, 9, 601])
def test_ack_deadlines_have_pubsubs_bounds(broker: Broker, seconds: int) -> None:
    with pytest.raises(Invalid, match="10 to 600"):
        broker.update_subscription(SUB, ack_deadline_s=seconds)


def test_many_leases_taken_and_extended_leave_nothing_behind(broker: Broker, clock: FakeClock) -> None:
    for _ in range(100):
        _publish(broker, *[b"x"] * 100)
        deliveries = broker.pull(SUB, 100)
        broker.modify_ack_deadline(SUB, _ids(deliveries), 5)
        broker.modify_ack_deadline(SUB, _ids(deliveries), 60)
        broker.acknowledge(SUB, _ids(deliveries))
    queue = broker.subscription(SUB).queue
    assert len(queue) == queue.bytes == queue.leased == 0
    assert len(queue._expiries) <= 1100
    clock.advance(60)
    assert broker.pull(SUB, 1) == []
    assert not queue._expiries
