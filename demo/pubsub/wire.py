"""Between the protocol's messages and the broker's.

Works on the raw protobuf classes under google.pubsub_v1: its proto-plus wrappers would cost more
than all the rest of the server.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from google.protobuf import empty_pb2  # type: ignore[import-untyped]
from google.pubsub_v1 import types

from demo.pubsub.errors import Unsupported
from demo.pubsub.messages import Delivery, Message
from demo.pubsub.subscription import Subscription
from evermail.clock import SECOND

EMPTY: Any = empty_pb2.Empty()
TOPIC: Any = types.Topic.pb()
SUBSCRIPTION: Any = types.Subscription.pb()
PULL_RESPONSE: Any = types.PullResponse.pb()
STREAMING_PULL_RESPONSE: Any = types.StreamingPullResponse.pb()

TOPIC_FIELDS = frozenset({"name", "labels", "state"})
SUBSCRIPTION_FIELDS = frozenset({"name", "topic", "ack_deadline_seconds", "labels", "state"})
"""What a request to create may set. `state` is output only, which Pub/Sub ignores too."""


def message(pb: Any) -> Message:
    return Message(data=pb.data, attributes=dict(pb.attributes), ordering_key=pb.ordering_key)


def topic_pb(name: str, labels: Any) -> Any:
    return TOPIC(name=name, labels=labels, state=types.Topic.State.ACTIVE)


def subscription_pb(subscription: Subscription) -> Any:
    return SUBSCRIPTION(
        name=subscription.name,
        topic=subscription.topic,
        ack_deadline_seconds=subscription.ack_deadline_s,
        labels=subscription.labels,
        push_config={},
        state=types.Subscription.State.ACTIVE,
    )


def add_deliveries(received_messages: Any, deliveries: Sequence[Delivery]) -> None:
    """Fills a response. `delivery_attempt` stays 0, as it does wherever there is no dead-letter policy."""
    for delivery in deliveries:
        received = received_messages.add()
        received.ack_id = delivery.ack_id
        pb, published = received.message, delivery.published
        pb.data = published.message.data
        if published.message.attributes:
            pb.attributes.update(published.message.attributes)
        pb.message_id = published.message_id
        pb.publish_time.seconds, micros = divmod(published.publish_time_us, SECOND)
        pb.publish_time.nanos = micros * 1000
        if published.message.ordering_key:
            pb.ordering_key = published.message.ordering_key


def refuse_other_fields(pb: Any, supported: Collection[str]) -> None:
    """Raises `Unsupported` for a field that asks for something not served. Empty messages ask for nothing."""
    for descriptor, value in pb.ListFields():
        empty = descriptor.message_type is not None and not descriptor.is_repeated and not value.ByteSize()
        if descriptor.name not in supported and not empty:
            raise Unsupported(
                f"the embedded Pub/Sub does not support {descriptor.name}: "
                "leave it out, or use Google's emulator"
            )
