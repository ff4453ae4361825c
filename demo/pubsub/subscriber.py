"""The Subscriber service: subscriptions, pull, acknowledge. Streams are in `streaming`."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from google.pubsub_v1 import types

from demo.pubsub import names, wire
from demo.pubsub.broker import Broker
from demo.pubsub.errors import Full, Invalid, Unsupported
from demo.pubsub.streaming import Stream
from evermail.clock import SECOND

MAX_PULL_WAIT_S = 30.0
"""How long a pull without a deadline, or with a distant one, waits for a message."""

_LIST_SUBSCRIPTIONS_RESPONSE: Any = types.ListSubscriptionsResponse.pb()

REQUESTS: dict[str, Any] = {
    "CreateSubscription": types.Subscription.pb(),
    "GetSubscription": types.GetSubscriptionRequest.pb(),
    "UpdateSubscription": types.UpdateSubscriptionRequest.pb(),
    "ListSubscriptions": types.ListSubscriptionsRequest.pb(),
    "DeleteSubscription": types.DeleteSubscriptionRequest.pb(),
    "Pull": types.PullRequest.pb(),
    "Acknowledge": types.AcknowledgeRequest.pb(),
    "ModifyAckDeadline": types.ModifyAckDeadlineRequest.pb(),
    "StreamingPull": types.StreamingPullRequest.pb(),
}
"""The methods served, each with the class of its request."""


class Subscriber:
    """One method per RPC, named as in the protocol."""

    def __init__(self, broker: Broker, max_waiting: int) -> None:
        """`max_waiting` bounds the pulls and streams open at a time: each keeps a thread."""
        self._broker = broker
        self._max_waiting = max_waiting
        self._free = threading.BoundedSemaphore(max_waiting)

    def CreateSubscription(self, request: Any, context: Any) -> Any:
        wire.refuse_other_fields(request, wire.SUBSCRIPTION_FIELDS)
        return wire.subscription_pb(
            self._broker.create_subscription(
                request.name, request.topic, request.ack_deadline_seconds, request.labels
            )
        )

    def GetSubscription(self, request: Any, context: Any) -> Any:
        return wire.subscription_pb(self._broker.subscription(request.subscription))

    def UpdateSubscription(self, request: Any, context: Any) -> Any:
        """Changes the ack deadline and the labels."""
        paths, new = set(request.update_mask.paths), request.subscription
        if not paths:
            raise Invalid("update_mask must name the fields to change")
        for path in paths - {"ack_deadline_seconds", "labels"}:
            if path in ("name", "topic") or path not in wire.SUBSCRIPTION.DESCRIPTOR.fields_by_name:
                raise Invalid(f"{path!r} is not a field of a subscription that can be changed")
            raise Unsupported(f"the embedded Pub/Sub does not support {path}")
        return wire.subscription_pb(
            self._broker.update_subscription(
                new.name,
                ack_deadline_s=new.ack_deadline_seconds if "ack_deadline_seconds" in paths else None,
                labels=new.labels if "labels" in paths else None,
            )
        )

    def ListSubscriptions(self, request: Any, context: Any) -> Any:
        found = {s.name: s for s in self._broker.subscriptions(request.project)}
        listed, token = names.page(found, request.page_size, request.page_token)
        response = _LIST_SUBSCRIPTIONS_RESPONSE(next_page_token=token)
        response.subscriptions.extend(wire.subscription_pb(found[name]) for name in listed)
        return response

    def DeleteSubscription(self, request: Any, context: Any) -> Any:
        self._broker.delete_subscription(request.subscription)
        return wire.EMPTY

    def Pull(self, request: Any, context: Any) -> Any:
        """Answers at once when there is a message, else empty a little before the caller gives up."""
        wait_s = 0.0 if request.return_immediately else _patience(context.time_remaining())
        if not context.add_callback(lambda: self._broker.wake(request.subscription)):
            wait_s = 0.0
        with self._a_waiting_place():
            deliveries = self._broker.pull(
                request.subscription,
                request.max_messages,
                wait_us=int(wait_s * SECOND),
                still_wanted=context.is_active,
            )
        response = wire.PULL_RESPONSE()
        wire.add_deliveries(response.received_messages, deliveries)
        return response

    def Acknowledge(self, request: Any, context: Any) -> Any:
        if not request.ack_ids:
            raise Invalid("no ack ids given")
        self._broker.acknowledge(request.subscription, request.ack_ids)
        return wire.EMPTY

    def ModifyAckDeadline(self, request: Any, context: Any) -> Any:
        if not request.ack_ids:
            raise Invalid("no ack ids given")
        self._broker.modify_ack_deadline(request.subscription, request.ack_ids, request.ack_deadline_seconds)
        return wire.EMPTY

    def StreamingPull(self, requests: Iterator[Any], context: Any) -> Iterator[Any]:
        with self._a_waiting_place():
            yield from Stream(self._broker, requests, context).responses()

    @contextmanager
    def _a_waiting_place(self) -> Iterator[None]:
        """Keeps threads free for publishing and acknowledging, however many subscribers wait."""
        if not self._free.acquire(blocking=False):
            raise Full(f"{self._max_waiting} pulls and streams are open, the embedded Pub/Sub serves no more")
        try:
            yield
        finally:
            self._free.release()


def _patience(remaining_s: float | None) -> float:
    """How long to wait for a caller with so much time left, and still answer in time on a busy machine."""
    if remaining_s is None:
        return MAX_PULL_WAIT_S
    margin_s = min(max(0.1, remaining_s / 5), 1.0)
    return min(max(0.0, remaining_s - margin_s), MAX_PULL_WAIT_S)
