"""A shop's day from a seed, and the messages that tell of it: in order, or as badly as a network may deliver
them."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import msgspec
from apache_beam.io.gcp.pubsub import PubsubMessage
from shop_people import CATEGORIES, ITEMS, Teller, Told

from demo.malformed import SPOILERS, spoil
from evermail import clock
from evermail.clock import SECOND
from evermail.documents import Product
from evermail.events import Code

UNKNOWN_ITEMS = 30
SHUFFLED_S = 600
LATENESS_S = 3600
SPEAKERS = 0.1
"""The share of people who say something in the middle of a visit."""


@dataclass(frozen=True)
class Message:
    """`arrives_us` is when Pub/Sub takes it. `code` is what has to be wrong with it, if anything."""

    arrives_us: int
    data: bytes
    code: Code | None = None

    def to_pubsub(self) -> PubsubMessage:
        at = clock.to_datetime(self.arrives_us)
        # An attribute of its own, as messages have: letters of equal ones could not be told apart.
        return PubsubMessage(self.data, {"sent": str(self.arrives_us)}, message_id="m", publish_time=at)


@dataclass
class Story:
    """`happened` is every event that counts, `spoken` those of them that are of people who say something in
    the middle of a visit; `late` are those that are told of too late."""

    happened: Told = field(default_factory=list)
    spoken: set[bytes] = field(default_factory=set)
    late: list[Message] = field(default_factory=list)

    def in_order(self) -> list[Message]:
        """As it happened, each once, each at once."""
        return [Message(at + SECOND, data) for at, data in sorted(self.happened)]

    def quietly(self, fired: Sequence[Message]) -> list[Message]:
        """As it happened, each once; but what people say works from when it arrives, so those who say
        something in the middle of a visit are told of in the order in which they are in `fired`."""
        spoken: dict[bytes, Message] = {}
        for message in fired:
            if message.data in self.spoken:
                spoken.setdefault(message.data, message)
        messages = [message for message in self.in_order() if message.data not in self.spoken]
        return _by_arrival([*messages, *spoken.values()])

    def under_fire(
        self, dice: random.Random, *, copies: float, shuffled: float, malformed: float
    ) -> list[Message]:
        """With copies, some of them hours later, disorder within `SHUFFLED_S`, and broken messages."""
        messages = list(self.late)
        codes = list(SPOILERS)
        for number, (at, data) in enumerate(sorted(self.happened)):
            delay_s = dice.uniform(0, SHUFFLED_S) if dice.random() < shuffled else 1
            one = Message(at + round(delay_s * SECOND), data)
            messages.append(one)
            if dice.random() < copies:
                messages.append(Message(one.arrives_us + round(dice.expovariate(1 / 900) * SECOND), data))
            if dice.random() < malformed:
                code = codes[number % len(codes)]
                broken = spoil(code, msgspec.json.decode(data))
                messages.append(Message(one.arrives_us, broken, code))
        return _by_arrival(messages)


def products() -> list[Product]:
    """The catalog: nearly all that is shown in the shop."""
    return [
        Product(
            id=f"I{number}",
            version=1,
            updated_at=1,
            title=f"Item {number}",
            url="https://shop.example",
            image_url="https://shop.example/i.png",
            price=9.9,
            currency="EUR",
            category=f"k{number % CATEGORIES}",
        )
        for number in range(ITEMS - UNKNOWN_ITEMS)
    ]


def tell(count: int, start_us: int, span_s: int, dice: random.Random) -> Story:
    """About `count` events of many people, within `span_s` seconds from `start_us`."""
    story, teller = Story(), Teller(start_us, span_s, dice)
    while len(story.happened) < count:
        if dice.random() < SPEAKERS:
            told = teller.speaker()
            story.spoken.update(data for _, data in told)
        else:
            told = teller.person()
        story.happened += told
        if dice.random() < 0.03:
            story.late.append(Message(*teller.late_event(LATENESS_S + 60)))
    return story


def greetings(story: Story, start_us: int) -> list[Message]:
    """A last word of every user and every browser of a story, from `start_us` on."""
    names: dict[tuple[str | None, str | None], None] = {}
    for _, data in story.happened:
        event = msgspec.json.decode(data)
        names |= dict.fromkeys([(event["user_id"], None), (None, event["client_id"])])
    names.pop((None, None), None)
    teller = Teller(start_us, 1, random.Random(0), told="greeting")
    return [
        Message(start_us + number, teller.event(start_us, "email_open", user, cookie)[1])
        for number, (user, cookie) in enumerate(names)
    ]


def broken(messages: Sequence[Message]) -> Counter[Code]:
    """What is wrong with how many of them."""
    return Counter(message.code for message in messages if message.code is not None)


def _by_arrival(messages: list[Message]) -> list[Message]:
    return sorted(messages, key=lambda message: message.arrives_us)
