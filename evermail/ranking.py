"""Which items go into the slots of an email: pure functions from documents to an order with reasons.

It needs three things in turn, each known only from the one before: the profile, the `first_rows`, and the
`second_rows`. All rows may come from memory that is minutes old, and the second ones may be left out: the
order is somewhat worse then, nothing else. How an open reads them, and the products after them, is said in
`evermail.shelf.opened`.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from itertools import islice
from math import exp2, fsum, pow, prod
from sys import float_info

import msgspec

from evermail import clock, repeats
from evermail.constants import SERVED, Constants
from evermail.documents import Neighbors, Profile


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


class Ranked(msgspec.Struct, frozen=True, gc=False):
    """An item with the strongest cause for it; `because` is the item or category behind that cause.

    An open makes a thousand of these. None can be part of a cycle, and unless the collector is told so, it
    looks through all that an instance remembers every few dozen opens, for as long as ten of them take.
    """

    item_id: str
    score: float
    why: Why
    because: str = ""


def context(profile: Profile, *, constants: Constants = SERVED) -> list[str]:
    """The last distinct items of a shopper, newest first: those whose neighbours are asked for."""
    distinct = dict.fromkeys(seen.item_id for seen in profile.history)
    return list(islice(distinct, constants.context))


def first_rows(profile: Profile, *, constants: Constants = SERVED) -> list[str]:
    """Ids of the rows to read first."""
    items = context(profile, constants=constants)
    return [*items, repeats.ROW_ID] if items else []


def second_rows(
    profile: Profile, rows: Mapping[str, Neighbors], *, now_us: int, constants: Constants = SERVED
) -> list[str]:
    """Ids of the rows to read then, given the first `rows`: those of the best candidates."""
    return Ranking(profile, rows, now_us=now_us, constants=constants).second_rows()


def personal(
    profile: Profile, rows: Mapping[str, Neighbors], *, now_us: int, constants: Constants = SERVED
) -> list[Ranked]:
    """Items for one shopper, best first, from whatever `rows` there are (`Ranking.personal`)."""
    return Ranking(profile, rows, now_us=now_us, constants=constants).personal({})


class Ranking:
    """The ranking for one shopper as the rows come in: first those of the shopper's own items, then those of
    the best candidates.

    With R the rows faded to now, p = 0 the shopper's newest item, and the names of `Constants`:
    S(j) = sum over p of context_decay^p R[p][j] / (total of R[p] + row_prior)^row_exponent. Of the best,
    those whose rows there are get S(k) * ((1 + total of R[k]) / their geometric mean)^-lift, and then give
    hop_weight * S(k) R[k][j] / (total of R[k] + row_prior)^row_exponent to their neighbours j. The score is
    the probability P(j) = P_return(j) + (1 - sum P_return) * S(j) / sum S, with P_return from
    `repeats.chances`.
    """

    def __init__(
        self, profile: Profile, rows: Mapping[str, Neighbors], *, now_us: int, constants: Constants = SERVED
    ) -> None:
        self._profile = profile
        self._first = rows
        self._now_us = now_us
        self._constants = constants
        self._together = _Together(constants, now_us)
        self._together.add_context(context(profile, constants=constants), rows)
        self._best = self._together.best()

    def second_rows(self) -> list[str]:
        """Ids of the rows that `personal` is to be given as well."""
        return [item_id for item_id in self._best if item_id not in self._first]

    def personal(self, more: Mapping[str, Neighbors]) -> list[Ranked]:
        """Items for the shopper, best first, from the first rows and those of `more`, or as many of them as
        there are. To be called once. Bought items are out."""
        together, profile = self._together, self._profile
        together.add_hops([row for one in self._best if (row := self._first.get(one) or more.get(one))])
        returns = dict(_returns(profile, self._first, self._now_us, self._constants))
        whole = fsum(together.scores.values())
        # What has faded to less than floats can tell apart has faded away: a share of it would be infinite.
        share = (1.0 - sum(returns.values())) / whole if whole >= float_info.min else 0.0
        ranked = []
        for item_id, score in together.scores.items():
            part, again = share * score, returns.pop(item_id, 0.0)
            if item_id in profile.purchased or part + again <= 0.0:
                continue
            if again > part:
                ranked.append(Ranked(item_id, part + again, Why.REMINDER, item_id))
            else:
                ranked.append(Ranked(item_id, part + again, Why.SEEN_TOGETHER, together.because[item_id]))
        for item_id, again in returns.items():
            if item_id not in profile.purchased:
                ranked.append(Ranked(item_id, again, Why.REMINDER, item_id))
        ranked.sort(key=lambda one: (-one.score, one.item_id))
        return ranked


def _returns(
    profile: Profile, rows: Mapping[str, Neighbors], now_us: int, constants: Constants
) -> list[tuple[str, float]]:
    before = [seen.item_id for seen in profile.history[: repeats.WINDOW]]
    row = rows.get(repeats.ROW_ID)
    if row is None:
        return repeats.chances(before, (), constants.repeats_prior)
    fade = _fade(row, now_us, constants)
    counts = [(one.item_id, fade * one.weight) for one in row.neighbors]
    return repeats.chances(before, counts, constants.repeats_prior)


class _Together:
    """What goes with the shopper's items: scores, and for each the shopper's item that says most for it."""

    def __init__(self, constants: Constants, now_us: int) -> None:
        self._constants = constants
        self._now_us = now_us
        self.scores: dict[str, float] = {}
        self.because: dict[str, str] = {}

    def add_context(self, items: list[str], rows: Mapping[str, Neighbors]) -> None:
        scores, because = self.scores, self.because
        strongest: dict[str, float] = {}
        weight = 1.0
        for item_id in items:
            row = rows.get(item_id)
            if row is not None:
                factor = weight * self._factor(row)
                for neighbor in row.neighbors:
                    other, part = neighbor.item_id, factor * neighbor.weight
                    if part <= 0.0:
                        continue  # faded away
                    scores[other] = scores.get(other, 0.0) + part
                    if part > strongest.get(other, 0.0):
                        strongest[other] = part
                        because[other] = item_id
            weight *= self._constants.context_decay

    def best(self) -> list[str]:
        """The items whose own neighbours are worth asking for, best first."""
        ordered = sorted(self.scores.items(), key=_heaviest_first)
        return [item_id for item_id, _ in ordered[: self._constants.hops]]

    def add_hops(self, asked: list[Neighbors]) -> None:
        """`asked` are the rows of `best` that there are."""
        constants, scores, because = self._constants, self.scores, self.because
        if not asked:
            return
        busy = [1.0 + row.total * _fade(row, self._now_us, constants) for row in asked]
        mean = prod(busy) ** (1 / len(busy))
        for row, total in zip(asked, busy, strict=True):
            scores[row.id] *= (total / mean) ** -constants.lift
        asked.sort(key=lambda row: (-scores[row.id], row.id))
        found: dict[str, float] = {}
        for row in asked:
            factor = constants.hop_weight * scores[row.id] * self._factor(row)
            if factor <= 0.0:
                continue
            for neighbor in row.neighbors[: constants.hop_neighbors]:
                other = neighbor.item_id
                if neighbor.weight > 0.0:
                    found[other] = found.get(other, 0.0) + factor * neighbor.weight
                    because.setdefault(other, because[row.id])
        for other, part in found.items():
            scores[other] = scores.get(other, 0.0) + part

    def _factor(self, row: Neighbors) -> float:
        fade = _fade(row, self._now_us, self._constants)
        return fade / pow(row.total * fade + self._constants.row_prior, self._constants.row_exponent)


def _fade(row: Neighbors, now_us: int, constants: Constants) -> float:
    age_days = max(0, now_us - row.as_of) / clock.DAY
    return exp2(-age_days / constants.half_life_days)


def _heaviest_first(entry: tuple[str, float]) -> tuple[float, str]:
    return -entry[1], entry[0]
