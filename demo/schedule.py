"""What a run publishes and when: a list of messages made from a seed, before anything is started.

A schedule is the run's ground truth. It knows how many events must be accepted, how many are copies and which
code every malformed message has to be refused with.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import msgspec

from demo import malformed
from evermail import clock
from evermail.events import Code

COPY_DELAY_US = 5 * clock.SECOND
"""Copies follow their original within this time, as redeliveries and a browser's retries do."""


WATCHED = 400
WATCHED_PER_S = 8
"""How many events of a run are watched for freshness, evenly spread over it: few enough not to disturb it."""


class Planned(msgspec.Struct, frozen=True):
    """One event of a source, without its time: `fields` is the wire form.

    It is published `offset_us` after the start; its own time is `event_offset_us` after the start, which may
    be earlier but not later.
    """

    offset_us: int
    event_offset_us: int
    fields: dict[str, Any]


class Message(msgspec.Struct, frozen=True):
    """One message to publish `offset_us` after the start.

    `expected` is the code that it must be refused with; how soon a `watched` one shows is measured.
    """

    offset_us: int
    event_offset_us: int
    fields: dict[str, Any]
    copy: bool = False
    expected: Code | None = None
    watched: bool = False

    @property
    def shopper(self) -> tuple[str, str]:
        """(kind, identifier) of whom it is about, kind being `user` or `client`."""
        user_id = self.fields.get("user_id")
        return ("user", user_id) if user_id else ("client", self.fields["client_id"])

    def encode(self, start_us: int) -> tuple[bytes, dict[str, str]]:
        """Data and attributes, with times counted from `start_us`."""
        event_time = clock.to_rfc3339(start_us + self.event_offset_us)
        fields = {**self.fields, "event_time": event_time}
        attributes = {"event_id": str(fields["event_id"]), "event_time": event_time}
        if self.expected is not None:
            return malformed.spoil(self.expected, fields), attributes
        return msgspec.json.encode(fields), attributes


class Schedule:
    """Messages in the order of publishing, and what must become of them."""

    def __init__(self, messages: Sequence[Message]) -> None:
        self.messages = sorted(messages, key=lambda message: message.offset_us)
        self.originals = sum(1 for message in messages if not message.copy and message.expected is None)
        self.copies = sum(1 for message in messages if message.copy)
        self.rejected = Counter(message.expected for message in messages if message.expected)

    def __len__(self) -> int:
        return len(self.messages)

    def __iter__(self) -> Iterator[Message]:
        return iter(self.messages)

    @property
    def shoppers(self) -> set[tuple[str, str]]:
        """(kind, identifier) of everybody in it, kind being `user` or `client`."""
        return {message.shopper for message in self.messages}


def make(
    events: Iterable[Planned], *, duplicates: float, malformed_share: float, rng: random.Random
) -> Schedule:
    """Adds copies and malformed messages to events: shares of their number, spread by chance.

    The first ones of each are certain, so that even a short run with a share above zero has some.
    """
    planned = list(events)
    last_us = max((event.offset_us for event in planned), default=0)
    watched = min(WATCHED, max(1, last_us * WATCHED_PER_S // clock.SECOND))
    every = max(1, len(planned) // watched)
    originals = [
        Message(event.offset_us, event.event_offset_us, event.fields, watched=number % every == 0)
        for number, event in enumerate(planned)
    ]
    messages = list(originals)
    for original in _some(originals, duplicates, rng):
        published_us = min(original.offset_us + rng.randrange(COPY_DELAY_US), last_us)
        messages.append(Message(published_us, original.event_offset_us, original.fields, copy=True))
    codes = list(malformed.SPOILERS)
    for number, original in enumerate(_some(originals, malformed_share, rng)):
        fields = {**original.fields, "event_id": f"malformed-{number}"}
        messages.append(
            Message(original.offset_us, original.event_offset_us, fields, expected=codes[number % len(codes)])
        )
    return Schedule(messages)


def _some(originals: Sequence[Message], share: float, rng: random.Random) -> list[Message]:
    count = min(len(originals), max(1, round(share * len(originals)))) if share > 0 else 0
    return rng.sample(originals, count)
