"""Letters of a subscription: borrowed, and all given back, except those that are acknowledged in between.

Should we die they come back by themselves, `LEASE_S` later. Nothing here can lose one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from types import TracebackType
from typing import TYPE_CHECKING, Any

from evermail.dead_letters.pubsub import PubSubFailed, explained, transient
from evermail.dead_letters.sources import SourceError, Taken, read

if TYPE_CHECKING:
    from google.cloud.pubsub_v1 import SubscriberClient

LEASE_S = 600
"""How long messages are borrowed: the longest that Pub/Sub allows."""

AT_ONCE = 500
"""Messages pulled, and ids sent, in one call: an id has some 200 bytes, and a call at most 512 KB."""


class SubscriptionSource:
    """A message that is delivered again meanwhile is known by its id, and not given twice."""

    keeps = "its messages were given back"

    def __init__(self, name: str, client: SubscriberClient, *, wait_s: float) -> None:
        self.name = name
        self.strangers = 0
        self._client = client
        self._wait_s = wait_s
        self._borrowed: dict[str, str] = {}  # by message id, the ack id of its latest delivery

    def letters(self) -> Iterator[Taken]:
        while received := self._pull():
            new = [one.message for one in received if one.message.message_id not in self._borrowed]
            self._borrowed.update({one.message.message_id: one.ack_id for one in received})
            self._lease([one.ack_id for one in received], LEASE_S)
            for message in new:
                found = read(message.data)
                if found is None:
                    self.strangers += 1
                else:
                    yield Taken(found, message.message_id)

    def acknowledge(self, handles: Sequence[str]) -> None:
        for part in _parts([self._borrowed[handle] for handle in handles]):
            self._call(self._client.acknowledge, ack_ids=part)
        for handle in handles:
            del self._borrowed[handle]

    def __enter__(self) -> SubscriptionSource:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # They come back by themselves as well, only later: no reason to hide what went wrong before.
        with suppress(SourceError):
            self._lease(list(self._borrowed.values()), 0)
        self._borrowed.clear()
        self._client.close()

    def _pull(self) -> list[Any]:
        from google.api_core.exceptions import DeadlineExceeded

        def pull(**arguments: Any) -> list[Any]:
            try:
                return list(self._client.pull(**arguments).received_messages)
            except DeadlineExceeded:
                return []

        received: list[Any] = self._call(pull, max_messages=AT_ONCE, timeout=self._wait_s)
        return received

    def _lease(self, ack_ids: Sequence[str], seconds: int) -> None:
        for part in _parts(ack_ids):
            self._call(self._client.modify_ack_deadline, ack_ids=part, ack_deadline_seconds=seconds)

    def _call(self, method: Any, **arguments: Any) -> Any:
        try:
            with explained(self.name):
                return method(subscription=self.name, retry=transient(), **arguments)
        except PubSubFailed as problem:
            raise SourceError(str(problem)) from None


def _parts(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    for at in range(0, len(ids), AT_ONCE):
        yield ids[at : at + AT_ONCE]
