"""Publishes a schedule at its own pace."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future

from google.api_core.exceptions import GoogleAPICallError
from google.cloud import pubsub_v1

from demo.schedule import Message, Schedule
from evermail import clock, events

PUBLISH_TIMEOUT_S = 60.0


class PublishError(Exception):
    """A message could not be handed to Pub/Sub."""


def publish(
    schedule: Schedule,
    publisher: pubsub_v1.PublisherClient,
    topic: str,
    *,
    start_us: int,
    stop: threading.Event,
    on_published: Callable[[Message, int], None],
) -> int:
    """Publishes each message when its time has come; returns how many Pub/Sub has taken.

    `on_published` gets the message and the moment (microseconds) at which it was handed over. Returns
    early when `stop` is set. Raises `PublishError`.
    """
    futures: list[Future[str]] = []
    for message in schedule:
        wait_s = (start_us + message.offset_us - clock.now_us()) / clock.SECOND
        if wait_s > 0.001 and stop.wait(wait_s):
            break
        if stop.is_set():
            break
        data, attributes = message.encode(start_us)
        futures.append(publisher.publish(topic, data, **attributes, event_digest=events.digest(data)))
        on_published(message, clock.now_us())
    deadline = time.monotonic() + PUBLISH_TIMEOUT_S
    for future in futures:
        try:
            future.result(timeout=max(0.1, deadline - time.monotonic()))
        except (GoogleAPICallError, TimeoutError) as error:
            raise PublishError(f"Pub/Sub did not take an event: {error}") from error
    return len(futures)
