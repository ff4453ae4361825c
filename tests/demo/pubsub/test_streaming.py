"""Streaming pull: one contract, kept by the embedded Pub/Sub and by Google's emulator."""

from __future__ import annotations

import itertools
import queue
import threading
from typing import Any

import pytest
from google.cloud import pubsub_v1
from google.pubsub_v1 import types

pytestmark = pytest.mark.filterwarnings("ignore:The return_immediately flag")


def test_it_delivers_all_and_acknowledges(client: Any) -> None:
    seen: queue.Queue[str] = queue.Queue()

    def callback(message: Any) -> None:
        message.ack()
        seen.put(message.message_id)

    ids = client.publish(*[b"x"] * 500)
    future = client.subscriber.subscribe(client.sub, callback, await_callbacks_on_shutdown=True)
    ids += client.publish(b"while streaming")
    assert sorted(seen.get(timeout=30) for _ in ids) == sorted(ids)
    future.cancel()
    future.result(30)
    assert seen.empty()
    assert client.is_empty()


def test_streaming_pull_keeps_within_the_clients_flow_control(client: Any) -> None:
    client.publish(*[str(n).encode() for n in range(20)])
    started: queue.Queue[Any] = queue.Queue()
    future = client.subscriber.subscribe(
        client.sub, started.put, flow_control=pubsub_v1.types.FlowControl(max_messages=4)
    )
    held = [started.get(timeout=30) for _ in range(4)]
    assert started.empty()
    seen = {message.message_id for message in held}
    while len(seen) < 20:
        held.pop().ack()
        message = started.get(timeout=30)
        assert message.message_id not in seen
        seen.add(message.message_id)
        held.append(message)
    for message in held:
        message.ack()
    future.cancel()
    future.result(30)


def test_a_nack_in_a_callback_brings_the_message_back(client: Any) -> None:
    first, tries = threading.Event(), queue.Queue[str]()

    def callback(message: Any) -> None:
        if first.is_set():
            message.ack()
        else:
            first.set()
            message.nack()
        tries.put(message.message_id)

    [message_id] = client.publish(b"1")
    future = client.subscriber.subscribe(client.sub, callback)
    assert [tries.get(timeout=30), tries.get(timeout=30)] == [message_id] * 2
    future.cancel()
    future.result(30)


def test_acknowledgements_and_deadlines_travel_on_the_stream(client: Any) -> None:
    client.publish(b"1")
    requests: queue.Queue[Any] = queue.Queue()
    requests.put(types.StreamingPullRequest(subscription=client.sub, stream_ack_deadline_seconds=30))
    stream = client.subscriber.streaming_pull(requests=iter(requests.get, None))
    deliveries = itertools.chain.from_iterable(response.received_messages for response in stream)
    first = next(deliveries)
    requests.put(types.StreamingPullRequest())  # a heartbeat
    requests.put(
        types.StreamingPullRequest(modify_deadline_ack_ids=[first.ack_id], modify_deadline_seconds=[0])
    )
    second = next(deliveries)
    assert second.message == first.message
    requests.put(types.StreamingPullRequest(ack_ids=[second.ack_id]))
    client.publish(b"2")
    assert next(deliveries).message.data == b"2"
    requests.put(None)
    stream.cancel()
    assert client.is_empty()
