"""Rows of neighbours and the counts of returns, of whole training sessions at once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from evermail import clock, repeats
from evermail.constants import Constants
from evermail.decay import UNIT
from evermail.evaluation.datasets import Floats, Ints, Sessions
from evermail.events import EventName
from evermail.interest import TOUCHES, amounts
from evermail.shopper import MAX_HISTORY

STEPS = "nse"
STATES = repeats.MOST_DISTINCT * len(STEPS) * (1 + repeats.MOST_RETURNS)
_NEVER = np.iinfo(np.int64).max


@dataclass(frozen=True)
class Rows:
    """The row of item i holds `items[starts[i]:starts[i + 1]]`, heaviest first.

    `weights` are as of `as_of[i]`; `totals` count all of a row, what is not held included.
    """

    starts: Ints
    items: Ints
    weights: Floats
    totals: Floats
    as_of: Ints


@dataclass(frozen=True)
class Returns:
    """`counts[s, p]` of returns to place p in state s, as of `as_of`; the last place is for new items."""

    counts: Floats
    as_of: int


@dataclass(frozen=True)
class Pairs:
    """What touches of sessions are paired with: the earlier item, the later one, how many distinct items back
    it was, and when. `order` sorts them, taken both ways, by row and neighbour; `keys` are the sorted ones,
    and `firsts` where they begin."""

    earlier: Ints
    later: Ints
    distance: Ints
    times: Ints
    order: Ints
    keys: Ints
    firsts: Ints

    @classmethod
    def of(cls, sessions: Sessions, width: int, look_back: int) -> Pairs:
        """`width` is how many items there are."""
        items, following = sessions.items, _following(sessions)
        found = np.zeros(len(items), np.int64)
        parts = []
        for steps, later in _steps(sessions, MAX_HISTORY):
            later = later[found[later] < look_back]
            # The same item once, where it is nearest, and never with itself
            later = later[following[later - steps] > later]
            found[later] += 1
            parts.append((items[later - steps], items[later], found[later], sessions.times[later]))
        columns = [np.concatenate(column) for column in zip(*parts, strict=True)] if parts else [_EMPTY] * 4
        earlier, later, distance, times = columns
        keys = np.concatenate([earlier * width + later, later * width + earlier])
        order = np.argsort(keys, kind="stable")
        keys = keys[order]
        firsts = np.flatnonzero(np.diff(keys, prepend=-1))
        return cls(earlier, later, distance, times, order, keys[firsts], firsts)

    def rows(self, sessions: Sessions, names: Ints, constants: Constants, kept: int | None) -> Rows:
        """The rows of all items, cut to `kept` neighbours; equals are in the order of `names`, the places of
        items among their sorted ids."""
        width = len(names)
        half_life_us = constants.half_life_days * clock.DAY
        latest = int(sessions.times.max())
        as_of = np.full(width, -1, np.int64)
        np.maximum.at(as_of, sessions.items, sessions.times)
        as_of[as_of < 0] = latest
        forward, backward = np.array(amounts(TOUCHES[EventName.VIEW_ITEM], constants), np.float64).T / UNIT
        fade = 2.0 ** ((self.times - latest) / half_life_us)
        both = np.concatenate([forward[self.distance - 1] * fade, backward[self.distance - 1] * fade])
        weights: Floats = np.add.reduceat(both[self.order], self.firsts) if len(both) else both
        rows, items = np.divmod(self.keys, width)
        weights = weights * (2.0 ** ((latest - as_of) / half_life_us))[rows]
        totals: Floats = np.bincount(rows, weights, width).astype(np.float64)
        weights = _six_digits(weights)
        order = np.lexsort((names[items], -weights, rows))
        rows, items, weights = rows[order], items[order], weights[order]
        starts = np.searchsorted(rows, np.arange(width + 1))
        if kept is not None:
            inside = np.arange(len(rows)) - starts[rows] < kept
            items, weights = items[inside], weights[inside]
            starts = np.concatenate([[0], np.cumsum(inside)])[starts]
        return Rows(starts, items, weights, _six_digits(totals), as_of)


def returns(sessions: Sessions, constants: Constants) -> Returns:
    """What the stream counts of returns."""
    states, _, places = outlook(sessions)
    counted = places >= 0
    grain = repeats.GRAIN_US
    times = sessions.times[counted] // grain * grain
    as_of = int(times.max()) if len(times) else 0
    fade = 2.0 ** ((times - as_of) / (constants.half_life_days * clock.DAY))
    entries = states[counted] * (repeats.PLACES + 1) + places[counted]
    counts: Floats = np.bincount(entries, fade, STATES * (repeats.PLACES + 1)).astype(np.float64)
    return Returns(counts.reshape(STATES, repeats.PLACES + 1), as_of)


def outlook(sessions: Sessions, window: int = repeats.WINDOW) -> tuple[Ints, Ints, Ints]:
    """For each click, of the `window` clicks before it: their state, their distinct items, newest first and
    filled up with -1, and the place of its item among them. State and place are -1 where there is nothing."""
    items, following = sessions.items, _following(sessions)
    size = len(items)
    place = np.full(size, repeats.PLACES, np.int64)
    distinct, length = np.zeros(size, np.int64), np.zeros(size, np.int64)
    recent = np.full((size, repeats.PLACES), -1, np.int64)
    earlier_again = np.zeros(size, bool)  # whether the newest was seen before, further back than one step
    for steps, click in _steps(sessions, window):
        before = click - steps
        length[click] += 1
        if steps > 2:
            earlier_again[click] |= items[before] == items[click - 1]
        new = following[before] >= click
        click, before = click[new], before[new]
        shown = distinct[click] < repeats.PLACES
        recent[click[shown], distinct[click][shown]] = items[before[shown]]
        own = items[before] == items[click]
        place[click[own]] = np.minimum(distinct[click[own]], repeats.PLACES)
        distinct[click] += 1
    several = np.flatnonzero(length > 1)
    step = np.zeros(size, np.int64)
    step[earlier_again] = STEPS.index("e")
    step[several[items[several - 1] == items[several - 2]]] = STEPS.index("s")
    again = np.minimum(length - distinct, repeats.MOST_RETURNS)
    many = np.minimum(distinct, repeats.MOST_DISTINCT) - 1
    state = (many * len(STEPS) + step) * (1 + repeats.MOST_RETURNS) + again
    state[length == 0] = place[length == 0] = -1
    return state, recent, place


def _steps(sessions: Sessions, most: int) -> Iterator[tuple[int, Ints]]:
    """For each number of steps up to `most`, the clicks that have so many before them in their session."""
    before = np.arange(len(sessions.items)) - np.repeat(sessions.starts[:-1], np.diff(sessions.starts))
    clicks = np.arange(len(sessions.items))
    for steps in range(1, most + 1):
        clicks = clicks[before[clicks] >= steps]
        if not len(clicks):
            return
        yield steps, clicks


def _following(sessions: Sessions) -> Ints:
    """For each click, the next one of the same item in the same session."""
    owners, items = sessions.owners, sessions.items
    order = np.lexsort((items, owners))
    following = np.full(len(items), _NEVER)
    same = (items[order][1:] == items[order][:-1]) & (owners[order][1:] == owners[order][:-1])
    following[order[:-1][same]] = order[1:][same]
    return following


def _six_digits(weights: Floats) -> Floats:
    """To six significant digits, as documents have them."""
    positive = weights > 0
    digits = 10.0 ** (5 - np.floor(np.log10(np.where(positive, weights, 1.0))))
    return np.where(positive, np.rint(weights * digits) / digits, 0.0)


_EMPTY = np.empty(0, np.int64)
