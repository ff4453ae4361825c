"""A pull with nothing to take sleeps, and wakes for what it waits for. On the real clock."""

from __future__ import annotations

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from demo.pubsub.broker import Broker
from demo.pubsub.errors import Closed, NotFound
from demo.pubsub.lease_queue import Holder
from demo.pubsub.messages import Delivery, Message
from evermail.clock import SECOND, now_us

TOPIC = "projects/p/topics/events"
SUB = "projects/p/subscriptions/job"


def _publish(broker: Broker, *bodies: bytes) -> list[str]:
    return broker.publish(TOPIC, [Message(body) for body in bodies])


def _bodies(deliveries: list[Delivery]) -> list[bytes]:
    return [delivery.published.message.data for delivery in deliveries]


def _ids(deliveries: list[Delivery]) -> list[str]:
    return [delivery.ack_id for delivery in deliveries]


@pytest.fixture
def waiting() -> Broker:
    broker = Broker()
    broker.create_topic(TOPIC)
    broker.create_subscription(SUB, TOPIC)
    return broker


def test_a_waiting_pull_wakes_for_a_message(waiting: Broker) -> None:
    with ThreadPoolExecutor() as threads:
        pull = threads.submit(waiting.pull, SUB, 1, wait_us=60 * SECOND)
        _publish(waiting, b"1")
        assert _bodies(pull.result(10)) == [b"1"]


def test_a_waiting_pull_wakes_for_a_lease_that_ends(waiting: Broker) -> None:
    _publish(waiting, b"1")
    waiting.pull(SUB, 1, lease_us=SECOND // 5)
    [again] = waiting.pull(SUB, 1, wait_us=60 * SECOND)
    assert again.attempt == 2


def test_a_waiting_stream_wakes_when_it_has_room_again(waiting: Broker) -> None:
    holder = Holder(max_messages=1)
    _publish(waiting, b"1", b"2")
    [first] = waiting.pull(SUB, 10, holder=holder)
    with ThreadPoolExecutor() as threads:
        pull = threads.submit(waiting.pull, SUB, 10, wait_us=60 * SECOND, holder=holder)
        waiting.acknowledge(SUB, [first.ack_id])
        assert _bodies(pull.result(10)) == [b"2"]


def test_nothing_is_leased_to_a_caller_who_has_gone(waiting: Broker) -> None:
    gone = threading.Event()
    with ThreadPoolExecutor() as threads:
        pull = threads.submit(
            waiting.pull, SUB, 1, wait_us=60 * SECOND, still_wanted=lambda: not gone.is_set()
        )
        gone.set()
        waiting.wake(SUB)
        assert pull.result(10) == []


def test_deleting_or_closing_ends_the_wait(waiting: Broker) -> None:
    other = "projects/p/subscriptions/other"
    waiting.create_subscription(other, TOPIC)
    with ThreadPoolExecutor() as threads:
        deleted = threads.submit(waiting.pull, SUB, 1, wait_us=60 * SECOND)
        closed = threads.submit(waiting.pull, other, 1, wait_us=60 * SECOND)
        waiting.delete_subscription(SUB)
        with pytest.raises(NotFound):
            deleted.result(10)
        waiting.close()
        with pytest.raises(Closed):
            closed.result(10)


def test_waiting_is_sleeping() -> None:
    looks = Counter[str]()

    def clock() -> int:
        looks["clock"] += 1
        return now_us()

    broker = Broker(clock=clock)
    broker.create_topic(TOPIC)
    broker.create_subscription(SUB, TOPIC)
    _publish(broker, b"held")
    broker.pull(SUB, 1)
    looks.clear()
    assert broker.pull(SUB, 1, wait_us=SECOND // 3) == []
    assert looks["clock"] < 10


def test_many_threads_share_a_subscription_without_loss_or_doubles(waiting: Broker) -> None:
    total, seen, lock = 2000, Counter[bytes](), threading.Lock()

    def subscriber() -> None:
        while sum(seen.values()) < total:
            deliveries = waiting.pull(SUB, 7, wait_us=SECOND // 10)
            with lock:
                seen.update(_bodies(deliveries))
            waiting.acknowledge(SUB, _ids(deliveries))

    with ThreadPoolExecutor() as threads:
        pulls = [threads.submit(subscriber) for _ in range(4)]
        for n in range(0, total, 10):
            threads.submit(_publish, waiting, *[str(n + i).encode() for i in range(10)]).result(10)
        for pull in pulls:
            pull.result(30)
    assert len(seen) == total
    assert set(seen.values()) == {1}
