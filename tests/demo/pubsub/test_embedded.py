"""What only the embedded Pub/Sub promises: its limits, its refusals, its clock, its end."""

from __future__ import annotations

import itertools
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from google.api_core import exceptions
from google.cloud import pubsub_v1
from google.pubsub_v1 import PublisherClient, SubscriberClient, types

from demo.processes import PortBusy
from demo.pubsub import Backlog, Broker, EmbeddedPubSub, Limits
from demo.pubsub.messages import Delivery, Message
from demo.pubsub.server import MAX_WAITING
from evermail.clock import SECOND, now_us

TOPIC = "projects/p/topics/events"
SUB = "projects/p/subscriptions/job"


class ShiftedClock:
    """The real clock, and at once as much later as a test needs."""

    def __init__(self) -> None:
        self.ahead_s = 0

    def __call__(self) -> int:
        return now_us() + self.ahead_s * SECOND


@pytest.fixture
def clock() -> ShiftedClock:
    return ShiftedClock()


@pytest.fixture
def pubsub(clock: ShiftedClock, monkeypatch: pytest.MonkeyPatch) -> Iterator[EmbeddedPubSub]:
    broker = Broker(clock=clock, limits=Limits(messages=100))
    broker.create_topic(TOPIC)
    broker.create_subscription(SUB, TOPIC)
    with EmbeddedPubSub(broker=broker) as pubsub:
        monkeypatch.setenv("PUBSUB_EMULATOR_HOST", pubsub.endpoint)
        yield pubsub


@pytest.fixture
def subscriber(pubsub: EmbeddedPubSub) -> Iterator[Any]:
    with pubsub_v1.SubscriberClient() as subscriber:
        yield subscriber


def _publish(pubsub: EmbeddedPubSub, count: int) -> None:
    pubsub.broker.publish(TOPIC, [Message(b"x")] * count)


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("filter", 'attributes.kind = "a"'),
        ("push_config", {"push_endpoint": "https://example.com"}),
        ("enable_message_ordering", True),
        ("enable_exactly_once_delivery", True),
        ("dead_letter_policy", {"max_delivery_attempts": 5}),
        ("retry_policy", {"minimum_backoff": {"seconds": 1}}),
        ("message_retention_duration", {"seconds": 600}),
        ("retain_acked_messages", True),
    ],
)
def test_what_is_not_supported_is_refused_by_name(subscriber: Any, setting: str, value: Any) -> None:
    request = {"name": SUB + "-2", "topic": TOPIC, setting: value}
    with pytest.raises(exceptions.MethodNotImplemented, match=setting):
        subscriber.create_subscription(request=request)


def test_settings_that_ask_for_nothing_are_fine(subscriber: Any) -> None:
    request = {"name": SUB + "-2", "topic": TOPIC, "push_config": {}, "labels": {"team": "crm"}}
    created = subscriber.create_subscription(request=request)
    assert dict(created.labels) == {"team": "crm"}


def test_a_method_not_served_says_so(subscriber: Any) -> None:
    with pytest.raises(exceptions.MethodNotImplemented, match="CreateSnapshot"):
        subscriber.create_snapshot(name="projects/p/snapshots/one", subscription=SUB)


def test_an_oversize_publish_is_refused_and_one_of_the_largest_size_is_not(pubsub: EmbeddedPubSub) -> None:
    publisher = pubsub_v1.PublisherClient()

    def send(size: int) -> Any:
        messages = [types.PubsubMessage(data=b"x" * size)]
        return PublisherClient.publish(publisher, topic=TOPIC, messages=messages)

    with pytest.raises(exceptions.InvalidArgument, match="10000000"):
        send(10_000_001)
    assert len(send(9_999_900).message_ids) == 1


def test_a_full_subscription_holds_the_publisher_back_until_there_is_room(pubsub: EmbeddedPubSub) -> None:
    _publish(pubsub, 100)
    publisher = pubsub_v1.PublisherClient()
    with pytest.raises(exceptions.ResourceExhausted, match=SUB):
        PublisherClient.publish(publisher, topic=TOPIC, messages=[types.PubsubMessage(data=b"x")], retry=None)
    future = publisher.publish(TOPIC, b"held back")  # the client tries again
    pubsub.broker.acknowledge(SUB, [delivery.ack_id for delivery in pubsub.broker.pull(SUB, 100)])
    assert future.result(30)


PULLS_AND_HANGS = """
import sys, threading
from google.cloud import pubsub_v1
subscriber = pubsub_v1.SubscriberClient()
received = subscriber.pull(subscription=sys.argv[1], max_messages=10).received_messages
print(len(received), flush=True)
threading.Event().wait()
"""

STREAMS_AND_HANGS = """
import sys, threading
from google.cloud import pubsub_v1
arrived = threading.Semaphore(0)
pubsub_v1.SubscriberClient().subscribe(sys.argv[1], lambda message: arrived.release())
for _ in range(10):
    arrived.acquire()
print(10, flush=True)
threading.Event().wait()
"""


@pytest.mark.parametrize("program", [PULLS_AND_HANGS, STREAMS_AND_HANGS], ids=["pull", "streaming pull"])
def test_what_a_killed_client_held_comes_again_after_the_deadline(
    pubsub: EmbeddedPubSub, clock: ShiftedClock, program: str
) -> None:
    _publish(pubsub, 10)
    with subprocess.Popen([sys.executable, "-c", program, SUB], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"10\n"
        os.kill(process.pid, signal.SIGKILL)
    assert pubsub.broker.backlog(SUB) == Backlog(waiting=0, leased=10)
    clock.ahead_s += 600
    assert [delivery.attempt for delivery in pubsub.broker.pull(SUB, 10)] == [2] * 10


def test_the_server_sends_a_stream_no_more_than_it_asked_for(pubsub: EmbeddedPubSub, subscriber: Any) -> None:
    _publish(pubsub, 10)
    requests: queue.Queue[Any] = queue.Queue()
    requests.put(
        types.StreamingPullRequest(
            subscription=SUB, stream_ack_deadline_seconds=10, max_outstanding_messages=3
        )
    )
    stream = subscriber.streaming_pull(requests=iter(requests.get, None))
    deliveries = itertools.chain.from_iterable(response.received_messages for response in stream)
    held = [next(deliveries).ack_id for _ in range(3)]
    assert pubsub.broker.backlog(SUB) == Backlog(waiting=7, leased=3)
    requests.put(types.StreamingPullRequest(ack_ids=held[:2]))
    held += [next(deliveries).ack_id for _ in range(2)]
    assert pubsub.broker.backlog(SUB) == Backlog(waiting=5, leased=3)
    requests.put(None)


@pytest.mark.parametrize(
    "request_",
    [
        {"ack_ids": ["nonsense"]},
        {"stream_ack_deadline_seconds": 9},
        {"modify_deadline_ack_ids": ["1-1-1"], "modify_deadline_seconds": []},
    ],
    ids=str,
)
def test_a_bad_request_ends_its_stream_with_the_reason(subscriber: Any, request_: dict[str, Any]) -> None:
    first = types.StreamingPullRequest(subscription=SUB, stream_ack_deadline_seconds=10)
    requests = iter([first, types.StreamingPullRequest(request_)])
    with pytest.raises(exceptions.InvalidArgument):
        list(subscriber.streaming_pull(requests=requests))


def test_a_stream_whose_client_is_done_ends(subscriber: Any) -> None:
    first = types.StreamingPullRequest(subscription=SUB, stream_ack_deadline_seconds=10)
    assert list(subscriber.streaming_pull(requests=iter([first]))) == []


def test_a_stream_ends_when_its_subscription_is_deleted(subscriber: Any) -> None:
    future = subscriber.subscribe(SUB, lambda message: None)
    subscriber.delete_subscription(subscription=SUB)
    with pytest.raises(exceptions.NotFound):
        future.result(30)


def test_however_many_wait_publishing_goes_on(pubsub: EmbeddedPubSub, subscriber: Any) -> None:
    def pull() -> int:
        try:
            response = SubscriberClient.pull(
                subscriber, subscription=SUB, max_messages=1, timeout=30, retry=None
            )
        except exceptions.ResourceExhausted:
            refused.release()
            return 0
        return len(response.received_messages)

    refused = threading.Semaphore(0)
    with ThreadPoolExecutor(MAX_WAITING + 5) as threads:
        pulls = [threads.submit(pull) for _ in range(MAX_WAITING + 5)]
        for _ in range(5):
            assert refused.acquire(timeout=30)
        publisher = pubsub_v1.PublisherClient()
        for n in range(MAX_WAITING):
            publisher.publish(TOPIC, str(n).encode()).result(30)
        assert sum(result.result(30) for result in pulls) == MAX_WAITING


def test_a_busy_port_is_named(pubsub: EmbeddedPubSub) -> None:
    port = int(pubsub.endpoint.rpartition(":")[2])
    with pytest.raises(PortBusy, match=f"port {port}"):
        EmbeddedPubSub(port=port).start()


def test_stopping_ends_every_call_and_thread_and_frees_the_port(monkeypatch: pytest.MonkeyPatch) -> None:
    class Watched(Broker):
        def pull(self, *args: Any, **options: Any) -> list[Delivery]:
            pulls.release()
            return super().pull(*args, **options)

    pulls = threading.Semaphore(0)
    before = set(threading.enumerate())
    pubsub = EmbeddedPubSub(broker=Watched()).start()
    endpoint = pubsub.endpoint
    monkeypatch.setenv("PUBSUB_EMULATOR_HOST", endpoint)
    pubsub.broker.create_topic(TOPIC)
    pubsub.broker.create_subscription(SUB, TOPIC)
    with pubsub_v1.SubscriberClient() as subscriber, ThreadPoolExecutor() as threads:
        request = types.StreamingPullRequest(subscription=SUB, stream_ack_deadline_seconds=10)
        never: queue.Queue[Any] = queue.Queue()
        stream = subscriber.streaming_pull(requests=itertools.chain([request], iter(never.get, None)))
        waiting: list[Callable[[], Any]] = [
            threads.submit(
                SubscriberClient.pull, subscriber, subscription=SUB, max_messages=1, retry=None
            ).result,
            lambda: next(stream),
        ]
        for _ in waiting:
            assert pulls.acquire(timeout=30)
        pubsub.stop()
        pubsub.stop()
        for result in waiting:
            with pytest.raises(exceptions.ServiceUnavailable):
                result()
        never.put(None)
    for thread in set(threading.enumerate()) - before:
        if thread.name.startswith("pubsub"):
            thread.join(10)
            assert not thread.is_alive()
    assert [t for t in set(threading.enumerate()) - before if not t.daemon] == []
    with EmbeddedPubSub(port=int(endpoint.rpartition(":")[2])) as again:
        assert again.endpoint == endpoint


def test_the_endpoint_exists_only_while_it_runs() -> None:
    pubsub = EmbeddedPubSub()
    with pytest.raises(RuntimeError):
        _ = pubsub.endpoint
    with pubsub, pytest.raises(RuntimeError):
        pubsub.start()
    with pytest.raises(RuntimeError):
        _ = pubsub.endpoint
