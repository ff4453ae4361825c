"""What cannot be is refused with the code that real Pub/Sub gives, by both servers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from google.api_core import exceptions
from google.protobuf.field_mask_pb2 import FieldMask
from google.pubsub_v1 import types

MISSING_TOPIC = "projects/contract/topics/missing"
MISSING_SUB = "projects/contract/subscriptions/missing"
MESSAGE = types.PubsubMessage(data=b"x")

REFUSED: dict[str, tuple[type[Exception], Callable[[Any], Any]]] = {
    "topic exists": (exceptions.AlreadyExists, lambda c: c.publisher.create_topic(name=c.topic)),
    "subscription exists": (
        exceptions.AlreadyExists,
        lambda c: c.subscriber.create_subscription(name=c.sub, topic=c.topic),
    ),
    "no such topic": (exceptions.NotFound, lambda c: c.publisher.get_topic(topic=MISSING_TOPIC)),
    "delete no topic": (exceptions.NotFound, lambda c: c.publisher.delete_topic(topic=MISSING_TOPIC)),
    "publish to no topic": (exceptions.NotFound, lambda c: c.send(MESSAGE, topic=MISSING_TOPIC)),
    "subscribe to no topic": (
        exceptions.NotFound,
        lambda c: c.subscriber.create_subscription(name=MISSING_SUB, topic=MISSING_TOPIC),
    ),
    "pull from nothing": (
        exceptions.NotFound,
        lambda c: c.subscriber.pull(subscription=MISSING_SUB, max_messages=1),
    ),
    "acknowledge to nothing": (
        exceptions.NotFound,
        lambda c: c.subscriber.acknowledge(subscription=MISSING_SUB, ack_ids=["1"]),
    ),
    "stream from nothing": (
        exceptions.NotFound,
        lambda c: c.subscriber.subscribe(MISSING_SUB, lambda message: None).result(30),
    ),
    "bad topic name": (exceptions.InvalidArgument, lambda c: c.publisher.create_topic(name="events")),
    "empty message": (exceptions.InvalidArgument, lambda c: c.send(types.PubsubMessage(ordering_key="k"))),
    "no message": (exceptions.InvalidArgument, lambda c: c.send()),
    "too many messages": (exceptions.InvalidArgument, lambda c: c.send(*[MESSAGE] * 1001)),
    "pull of none": (
        exceptions.InvalidArgument,
        lambda c: c.subscriber.pull(subscription=c.sub, max_messages=0),
    ),
    "bad ack id": (
        exceptions.InvalidArgument,
        lambda c: c.subscriber.acknowledge(subscription=c.sub, ack_ids=["nonsense"]),
    ),
    "no ack id": (
        exceptions.InvalidArgument,
        lambda c: c.subscriber.acknowledge(subscription=c.sub, ack_ids=[]),
    ),
    "negative deadline": (
        exceptions.InvalidArgument,
        lambda c: c.subscriber.modify_ack_deadline(
            subscription=c.sub, ack_ids=["1"], ack_deadline_seconds=-1
        ),
    ),
    "ack deadline too long": (
        exceptions.InvalidArgument,
        lambda c: c.subscriber.create_subscription(
            request={"name": c.sub + "-2", "topic": c.topic, "ack_deadline_seconds": 601}
        ),
    ),
    "update of nothing": (
        exceptions.InvalidArgument,
        lambda c: c.subscriber.update_subscription(
            subscription=types.Subscription(name=c.sub), update_mask=FieldMask()
        ),
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_is_refused_with_its_code(client: Any, case: str) -> None:
    error, call = REFUSED[case]
    with pytest.raises(error):
        call(client)
