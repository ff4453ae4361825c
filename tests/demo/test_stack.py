"""The topics of the demo: what they keep, and for whom."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from google.api_core.exceptions import ResourceExhausted
from google.cloud import pubsub_v1
from google.pubsub_v1 import PublisherClient, types

from demo import stack
from demo.pubsub import Broker, EmbeddedPubSub, Limits

Clients = tuple[pubsub_v1.PublisherClient, pubsub_v1.SubscriberClient]


@pytest.fixture
def broker() -> Broker:
    return Broker(limits=Limits(messages=3))


@pytest.fixture
def clients(broker: Broker, monkeypatch: pytest.MonkeyPatch) -> Iterator[Clients]:
    """Clients of an embedded Pub/Sub in which a subscription holds three messages."""
    with EmbeddedPubSub(broker=broker) as pubsub:
        monkeypatch.setenv("PUBSUB_EMULATOR_HOST", pubsub.endpoint)
        publisher, subscriber = pubsub_v1.PublisherClient(), pubsub_v1.SubscriberClient()
        yield publisher, subscriber
        publisher.stop()
        subscriber.close()


def publish(clients: Clients, topic: str) -> None:
    """One message, without the client's own retries."""
    PublisherClient.publish(clients[0], topic=topic, messages=[types.PubsubMessage(data=b"x")], retry=None)


def test_dead_letters_that_nobody_reads_never_hold_up_the_job(clients: Clients) -> None:
    stack._create_topics(*clients, keep_dead_letters=False)
    for _ in range(10):
        publish(clients, stack.DEAD_LETTERS)
    for _ in range(3):
        publish(clients, stack.EVENTS)
    with pytest.raises(ResourceExhausted, match="events-job"):
        publish(clients, stack.EVENTS)


def test_dead_letters_wait_for_whoever_asked_for_them(clients: Clients, broker: Broker) -> None:
    stack._create_topics(*clients, keep_dead_letters=True)
    publish(clients, stack.DEAD_LETTERS)
    assert broker.backlog(stack.DEAD_LETTER_SUBSCRIPTION).waiting == 1
    assert broker.backlog(stack.JOB_SUBSCRIPTION).waiting == 0
