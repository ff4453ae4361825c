"""Originals published again: the same message, tried once more.

A replay is harmless however often it is done. The event keeps its `event_id`, so a second copy is counted as
a duplicate, and it keeps the time at which it was received first, so it is as late as it was. A letter is
acknowledged only when Pub/Sub has confirmed what was published of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from evermail import __version__, events
from evermail.dead_letters import replayed
from evermail.dead_letters.letter import Form, Letter
from evermail.dead_letters.pubsub import PubSubFailed, explained, transient
from evermail.dead_letters.seal import Seals
from evermail.dead_letters.selection import Found
from evermail.decoding import MAX_PSEUDONYMIZED_BYTES
from evermail.events import Receipt

if TYPE_CHECKING:
    from google.cloud.pubsub_v1 import PublisherClient

EVENT_STAGES = frozenset({"decode", "shoppers"})
"""Stages whose originals are messages or events. Those of others are made by the job: documents, rows."""

MAX_BATCH_MESSAGES = 100
MAX_BATCH_BYTES = 5_000_000
"""Of one call: Pub/Sub takes 1,000 messages and 10 MB."""

MAX_ATTRIBUTES = 100


class NotReplayable(Exception):
    """A letter that cannot be published again; the message says why."""


class Outgoing(NamedTuple):
    """A message to publish."""

    data: bytes
    attributes: dict[str, str]


def outgoing(letter: Letter, seals: Seals | None) -> Outgoing:
    """The message that a letter's original becomes. Raises `NotReplayable`, or `Unsealable`."""
    if letter.stage not in EVENT_STAGES:
        raise NotReplayable(
            f"letters of {letter.stage} hold what the job made, not an event, and an old one could replace a "
            "newer: mend the cause, and the next event or a backfill makes it anew"
        )
    if letter.cut:
        raise NotReplayable("the original was too large to be kept whole")
    data, attributes = letter.original(seals)
    attempts = letter.attempts + 1
    added = replayed.attributes_of(
        Receipt(received_at=letter.received_at, attempts=attempts, first_seen=letter.first_seen)
    )
    if letter.form is Form.PSEUDONYMIZED:
        added[replayed.PSEUDONYMIZED] = "1"
    event_id = _event_id(data)
    if event_id is not None:
        added["event_id"] = event_id
    # Not the digest of the data alone, by which Dataflow's read would take it for a copy of what it refused.
    added[replayed.EVENT_DIGEST] = events.digest(data + f"\x00attempt {attempts}".encode())
    own = {name: value for name, value in attributes.items() if _may_be_published(name, value)}
    kept = dict(list(own.items())[: MAX_ATTRIBUTES - len(added)])
    return Outgoing(data, {**kept, **added})


def verdict(letter: Letter, message: Outgoing, now_us: int) -> str:
    """How this version reads an original: `readable`, or the code it refuses it with. Whether it counts, only
    the job can tell, which knows the shopper: it may be late, or a copy."""
    clear = letter.form is Form.PSEUDONYMIZED or replayed.is_pseudonymized(message.attributes)
    limit = MAX_PSEUDONYMIZED_BYTES if clear else events.MAX_PAYLOAD_BYTES
    read = partial(events.parse_or_refuse, max_bytes=limit)
    found = events.parse(message.data, now_us=now_us, version=__version__, read=read)
    return "readable" if isinstance(found, events.Event) else f"refused again: {found.code}"


def _event_id(data: bytes) -> str | None:
    try:
        event_id = msgspec.json.decode(data, type=_Identified).event_id
    except (msgspec.DecodeError, ValueError, RecursionError):
        return None
    return event_id if _may_be_published("event_id", event_id) else None


class _Identified(msgspec.Struct):
    event_id: str


def _may_be_published(name: str, value: str) -> bool:
    """Pub/Sub keeps names with `goog` for itself and limits both in length."""
    return (
        not name.startswith("goog")
        and 0 < len(name.encode()) <= 256
        and len(value.encode("utf-8", "replace")) <= 1024
    )


@dataclass
class Sent:
    """One letter's way out. `problem` is why it was not confirmed, if that was tried."""

    found: Found
    message: Outgoing
    confirmed: bool = False
    problem: str = ""


def publish(
    client: PublisherClient,
    topic: str,
    waiting: Sequence[Sent],
    confirmed: Callable[[Sequence[Sent]], None],
) -> None:
    """Publishes each message and waits. `confirmed` gets those that arrived, batch by batch, as they do; the
    others have their `problem` set."""
    for batch in _batches(waiting):
        _publish(client, topic, batch)
        arrived = [one for one in batch if one.confirmed]
        if arrived:
            confirmed(arrived)


def _publish(client: PublisherClient, topic: str, batch: Sequence[Sent]) -> None:
    from google.api_core.exceptions import InvalidArgument
    from google.pubsub_v1 import PublisherClient as PlainClient
    from google.pubsub_v1 import types

    messages = [
        types.PubsubMessage(data=one.message.data, attributes=one.message.attributes) for one in batch
    ]
    try:
        with explained(topic):
            try:
                # The call itself: the client's own `publish` takes attributes as arguments, of any name.
                PlainClient.publish(client, topic=topic, messages=messages, retry=transient())
            except InvalidArgument:
                if len(batch) == 1:
                    raise
                for one in batch:  # one of them spoils it for all
                    _publish(client, topic, [one])
    except PubSubFailed as problem:
        for one in batch:
            one.problem = str(problem)
    else:
        for one in batch:
            one.confirmed = not one.problem


def _batches(waiting: Sequence[Sent]) -> Iterator[list[Sent]]:
    batch: list[Sent] = []
    size = 0
    for one in waiting:
        if batch and (len(batch) >= MAX_BATCH_MESSAGES or size + _size(one.message) > MAX_BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(one)
        size += _size(one.message)
    if batch:
        yield batch


def _size(message: Outgoing) -> int:
    return len(message.data) + sum(len(name) + len(value) for name, value in message.attributes.items())
