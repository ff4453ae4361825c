"""The Pub/Sub side of `collect`: confirmations, a bounded wait, and one client for all threads."""

from __future__ import annotations

import base64
import hashlib
import socket
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest

from functions import background
from functions.once import Once
from functions.publisher import MAX_LATE, Message, PubSubPublisher

TOPIC = "projects/p/topics/events"
MESSAGES = [Message(b"{}", event_id, "2026-11-24T03:00:00Z") for event_id in ("e1", "e2", "e3")]


class StubClient:
    """Answers each message as told: True arrives, False fails, None never answers."""

    def __init__(self, answers: dict[str, bool | None]) -> None:
        self.sent: list[tuple[str, bytes, dict[str, str]]] = []
        self._answers = answers

    def publish(self, topic: str, data: bytes, **attributes: str) -> Future[str]:
        self.sent.append((topic, data, attributes))
        future: Future[str] = Future()
        answer = self._answers[attributes["event_id"]]
        if answer is True:
            future.set_result("1")
        elif answer is False:
            future.set_exception(ConnectionError())
        return future


def publisher(client: Any, timeout_s: float = 0.05) -> PubSubPublisher:
    return PubSubPublisher(TOPIC, timeout_s=timeout_s, make_client=lambda timeout: client)


def test_sends_id_time_and_digest_as_attributes() -> None:
    client = StubClient({"e1": True})
    assert publisher(client).publish(MESSAGES[:1]) == [True]
    digest = hashlib.sha256(b"{}").digest()[:16]
    assert client.sent == [
        (
            TOPIC,
            b"{}",
            {
                "event_id": "e1",
                "event_time": "2026-11-24T03:00:00Z",
                "event_digest": base64.urlsafe_b64encode(digest).decode().rstrip("="),
            },
        )
    ]


def test_two_shoppers_with_one_id_are_not_taken_for_copies_at_the_read() -> None:
    client = StubClient({"e1": True})
    publisher(client).publish([Message(b'{"user_id":1}', "e1", ""), Message(b'{"user_id":2}', "e1", "")])
    assert len({attributes["event_digest"] for _, _, attributes in client.sent}) == 2


def test_tells_what_arrived_from_what_failed_or_hangs() -> None:
    client = StubClient({"e1": None, "e2": True, "e3": False})
    assert publisher(client).publish(MESSAGES) == [False, True, False]


def test_a_client_that_cannot_be_made_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(background, "PAUSE_S", 0.0)
    attempts: list[Exception | StubClient] = [ConnectionError(), StubClient({"e1": True})]

    def make(timeout_s: float) -> Any:
        attempt = attempts.pop(0)
        if isinstance(attempt, Exception):
            raise attempt
        return attempt

    sender = PubSubPublisher(TOPIC, timeout_s=10.0, make_client=make)
    with pytest.raises(ConnectionError):
        sender.publish(MESSAGES[:1])
    assert sender.publish(MESSAGES[:1]) == [True]


@pytest.mark.parametrize("listening", [False, True], ids=["nobody listens", "accepts and never answers"])
def test_the_real_client_gives_up_in_time(monkeypatch: pytest.MonkeyPatch, listening: bool) -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        if listening:
            server.listen()
        monkeypatch.setenv("PUBSUB_EMULATOR_HOST", f"127.0.0.1:{server.getsockname()[1]}")
        publisher = PubSubPublisher(TOPIC, timeout_s=0.2)
        publisher.start().result(timeout=60)
        assert publisher.publish(MESSAGES) == [False, False, False]


class SlowToConnect:
    """Has its client when it may, and tells when everything has left that waited for it."""

    def __init__(self) -> None:
        self.client = StubClient({"e1": True, "e2": True, "e3": True})
        self.sender = PubSubPublisher(TOPIC, make_client=self._make)
        self._may, self._left = threading.Event(), threading.Event()

    def _make(self, timeout_s: float) -> Any:
        assert self._may.wait(60)
        return self.client

    def connects(self) -> None:
        self.sender.start().add_done_callback(lambda _: self._left.set())
        self._may.set()
        assert self._left.wait(60)

    @property
    def sent(self) -> list[str]:
        return [attributes["event_id"] for _, _, attributes in self.client.sent]


def test_nobody_waits_longer_for_the_client_than_for_a_message_which_leaves_all_the_same() -> None:
    slow = SlowToConnect()
    assert slow.sender.publish(MESSAGES, wait_s=0.01) == [False, False, False]
    assert slow.sent == []
    slow.connects()
    assert slow.sender.publish(MESSAGES[:1]) == [True]
    assert slow.sent == ["e1", "e2", "e3", "e1"]


def test_what_waits_for_a_client_that_does_not_come_is_bounded() -> None:
    slow = SlowToConnect()
    for _ in range(MAX_LATE + 5):
        assert slow.sender.publish(MESSAGES[:1], wait_s=0.0) == [False]
    slow.connects()
    assert slow.sent == ["e1"] * MAX_LATE


def test_once_makes_one_value_for_all_threads() -> None:
    together = threading.Barrier(8)
    made: list[object] = []

    def make() -> object:
        made.append(object())
        return made[-1]

    once = Once(make)

    def use() -> object:
        together.wait(timeout=10)
        return once()

    with ThreadPoolExecutor(8) as threads:
        values = {id(future.result()) for future in [threads.submit(use) for _ in range(8)]}
    assert len(made) == len(values) == 1


def test_the_real_client_delivers(monkeypatch: pytest.MonkeyPatch) -> None:
    from google.cloud import pubsub_v1

    from demo.pubsub import EmbeddedPubSub

    with EmbeddedPubSub() as server:
        monkeypatch.setenv("PUBSUB_EMULATOR_HOST", server.endpoint)
        subscription = "projects/p/subscriptions/events"
        with pubsub_v1.SubscriberClient() as subscriber:
            pubsub_v1.PublisherClient().create_topic(request={"name": TOPIC})
            subscriber.create_subscription(request={"name": subscription, "topic": TOPIC})
            assert PubSubPublisher(TOPIC).publish(MESSAGES) == [True, True, True]
            pulled = subscriber.pull(request={"subscription": subscription, "max_messages": 10}, timeout=10)
    assert [message.message.attributes["event_id"] for message in pulled.received_messages] == [
        "e1",
        "e2",
        "e3",
    ]
    assert {message.message.attributes["event_time"] for message in pulled.received_messages} == {
        "2026-11-24T03:00:00Z"
    }
