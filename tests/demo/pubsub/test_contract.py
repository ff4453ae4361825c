"""Publishing, pulling and managing: one contract, kept by the embedded Pub/Sub and by Google's emulator."""

from __future__ import annotations

import itertools
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from google.api_core import exceptions
from google.protobuf.field_mask_pb2 import FieldMask
from google.pubsub_v1 import types

pytestmark = pytest.mark.filterwarnings("ignore:The return_immediately flag")


def test_what_is_published_is_pulled(client: Any) -> None:
    started = datetime.now(UTC)
    ordered = types.PubsubMessage(data=b"2", ordering_key="shopper")
    ids = client.publish(b"1", event_id="e1", event_time="now") + list(client.send(ordered).message_ids)
    received = sorted((r.message for r in client.pull_all(2)), key=lambda message: message.data)
    assert [message.data for message in received] == [b"1", b"2"]
    assert [dict(message.attributes) for message in received] == [{"event_id": "e1", "event_time": "now"}, {}]
    assert [message.ordering_key for message in received] == ["", "shopper"]
    assert [message.message_id for message in received] == ids
    assert all(abs(message.publish_time - started) < timedelta(seconds=30) for message in received)


def test_attributes_alone_make_a_message(client: Any) -> None:
    client.publish(b"", kind="ping")
    [received] = client.pull()
    assert (received.message.data, dict(received.message.attributes)) == (b"", {"kind": "ping"})


def test_bytes_and_unicode_come_back_as_they_were(client: Any) -> None:
    client.publish(bytes(range(256)), name="žluťoučký 🐎")
    [received] = client.pull()
    assert received.message.data == bytes(range(256))
    assert received.message.attributes["name"] == "žluťoučký 🐎"


def test_every_message_has_an_id_of_its_own_and_reaches_every_subscription(client: Any) -> None:
    other = client.sub + "-2"
    client.subscriber.create_subscription(name=other, topic=client.topic)
    ids = client.publish(*[b"x"] * 300)
    assert len(set(ids)) == 300
    for sub in (client.sub, other):
        seen: set[str] = set()
        while len(seen) < 300:
            seen.update(r.message.message_id for r in client.pull(sub=sub))
        assert seen == set(ids)


def test_a_pull_waits_for_a_message(client: Any) -> None:
    with ThreadPoolExecutor() as threads:
        pull = threads.submit(client.pull)
        client.publish(b"late")
        assert [r.message.data for r in pull.result(60)] == [b"late"]


def test_a_pull_that_waits_in_vain_answers_empty_before_its_deadline(client: Any) -> None:
    response = client.subscriber.pull(subscription=client.sub, max_messages=1, timeout=1.5)
    assert not response.received_messages
    assert client.is_empty()


def test_acknowledged_messages_are_gone_the_others_come_again(client: Any) -> None:
    client.publish(b"1", b"2", b"3")
    received = client.pull_all(3)
    client.ack(received[:2])
    client.set_deadline(received, 0)
    assert [r.message for r in client.pull()] == [received[2].message]
    assert client.is_empty()


def test_a_message_comes_again_when_its_deadline_has_passed(client: Any) -> None:
    client.publish(b"1")
    [received] = client.pull()
    assert client.is_empty()
    client.set_deadline([received], 1)
    [again] = client.pull()
    assert again.message == received.message
    assert again.ack_id != received.ack_id


def test_a_subscription_and_a_topic_tell_what_they_are(client: Any) -> None:
    sub = client.subscriber.get_subscription(subscription=client.sub)
    assert (sub.name, sub.topic, sub.ack_deadline_seconds) == (client.sub, client.topic, 10)
    assert client.publisher.get_topic(topic=client.topic).name == client.topic
    project = client.topic.split("/topics/")[0]
    assert client.topic in [topic.name for topic in client.publisher.list_topics(project=project)]
    assert client.sub in [sub.name for sub in client.subscriber.list_subscriptions(project=project)]
    assert list(client.publisher.list_topic_subscriptions(topic=client.topic)) == [client.sub]


def test_lists_come_in_pages(client: Any) -> None:
    created = {f"{client.sub}-{n}" for n in range(5)}
    for name in created:
        client.subscriber.create_subscription(name=name, topic=client.topic)
    pager = client.publisher.list_topic_subscriptions(request={"topic": client.topic, "page_size": 2})
    pages = [list(page.subscriptions) for page in pager.pages]
    assert all(len(page) <= 2 for page in pages)
    assert sorted(itertools.chain.from_iterable(pages)) == sorted({client.sub, *created})


def test_the_ack_deadline_can_be_changed(client: Any) -> None:
    changed = types.Subscription(name=client.sub, ack_deadline_seconds=33)
    mask = FieldMask(paths=["ack_deadline_seconds"])
    client.subscriber.update_subscription(subscription=changed, update_mask=mask)
    assert client.subscriber.get_subscription(subscription=client.sub).ack_deadline_seconds == 33


def test_a_subscription_outlives_its_topic_and_then_goes_too(client: Any) -> None:
    client.publish(b"1")
    client.publisher.delete_topic(topic=client.topic)
    assert client.subscriber.get_subscription(subscription=client.sub).topic == "_deleted-topic_"
    client.subscriber.delete_subscription(subscription=client.sub)
    with pytest.raises(exceptions.NotFound):
        client.subscriber.get_subscription(subscription=client.sub)
