"""The Publisher service: topics and publishing."""

from __future__ import annotations

from typing import Any

from google.pubsub_v1 import types

from demo.pubsub import names, wire
from demo.pubsub.broker import Broker
from demo.pubsub.errors import Invalid
from demo.pubsub.messages import MAX_BYTES

_PUBLISH_RESPONSE: Any = types.PublishResponse.pb()
_LIST_TOPICS_RESPONSE: Any = types.ListTopicsResponse.pb()
_LIST_TOPIC_SUBSCRIPTIONS_RESPONSE: Any = types.ListTopicSubscriptionsResponse.pb()

REQUESTS: dict[str, Any] = {
    "CreateTopic": types.Topic.pb(),
    "GetTopic": types.GetTopicRequest.pb(),
    "ListTopics": types.ListTopicsRequest.pb(),
    "DeleteTopic": types.DeleteTopicRequest.pb(),
    "ListTopicSubscriptions": types.ListTopicSubscriptionsRequest.pb(),
    "Publish": types.PublishRequest.pb(),
}
"""The methods served, each with the class of its request."""


class Publisher:
    """One method per RPC, named as in the protocol."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker

    def CreateTopic(self, request: Any, context: Any) -> Any:
        wire.refuse_other_fields(request, wire.TOPIC_FIELDS)
        self._broker.create_topic(request.name, request.labels)
        return wire.topic_pb(request.name, request.labels)

    def GetTopic(self, request: Any, context: Any) -> Any:
        return wire.topic_pb(request.topic, self._broker.topic_labels(request.topic))

    def ListTopics(self, request: Any, context: Any) -> Any:
        topics = self._broker.topics(request.project)
        listed, token = names.page(topics, request.page_size, request.page_token)
        response = _LIST_TOPICS_RESPONSE(next_page_token=token)
        response.topics.extend(wire.topic_pb(name, self._broker.topic_labels(name)) for name in listed)
        return response

    def DeleteTopic(self, request: Any, context: Any) -> Any:
        self._broker.delete_topic(request.topic)
        return wire.EMPTY

    def ListTopicSubscriptions(self, request: Any, context: Any) -> Any:
        subscriptions = self._broker.topic_subscriptions(request.topic)
        listed, token = names.page(subscriptions, request.page_size, request.page_token)
        return _LIST_TOPIC_SUBSCRIPTIONS_RESPONSE(subscriptions=listed, next_page_token=token)

    def Publish(self, request: Any, context: Any) -> Any:
        size = request.ByteSize()
        if size > MAX_BYTES:
            raise Invalid(f"a publish request of {size} bytes is over the limit of {MAX_BYTES}")
        messages = [wire.message(pb) for pb in request.messages]
        return _PUBLISH_RESPONSE(message_ids=self._broker.publish(request.topic, messages))
