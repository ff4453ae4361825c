"""A shop's day from a seed: people with browsers, names, consent, and the wish to be forgotten; and the
messages that tell of it, in order or as badly as a network may deliver them.

What the stream does not promise to be independent of order is kept apart in time: a word about consent, an
erasure, and a browser that changes hands have `QUIET_S` of silence around them.
"""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import msgspec
from apache_beam.io.gcp.pubsub import PubsubMessage

from demo.malformed import SPOILERS, spoil
from evermail import clock
from evermail.clock import SECOND
from evermail.documents import Product
from evermail.events import Code, EventName

ITEMS, CATEGORIES = 1500, 30
UNKNOWN_ITEMS = 30
QUIET_S = 1500
SHUFFLED_S = 600
LATENESS_S = 3600
_VISIT = {
    EventName.VIEW_ITEM: 70,
    EventName.ADD_TO_CART: 10,
    EventName.REMOVE_FROM_CART: 3,
    EventName.PURCHASE: 5,
    EventName.ADD_TO_WISHLIST: 3,
    EventName.EMAIL_CLICK: 4,
    EventName.SEARCH: 5,
}


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
    """`happened` is every event that counts, by its time; `late` those that are told of too late."""

    happened: list[tuple[int, bytes]] = field(default_factory=list)
    late: list[Message] = field(default_factory=list)

    def in_order(self) -> list[Message]:
        """As it happened, each once, each at once."""
        return [Message(at + SECOND, data) for at, data in sorted(self.happened)]

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
        messages.sort(key=lambda message: message.arrives_us)
        return messages


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
    story, teller = Story(), _Teller(start_us, span_s, dice)
    while len(story.happened) < count:
        story.happened += teller.person()
        if dice.random() < 0.03:
            story.late.append(teller.late_event())
    return story


class _Teller:
    def __init__(self, start_us: int, span_s: int, dice: random.Random) -> None:
        self._start_us, self._span_s, self._dice = start_us, span_s, dice
        self._people = self._events = 0

    def person(self) -> list[tuple[int, bytes]]:
        """All that one person does."""
        self._people += 1
        kind = self._dice.random()
        user, cookie = f"person-{self._people}@shop.example", f"cookie-{self._people}"
        if kind < 0.45:
            return self._visits(user, cookie, self._dice.randrange(1, 5))
        if kind < 0.60:
            return self._visits(None, cookie, self._dice.randrange(1, 4))
        if kind < 0.85:
            return self._who_logs_in(user, cookie)
        if kind < 0.90:
            return self._who_lends_the_browser(user, cookie)
        if kind < 0.95:
            return self._who_changes_their_mind(user, cookie)
        return self._who_wants_to_be_forgotten(user, cookie)

    def late_event(self) -> Message:
        at = self._moment(0.2)
        _, data = self._event(at, "view_item", f"late-{self._events}", None)
        return Message(at + (LATENESS_S + 60) * SECOND, data)

    def _who_logs_in(self, user: str, cookie: str) -> list[tuple[int, bytes]]:
        """On one device or two, in the middle of a visit, and is not always told apart afterwards."""
        told = []
        for device in (cookie, cookie + "-phone")[: self._dice.randrange(1, 3)]:
            visit = self._visit(self._moment(0.6), None, device)
            told += visit
            told.append(self._event(visit[len(visit) // 2][0] + 1, "identify", user, device))
            told += self._visit(self._moment(0.3, 0.65), self._dice.choice([None, user]), device)
        return told

    def _who_lends_the_browser(self, user: str, cookie: str) -> list[tuple[int, bytes]]:
        first = self._moment(0.7)
        told = [self._event(first, "identify", user, cookie), *self._visit(first + SECOND, None, cookie)]
        second = self._long_after(told)
        told.append(self._event(second, "identify", "friend-of-" + user, cookie))
        return told + self._visit(self._long_after(told), None, cookie)

    def _who_changes_their_mind(self, user: str, cookie: str) -> list[tuple[int, bytes]]:
        told = self._visit(self._moment(0.6), user, cookie)
        told.append(self._consent(self._long_after(told), user, False))
        told += self._visit(self._long_after(told), user, cookie)
        if self._dice.random() < 0.5:
            told.append(self._consent(self._long_after(told), user, True))
            told += self._visit(self._long_after(told), user, cookie)
        return told

    def _who_wants_to_be_forgotten(self, user: str, cookie: str) -> list[tuple[int, bytes]]:
        told = self._visit(self._moment(0.7), user, cookie)
        cookies = self._dice.choice([None, cookie])
        told.append(self._event(self._long_after(told), "erase_user", user, cookies))
        if self._dice.random() < 0.5:
            told += self._visit(self._long_after(told), user, cookie)
        return told

    def _visits(self, user: str | None, cookie: str, count: int) -> list[tuple[int, bytes]]:
        return [one for _ in range(count) for one in self._visit(self._moment(0.9), user, cookie)]

    def _visit(self, at: int, user: str | None, cookie: str) -> list[tuple[int, bytes]]:
        told = []
        for _ in range(self._dice.randrange(3, 12)):
            name = self._dice.choices(list(_VISIT), list(_VISIT.values()))[0]
            # Never the first: who was never there with consent is nobody, and after a restart a stranger.
            refused = {"consent": {"personalization": False}} if told and self._dice.random() < 0.02 else {}
            told.append(self._event(at, name, user, cookie, **refused))
            at += self._dice.randrange(2 * SECOND, 60 * SECOND)
        return told

    def _long_after(self, told: list[tuple[int, bytes]]) -> int:
        return told[-1][0] + self._dice.randrange(QUIET_S, 2 * QUIET_S) * SECOND

    def _consent(self, at: int, user: str, allowed: bool) -> tuple[int, bytes]:
        return self._event(at, "update_consent", user, None, consent={"personalization": allowed})

    def _moment(self, share: float, after: float = 0.0) -> int:
        """A moment within a share of the span, `after` a share of it."""
        return self._start_us + round((after + self._dice.random() * share) * self._span_s * SECOND)

    def _event(
        self, at: int, name: str, user: str | None, cookie: str | None, **more: Any
    ) -> tuple[int, bytes]:
        self._events += 1
        fields = {
            "event_id": f"event-{self._events}",
            "event_name": name,
            "event_time": clock.to_rfc3339(at),
            "client_id": cookie,
            "user_id": user,
            "items": [] if name in _WITHOUT_ITEMS else self._items(name),
            "currency": "EUR",
            "source": "web",
            **more,
        }
        return at, msgspec.json.encode(fields)

    def _items(self, name: str) -> list[dict[str, Any]]:
        count = self._dice.randrange(1, 4) if name == EventName.PURCHASE else 1
        items = []
        for _ in range(count):
            number = min(int(self._dice.paretovariate(0.7)) + self._dice.randrange(300), ITEMS - 1)
            item: dict[str, Any] = {"item_id": f"I{number}", "quantity": self._dice.randrange(1, 3)}
            if number % 3:
                item["item_category"] = f"k{number % CATEGORIES}"
            items.append(item)
        return items


_WITHOUT_ITEMS = ("identify", "update_consent", "erase_user", "search")


def broken(messages: list[Message]) -> Counter[Code]:
    """What is wrong with how many of them."""
    return Counter(message.code for message in messages if message.code is not None)
