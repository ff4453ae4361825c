"""Messages of a shop for measuring: how comfortable they are for the job can be chosen."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

import msgspec

from evermail import clock

ITEMS, CATEGORIES = 5_000, 40
SPAN_US = clock.HOUR
"""What the events of a load are spread over."""

_NAMES = ["view_item"] * 16 + ["add_to_cart"] * 2 + ["purchase", "search"]


@dataclass(frozen=True)
class Load:
    """`anonymous`: nobody is signed in, and half of the browsers `identify` themselves in the middle of what
    they do; what they do later still comes without a user. `disorder_s`: events arrive up to so many seconds
    late, shuffled. `copies`: this share of them arrives once more, within the same time."""

    anonymous: bool = False
    disorder_s: int = 0
    copies: float = 0.0


def make_messages(events: int, events_per_shopper: int, load: Load = Load(), *, seed: int = 1) -> list[bytes]:
    """Events of a shop in the order of arrival: a few items are seen often, most of them seldom."""
    dice = random.Random(seed)
    shoppers = max(1, events // events_per_shopper)
    # Over by an hour ago: the runner gives up on windows that end later than now.
    start_us = clock.now_us() - clock.HOUR - SPAN_US
    seen = [0] * shoppers
    arrivals: list[tuple[float, bytes]] = []
    for number in range(events):
        shopper = dice.randrange(shoppers)
        seen[shopper] += 1
        event_time = start_us + number * SPAN_US // events
        fields = _event(dice, number, event_time)
        fields["client_id"] = f"browser-{shopper}"
        if not load.anonymous:
            fields["user_id"] = f"customer-{shopper}"
        elif shopper % 2 and seen[shopper] == events_per_shopper // 2:
            fields |= {"event_name": "identify", "user_id": f"customer-{shopper}", "items": []}
        data = msgspec.json.encode(fields)
        for _ in range(1 + (dice.random() < load.copies)):
            arrivals.append((event_time + dice.random() * load.disorder_s * clock.SECOND, data))
    arrivals.sort(key=lambda arrival: arrival[0])  # stable: without disorder, as they happened
    return [data for _, data in arrivals]


def _event(dice: random.Random, number: int, event_time: int) -> dict[str, Any]:
    item = min(int(dice.paretovariate(0.8)) + dice.randrange(40), ITEMS)
    name = dice.choice(_NAMES)
    line = {
        "item_id": f"SKU-{item}",
        "quantity": 1,
        "price": 19.9,
        "item_category": f"c{item % CATEGORIES}",
    }
    return {
        "event_id": f"event-{number}",
        "event_name": name,
        "event_time": clock.to_rfc3339(event_time),
        "items": [] if name == "search" else [line],
        "value": 19.9,
        "currency": "EUR",
        "source": "web",
    }
