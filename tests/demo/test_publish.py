"""What the demo's shop puts on the topic."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from typing import Any

from demo.publish import publish
from demo.schedule import Message, Schedule
from evermail import clock, events

FIELDS = {"event_id": "e1", "event_name": "view_item", "client_id": "c", "items": [{"item_id": "A"}]}


class Topic:
    """Confirms everything, and keeps it."""

    def __init__(self) -> None:
        self.messages: list[tuple[bytes, dict[str, str]]] = []

    def publish(self, topic: str, data: bytes, **attributes: str) -> Future[str]:
        self.messages.append((data, attributes))
        done: Future[str] = Future()
        done.set_result("1")
        return done


def test_a_copy_has_the_digest_of_its_original_and_another_event_of_the_same_id_has_not() -> None:
    topic: Any = Topic()
    other = {**FIELDS, "client_id": "d"}
    schedule = Schedule([Message(0, 0, FIELDS), Message(0, 0, FIELDS, copy=True), Message(0, 0, other)])
    sent = publish(
        schedule,
        topic,
        "events",
        start_us=clock.now_us(),
        stop=threading.Event(),
        on_published=lambda message, at_us: None,
    )
    assert sent == 3
    digests = [attributes["event_digest"] for _, attributes in topic.messages]
    assert digests == [events.digest(data) for data, _ in topic.messages]
    assert digests[0] == digests[1] != digests[2]
    assert [attributes["event_id"] for _, attributes in topic.messages] == ["e1"] * 3
