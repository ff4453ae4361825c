"""What people do in an email, as events of the shopper whose email it is: onto the events topic."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b

import msgspec

from evermail import clock
from evermail.events import EventName
from evermail.tokens import Recipient
from functions.publisher import Message, Publisher


class EmailEvents:
    """Publishes events of recipients. Safe to share between threads.

    A token names its shopper by a pseudonym, which the message says, so that the pipeline does not make a
    pseudonym of it again. Only who may publish on the topic can say so.
    """

    def __init__(self, publisher: Publisher, *, clock: clock.Clock = clock.now_us) -> None:
        self._publisher = publisher
        self._clock = clock

    def publish(
        self,
        recipient: Recipient,
        name: EventName,
        item_ids: Sequence[str],
        *,
        once_in_us: int,
        wait_s: float | None = None,
        traceparent: str = "",
    ) -> bool:
        """Whether the event's arrival was confirmed within `wait_s`; if not, it may still arrive.

        What the same recipient does with the same items within one span of `once_in_us`, at most an hour, is
        one event: a repeated request has the same `event_id`. Raises when nothing can be sent at all.
        """
        now_us = self._clock()
        event_id = _event_id(recipient, name, item_ids, now_us // once_in_us)
        moment = clock.to_rfc3339(now_us)
        event = {
            "event_id": event_id,
            "event_name": name,
            "event_time": moment,
            f"{recipient.kind}_id": recipient.shopper,
            "items": [{"item_id": item_id} for item_id in item_ids],
            "campaign_id": recipient.campaign or None,
            "source": "email",
        }
        message = Message(
            msgspec.json.encode(event), event_id, moment, pseudonymized=True, traceparent=traceparent
        )
        return all(self._publisher.publish([message], wait_s=wait_s))


def _event_id(recipient: Recipient, name: EventName, item_ids: Sequence[str], span: int) -> str:
    """Tells nothing of whose it is."""
    said = msgspec.json.encode([recipient, name, item_ids, span])
    return f"{name}-{blake2b(said, digest_size=15).hexdigest()}"
