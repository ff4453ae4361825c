"""A Pub/Sub with letters in it."""

from __future__ import annotations

from typing import Any

from google.cloud import pubsub_v1
from google.pubsub_v1 import PublisherClient, types

from demo.pubsub import Broker
from evermail.clock import SECOND, now_us
from evermail.dead_letters.letter import Letter, to_json

LETTERS_TOPIC, LETTERS = "projects/p/topics/dead-letters", "projects/p/subscriptions/dead-letters"
EVENTS_TOPIC, EVENTS = "projects/p/topics/events", "projects/p/subscriptions/events"


class PubSub:
    """An embedded Pub/Sub with a topic for letters and one for events, whose clock can be moved on."""

    letters, events_topic = LETTERS, EVENTS_TOPIC

    def __init__(self) -> None:
        self._ahead_us = 0
        self.broker = Broker(clock=lambda: now_us() + self._ahead_us)
        for topic, subscription in ((LETTERS_TOPIC, LETTERS), (EVENTS_TOPIC, EVENTS)):
            self.broker.create_topic(topic)
            self.broker.create_subscription(subscription, topic)

    def passes(self, seconds: int) -> None:
        self._ahead_us += seconds * SECOND

    def put(self, *letters: Letter | bytes) -> None:
        """Letters, or what is none, on the topic of letters."""
        data = [letter if isinstance(letter, bytes) else to_json(letter) for letter in letters]
        messages = [types.PubsubMessage(data=one) for one in data]
        PublisherClient.publish(self._publisher, topic=LETTERS_TOPIC, messages=messages, retry=None)

    def there(self, subscription: str = LETTERS) -> list[Any]:
        """The messages that a subscription would give somebody else now; they stay there."""
        received: list[Any] = []
        while True:
            request = {"subscription": subscription, "max_messages": 1000, "return_immediately": True}
            found = self._subscriber.pull(request=request).received_messages
            if not found:
                break
            received += found
        if received:
            self._subscriber.modify_ack_deadline(
                subscription=subscription, ack_ids=[one.ack_id for one in received], ack_deadline_seconds=0
            )
        return [one.message for one in received]

    def published(self) -> list[Any]:
        return self.there(EVENTS)

    def connect(self) -> None:
        self._publisher, self._subscriber = pubsub_v1.PublisherClient(), pubsub_v1.SubscriberClient()

    def close(self) -> None:
        self._publisher.stop()
        self._subscriber.close()
