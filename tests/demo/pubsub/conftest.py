"""The real client library, on the embedded Pub/Sub and on Google's emulator: what one does the other must."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from google.cloud import pubsub_v1
from google.pubsub_v1 import PublisherClient, types

from demo.pubsub import EmbeddedPubSub

PROJECT = "contract"


class Client:
    """Both clients on one endpoint, with a topic and a subscription of their own."""

    def __init__(self) -> None:
        self.publisher, self.subscriber = pubsub_v1.PublisherClient(), pubsub_v1.SubscriberClient()
        name = f"t{uuid.uuid4().hex}"
        self.topic = self.publisher.topic_path(PROJECT, name)
        self.sub = self.subscriber.subscription_path(PROJECT, name)
        self.publisher.create_topic(name=self.topic)
        self.subscriber.create_subscription(name=self.sub, topic=self.topic)

    def publish(self, *bodies: bytes, **attributes: str) -> list[str]:
        futures = [self.publisher.publish(self.topic, body, **attributes) for body in bodies]
        return [future.result(30) for future in futures]

    def send(self, *messages: types.PubsubMessage, topic: str | None = None) -> Any:
        """One publish request as it is, without the client's batching, checks and retries."""
        return PublisherClient.publish(
            self.publisher, topic=self.topic if topic is None else topic, messages=messages, retry=None
        )

    def pull(self, count: int = 1000, sub: str | None = None) -> list[types.ReceivedMessage]:
        """Up to `count` messages, waiting for the first."""
        for _ in range(10):
            response = self.subscriber.pull(subscription=sub or self.sub, max_messages=count, timeout=10)
            if response.received_messages:
                return list(response.received_messages)
        raise AssertionError("no message came")

    def pull_all(self, count: int) -> list[types.ReceivedMessage]:
        received: list[types.ReceivedMessage] = []
        while len(received) < count:
            received += self.pull(count - len(received))
        return received

    def is_empty(self) -> bool:
        """Nothing is there to be had now."""
        request = {"subscription": self.sub, "max_messages": 1, "return_immediately": True}
        return not self.subscriber.pull(request=request).received_messages

    def ack(self, received: list[types.ReceivedMessage]) -> None:
        self.subscriber.acknowledge(subscription=self.sub, ack_ids=[r.ack_id for r in received])

    def set_deadline(self, received: list[types.ReceivedMessage], seconds: int) -> None:
        self.subscriber.modify_ack_deadline(
            subscription=self.sub, ack_ids=[r.ack_id for r in received], ack_deadline_seconds=seconds
        )


@pytest.fixture(scope="module")
def embedded() -> Iterator[str]:
    with EmbeddedPubSub() as pubsub:
        yield pubsub.endpoint


@pytest.fixture(params=["embedded", "emulator"])
def client(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    fixture = "embedded" if request.param == "embedded" else "pubsub_emulator_endpoint"
    monkeypatch.setenv("PUBSUB_EMULATOR_HOST", request.getfixturevalue(fixture))
    client = Client()
    yield client
    client.publisher.stop()
    client.subscriber.close()
