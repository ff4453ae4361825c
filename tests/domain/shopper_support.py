"""What tests of a shopper's memory share: events about letters, and a run that takes them in."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable
from typing import Any

import msgspec

from evermail import clock
from evermail.decay import DecayedRow
from evermail.documents import Profile
from evermail.events import Event, EventName, Item
from evermail.profiles import to_profile
from evermail.shopper import ShopperState, Updates, Verdict

NOW = 1_795_489_200 * clock.SECOND
HALF_LIFE = 14 * clock.DAY
LATER = NOW + 365 * clock.DAY
LATENESS = 2 * clock.DAY

_numbers = itertools.count(1)


def event(
    items: Iterable[str] = "A",
    *,
    at: int = 0,
    name: str = "view_item",
    event_id: str | None = None,
    quantity: int = 1,
    client_id: str | None = "c",
    **changes: Any,
) -> Event:
    """An event about each letter of `items`, `at` seconds after NOW."""
    return Event(
        event_id=event_id or f"event-{next(_numbers)}",
        event_name=EventName(name),
        event_time=NOW + at * clock.SECOND,
        client_id=client_id,
        items=tuple(Item(item_id, quantity) for item_id in items),
        **changes,
    )


class Run:
    """A shopper's state, what it said of each event, and the rows that its changes make."""

    def __init__(self, events: Iterable[Event] = (), *, store_between: bool = False) -> None:
        self.state = ShopperState()
        self.verdicts: list[Verdict] = []
        self.rows: dict[str, DecayedRow] = {}
        for one in events:
            self.take(one)
            if store_between:
                self.state = ShopperState.from_bytes(self.state.to_bytes())

    def take(self, one: Event, *, oldest_us: int = NOW - LATENESS, now_us: int = LATER) -> Verdict:
        verdict, updates = self.state.apply(one, oldest_us=oldest_us, now_us=now_us)
        self.verdicts.append(verdict)
        self.update(updates)
        return verdict

    def update(self, updates: Updates) -> None:
        for item_id, update in updates:
            update.apply(self.rows.setdefault(item_id, DecayedRow(HALF_LIFE, 400)))

    @property
    def profile(self) -> Profile:
        profile = to_profile(msgspec.structs.replace(self.state), "shopper", NOW)
        return msgspec.structs.replace(profile, memory=b"")

    def weights(self, item_id: str) -> dict[str, float]:
        """What goes with an item; for events so close that nothing fades."""
        return {neighbor: round(weight, 4) for neighbor, weight in self.rows[item_id].top(99)}

    def outcome(self) -> tuple[object, ...]:
        rows = {key: (row.as_of, row.top(99), row.total()) for key, row in self.rows.items()}
        return self.profile, Counter(self.verdicts), rows
