"""Which items go into the slots of an email: pure functions from documents to an order with reasons."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

import msgspec

from evermail.documents import Neighbors, Profile
from evermail.interest import HALF_LIFE_US

CONTEXT = 10
"""How many of a shopper's last distinct items are asked for their neighbours."""

CONTEXT_DECAY = 0.6
ROW_PRIOR = 5.0
ROW_EXPONENT = 0.75
REMINDER_GAIN = 0.6
REMINDER_DECAY = 0.8
"""Constants of `score`, a first guess on public click data, to be tuned."""


class Why(StrEnum):
    SEEN_TOGETHER = "seen_together"
    REMINDER = "reminder"
    TRENDING_CATEGORY = "trending_category"
    TRENDING = "trending"
    CATALOG = "catalog"
    """Nothing is known, not even what is popular: the products that the shop lists first."""

    @property
    def personal(self) -> bool:
        return self in (Why.SEEN_TOGETHER, Why.REMINDER)


class Ranked(msgspec.Struct, frozen=True):
    """An item with the strongest cause for it; `because` is the item or category behind that cause."""

    item_id: str
    score: float
    why: Why
    because: str = ""


def context(profile: Profile) -> list[str]:
    """The last distinct items of a shopper, newest first."""
    distinct = dict.fromkeys(seen.item_id for seen in profile.history)
    return list(distinct)[:CONTEXT]


def personal(
    profile: Profile, rows: Mapping[str, Neighbors], *, now_us: int, half_life_us: int = HALF_LIFE_US
) -> list[Ranked]:
    """Items for one shopper, best first, from the neighbours of the last items and reminders of them.

    S(j) = sum over p of c^p R[p][j] / (sum_k R[p][k] + 5)^0.75, p = 0 being the newest item, R faded to now;
    an item seen p items ago is reminded of with 0.6 * 0.8^(p-1) of the best S. Bought items are out,
    and so is the newest one: the shopper has just left it.
    """
    recent = context(profile)
    scores: dict[str, float] = {}
    strongest: dict[str, tuple[float, str]] = {}
    for position, seed in enumerate(recent):
        row = rows.get(seed)
        if row is None:
            continue
        fade = 2.0 ** (-max(0, now_us - row.as_of) / half_life_us)
        norm = CONTEXT_DECAY**position * fade / (row.total * fade + ROW_PRIOR) ** ROW_EXPONENT
        for neighbor in row.neighbors:
            part = norm * neighbor.weight
            if part <= 0.0:
                continue  # faded away
            scores[neighbor.item_id] = scores.get(neighbor.item_id, 0.0) + part
            if part > strongest.get(neighbor.item_id, (0.0, ""))[0]:
                strongest[neighbor.item_id] = (part, seed)
    best = max(scores.values(), default=1.0)
    reminders = {
        item_id: REMINDER_GAIN * REMINDER_DECAY ** (position - 1) * best
        for position, item_id in enumerate(recent)
        if position > 0
    }
    ranked = []
    for item_id in scores.keys() | reminders.keys():
        if item_id in profile.purchased or item_id == recent[0]:
            continue
        together, reminder = scores.get(item_id, 0.0), reminders.get(item_id, 0.0)
        score = together + reminder
        if reminder > together:
            ranked.append(Ranked(item_id, score, Why.REMINDER, item_id))
        else:
            ranked.append(Ranked(item_id, score, Why.SEEN_TOGETHER, strongest[item_id][1]))
    ranked.sort(key=lambda one: (-one.score, one.item_id))
    return ranked
