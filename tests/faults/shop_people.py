"""The people of a shop's day: what they do with browsers and names, say about consent, wish to be forgotten.

What the stream does not promise to be independent of order is kept apart in time, by `QUIET_S` of silence:
consent that is given again, a browser that changes hands, and what a browser does that is a user's after its
user was erased.
"""

from __future__ import annotations

import random
from typing import Any

import msgspec

from evermail import clock
from evermail.clock import SECOND
from evermail.events import EventName

ITEMS, CATEGORIES = 1500, 30
QUIET_S = 1500
_VISIT = {
    EventName.VIEW_ITEM: 70,
    EventName.ADD_TO_CART: 10,
    EventName.REMOVE_FROM_CART: 3,
    EventName.PURCHASE: 5,
    EventName.ADD_TO_WISHLIST: 3,
    EventName.EMAIL_CLICK: 4,
    EventName.SEARCH: 5,
}
_WITHOUT_ITEMS = ("identify", "update_consent", "erase_user", "search", "email_open")

Told = list[tuple[int, bytes]]
"""Events: their time in microseconds, and the message that tells of them."""


class Teller:
    """Tells of one person after the other, whose day begins at `start_us`. Events are called `told` and a
    number."""

    def __init__(self, start_us: int, span_s: int, dice: random.Random, told: str = "event") -> None:
        self._start_us, self._span_s, self._dice, self._told = start_us, span_s, dice, told
        self._people = self._events = 0

    def person(self) -> Told:
        """All that one person does who leaves quiet around what is said."""
        kind = self._dice.random()
        user, cookie = self._somebody()
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

    def speaker(self) -> Told:
        """All that one person does who says something in the middle of a visit."""
        kind = self._dice.randrange(4)
        user, cookie = self._somebody()
        if kind == 0:
            return self._who_is_forgotten_meanwhile(self._dice.choice([user, None]), cookie)
        if kind == 1:
            return self._who_withdraws_meanwhile(self._dice.choice([user, None]), cookie)
        return self._who_is_known(user, cookie, erased=kind == 2)

    def late_event(self, late_s: int) -> tuple[int, bytes]:
        """An event that Pub/Sub takes `late_s` after it happened, and when."""
        at = self._moment(0.2)
        _, data = self.event(at, "view_item", f"late-{self._events}", None)
        return at + late_s * SECOND, data

    def event(
        self, at: int, name: str, user: str | None, cookie: str | None, **more: Any
    ) -> tuple[int, bytes]:
        self._events += 1
        fields = {
            "event_id": f"{self._told}-{self._events}",
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

    def _somebody(self) -> tuple[str, str]:
        self._people += 1
        return f"person-{self._people}@shop.example", f"cookie-{self._people}"

    def _who_logs_in(self, user: str, cookie: str) -> Told:
        """On one device or two, in the middle of a visit, and is not always told apart afterwards; some
        log in again."""
        told = []
        for device in (cookie, cookie + "-phone")[: self._dice.randrange(1, 3)]:
            visit = self._visit(self._moment(0.6), None, device)
            told += visit
            told.append(self.event(_middle(visit), "identify", user, device))
            again = self._visit(self._moment(0.3, 0.65), self._dice.choice([None, user]), device)
            told += again
            if self._dice.random() < 0.5:
                told.append(self.event(_middle(again), "identify", user, device))
        return told

    def _who_lends_the_browser(self, user: str, cookie: str) -> Told:
        first = self._moment(0.7)
        told = [self.event(first, "identify", user, cookie), *self._visit(first + SECOND, None, cookie)]
        second = self._long_after(told)
        told.append(self.event(second, "identify", "friend-of-" + user, cookie))
        return told + self._visit(self._long_after(told), None, cookie)

    def _who_changes_their_mind(self, user: str, cookie: str) -> Told:
        told = self._visit(self._moment(0.6), user, cookie)
        told.append(self._consent(self._long_after(told), user, None, allowed=False))
        told += self._visit(self._long_after(told), user, cookie)
        return told + self._who_may_agree_again(told, user, cookie)

    def _who_wants_to_be_forgotten(self, user: str, cookie: str) -> Told:
        told = self._visit(self._moment(0.7), user, cookie)
        cookies = self._dice.choice([None, cookie])
        told.append(self.event(self._long_after(told), "erase_user", user, cookies))
        return told + self._who_may_come_back(told, user, cookie)

    def _who_is_forgotten_meanwhile(self, user: str | None, cookie: str) -> Told:
        told = self._visit(self._moment(0.7), user, cookie, refusals=False)
        told.append(self.event(_middle(told), "erase_user", user, None if user else cookie))
        return told + self._who_may_come_back(told, user, cookie)

    def _who_withdraws_meanwhile(self, user: str | None, cookie: str) -> Told:
        told = self._visit(self._moment(0.6), user, cookie, refusals=False)
        told.append(self._consent(_middle(told), user, None if user else cookie, allowed=False))
        return told + self._who_may_agree_again(told, user, cookie)

    def _who_is_known(self, user: str, cookie: str, *, erased: bool) -> Told:
        """By the browser alone, from an `identify` on; and says something by it."""
        told = [self.event(self._moment(0.5), "identify", user, cookie)]
        visit = self._visit(self._long_after(told), None, cookie, refusals=False)
        told += visit
        if erased:
            told.append(self.event(visit[-1][0] + SECOND, "erase_user", user, cookie))
            return told + self._who_may_come_back(told, None, cookie)
        told.append(self._consent(_middle(visit), user, cookie, allowed=False))
        return told + self._who_may_agree_again(told, user, cookie)

    def _who_may_agree_again(self, told: Told, user: str | None, cookie: str) -> Told:
        if self._dice.random() < 0.5:
            return []
        agreed = self._consent(self._long_after(told), user, None if user else cookie, allowed=True)
        return [agreed, *self._visit(self._long_after([agreed]), user, cookie)]

    def _who_may_come_back(self, told: Told, user: str | None, cookie: str) -> Told:
        return self._visit(self._long_after(told), user, cookie) if self._dice.random() < 0.5 else []

    def _visits(self, user: str | None, cookie: str, count: int) -> Told:
        return [one for _ in range(count) for one in self._visit(self._moment(0.9), user, cookie)]

    def _visit(self, at: int, user: str | None, cookie: str, *, refusals: bool = True) -> Told:
        told = []
        for _ in range(self._dice.randrange(3, 12)):
            name = self._dice.choices(list(_VISIT), list(_VISIT.values()))[0]
            # Never the first: who was never there with consent is nobody, and after a restart a stranger.
            refused = refusals and told and self._dice.random() < 0.02
            more = {"consent": {"personalization": False}} if refused else {}
            told.append(self.event(at, name, user, cookie, **more))
            at += self._dice.randrange(2 * SECOND, 60 * SECOND)
        return told

    def _long_after(self, told: Told) -> int:
        return max(told)[0] + self._dice.randrange(QUIET_S, 2 * QUIET_S) * SECOND

    def _consent(self, at: int, user: str | None, cookie: str | None, *, allowed: bool) -> tuple[int, bytes]:
        return self.event(at, "update_consent", user, cookie, consent={"personalization": allowed})

    def _moment(self, share: float, after: float = 0.0) -> int:
        """A moment within a share of the span, `after` a share of it."""
        return self._start_us + round((after + self._dice.random() * share) * self._span_s * SECOND)

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


def _middle(visit: Told) -> int:
    """A moment between two events of a visit."""
    return visit[len(visit) // 2][0] + SECOND
