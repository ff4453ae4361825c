"""Puts events on the Pub/Sub topic, and knows which of them arrived."""

from __future__ import annotations

import concurrent.futures
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from evermail import events
from evermail.dead_letters.replayed import EVENT_DIGEST, PSEUDONYMIZED
from functions.background import Background, NotReady

if TYPE_CHECKING:
    from google.cloud.pubsub_v1 import PublisherClient

PUBLISH_TIMEOUT_S = 5.0
"""How long `collect` waits for Pub/Sub, in seconds. A publish takes some 20 ms when all is well."""

MAX_WAITING_MESSAGES = 10_000
MAX_WAITING_BYTES = 64 * 1024 * 1024
"""What may wait in memory while Pub/Sub does not answer; beyond it, publishing fails at once."""

MAX_LATE = 100
"""Requests whose messages may wait for the client. One brings half a megabyte at most."""


@dataclass(frozen=True)
class Message:
    """One event on its way. `data` is published as it is."""

    data: bytes
    event_id: str
    event_time: str
    """RFC 3339: an attribute, for people and tools that look at messages. The pipeline reads `data` alone."""
    pseudonymized: bool = False
    """Whether its user and client are pseudonyms of ours already."""
    traceparent: str = ""
    """What the request that brought it was part of, for whoever follows a trace; the job lets it be."""

    @property
    def attributes(self) -> dict[str, str]:
        """What stands beside the data. By the digest, Dataflow's read knows a copy within minutes."""
        said = {
            "event_id": self.event_id,
            "event_time": self.event_time,
            EVENT_DIGEST: events.digest(self.data),
        }
        if self.pseudonymized:
            said[PSEUDONYMIZED] = "1"
        if self.traceparent:
            said["traceparent"] = self.traceparent
        return said


class Publisher(Protocol):
    """Where events go."""

    def publish(self, messages: Sequence[Message], *, wait_s: float | None = None) -> list[bool]:
        """Publishes and waits, for `wait_s` or a bounded time of its own. True where the arrival was
        confirmed, in the order given.

        False means unknown rather than lost: a message may still arrive later, which does no harm, as
        the pipeline drops a repeated `event_id`. Raises when nothing could be sent at all.
        """
        ...


class PubSubPublisher:
    """Publishes to a topic, `projects/P/topics/T`. Shared between threads.

    The client, and the library itself, load in the background, with `start` or when the first event is
    published. Honours PUBSUB_EMULATOR_HOST, as the library does.
    """

    def __init__(
        self,
        topic: str,
        *,
        timeout_s: float = PUBLISH_TIMEOUT_S,
        make_client: Callable[[float], PublisherClient] | None = None,
    ) -> None:
        self._topic = topic
        self._timeout_s = timeout_s
        self._client = Background(lambda: (make_client or connect)(timeout_s), "publisher")
        self.start = self._client.start
        self._room = threading.Semaphore(MAX_LATE)

    def publish(self, messages: Sequence[Message], *, wait_s: float | None = None) -> list[bool]:
        wait_s = self._timeout_s if wait_s is None else wait_s
        deadline = time.monotonic() + wait_s
        try:
            client = self._client.get(wait_s)
        except NotReady:
            if self._room.acquire(blocking=False):
                self._client.start().add_done_callback(lambda made: self._send_late(made, messages))
            return [False] * len(messages)
        futures = self._send(client, messages)
        concurrent.futures.wait(futures, timeout=max(0.0, deadline - time.monotonic()))
        return [future.done() and future.exception() is None for future in futures]

    def _send(self, client: PublisherClient, messages: Sequence[Message]) -> list[Future[str]]:
        return [client.publish(self._topic, message.data, **message.attributes) for message in messages]

    def _send_late(self, made: Future[PublisherClient], messages: Sequence[Message]) -> None:
        """What nobody could wait for leaves once the client is there: who clicked first must count, too."""
        self._room.release()
        if made.exception() is None:
            self._send(made.result(), messages)


def connect(timeout_s: float) -> PublisherClient:
    """A client of Pub/Sub that gives up on a message after `timeout_s`, and limits what waits in memory."""
    from google.api_core import exceptions, retry
    from google.cloud import pubsub_v1

    transient = retry.if_exception_type(
        exceptions.Aborted,
        exceptions.DeadlineExceeded,
        exceptions.InternalServerError,
        exceptions.ResourceExhausted,
        exceptions.ServiceUnavailable,
        exceptions.Unknown,
    )
    options = pubsub_v1.types.PublisherOptions(
        flow_control=pubsub_v1.types.PublishFlowControl(
            message_limit=MAX_WAITING_MESSAGES,
            byte_limit=MAX_WAITING_BYTES,
            limit_exceeded_behavior=pubsub_v1.types.LimitExceededBehavior.ERROR,
        ),
        # Give up when the caller does: what nobody waits for must not fill the memory.
        retry=retry.Retry(transient, initial=0.1, multiplier=2.0, maximum=1.0, timeout=timeout_s),
        timeout=timeout_s,
    )
    return pubsub_v1.PublisherClient(publisher_options=options)
