"""Which candidates get the slots: pins first, then by relevance and variety, at most so many of a category.

Variety is maximal marginal relevance (Carbonell and Goldstein, SIGIR 1998): next comes the candidate j with
the highest lambda * relevance(j) - (1 - lambda) * max similarity(j, i) over all i that have a slot. Relevance
is the score as a share of the highest one in its group. Groups follow each other (`Candidate.group`), as the
scores of two of them do not compare.

A cap on categories gives way before a slot stays empty or goes to what the shopper has seen enough of: one
more of a category may still be wanted, where a tired item has shown that it is not.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import groupby

import msgspec

from evermail.shelf.policy import Rule
from evermail.shelf.screening import Candidate
from evermail.shelf.similarity import Similarity


class Placed(msgspec.Struct, frozen=True):
    """An item in its slot."""

    candidate: Candidate
    relevance: float
    similarity: float = 0.0
    """To the most similar of those that were chosen before."""
    pin: Rule | None = None
    over_cap: bool = False
    """Its category has more slots than it may, as nothing else was left that is as fresh."""


class Selection(msgspec.Struct, frozen=True):
    """The slots in order. `strained`: with more candidates they could be better filled."""

    placed: list[Placed]
    strained: bool
    missed_pins: list[Rule]
    """Pins that found no slot, or nothing that may be shown."""


def select(
    candidates: Iterable[Candidate],
    slots: int,
    *,
    similarity: Similarity,
    diversity: float = 0.0,
    max_per_category: int | None = None,
    pins: Sequence[Rule] = (),
) -> Selection:
    """Fills the slots with candidates, each item once. The order of the candidates is irrelevant.

    A boost never moves its own item back: what is pinned, and how much relevance the others have, is decided
    without it.
    """
    ordered = best_of_each(candidates)
    pinned, missed_pins = _pin(ordered, slots, pins)
    filling = _Filling(slots, pinned.values(), similarity, diversity, max_per_category)
    for _, alike in groupby(ordered, key=lambda one: (one.buried, one.ignored > 0)):
        part = list(alike)
        for relaxed in (False, True):
            for _, group in groupby(part, key=lambda one: one.group):
                filling.take(list(group), relaxed=relaxed)
    rest = iter(filling.chosen)
    placed = [one for slot in range(1, slots + 1) if (one := pinned.get(slot) or next(rest, None))]
    strained = len(placed) < slots or any(
        one.over_cap or one.candidate.buried or one.candidate.ignored for one in placed if one.pin is None
    )
    return Selection(placed, strained, missed_pins)


def best_of_each(candidates: Iterable[Candidate]) -> list[Candidate]:
    """Each item once, as it stands best, the best first: it may be in several rankings."""
    ordered = sorted(
        candidates, key=lambda one: (one.group, -one.ranked.score, one.place, one.ranked.item_id)
    )
    best: dict[str, Candidate] = {}
    for one in ordered:
        best.setdefault(one.ranked.item_id, one)
    return list(best.values())


def _pin(
    ordered: Sequence[Candidate], slots: int, pins: Sequence[Rule]
) -> tuple[dict[int, Placed], list[Rule]]:
    """The best candidate for each pin, the first rule first; a slot that is taken is no slot for another."""
    fitting: dict[Rule, list[Candidate]] = {}
    for one in ordered:
        for rule in one.pins:
            fitting.setdefault(rule, []).append(one)
    pinned: dict[int, Placed] = {}
    missed: list[Rule] = []
    taken: set[str] = set()
    for rule in pins:
        slot = rule.pin or 0
        found = None
        if slot <= slots and slot not in pinned:
            free = (one for one in fitting.get(rule, ()) if one.ranked.item_id not in taken)
            found = next(free, None)
        if found is None:
            missed.append(rule)
            continue
        taken.add(found.ranked.item_id)
        pinned[slot] = Placed(found, 0.0, pin=rule)
    return pinned, missed


class _Filling:
    """Slots being filled beside those that are pinned."""

    def __init__(
        self,
        slots: int,
        pinned: Iterable[Placed],
        similarity: Similarity,
        diversity: float,
        max_per_category: int | None,
    ) -> None:
        self._similarity = similarity
        self._diversity = diversity
        self._cap = max_per_category
        self._there = [one.candidate for one in pinned]
        self._left = slots - len(self._there)
        self._of_category = Counter(one.product.category for one in self._there)
        self._compared: dict[str, tuple[int, float]] = {}
        self.taken = {one.ranked.item_id for one in self._there}
        self.chosen: list[Placed] = []

    def take(self, group: list[Candidate], *, relaxed: bool) -> None:
        """Fills slots from one group, by falling score; `relaxed` lets a category have more than its cap."""
        top = group[0].ranked.score if group[0].ranked.score > 0 else 1.0
        free = (one for one in group if one.ranked.item_id not in self.taken)
        waiting = [(one.boost * one.ranked.score / top, one) for one in free]
        waiting.sort(key=lambda pair: -pair[0])  # stable
        while self._left and waiting:
            best = self._best(waiting, relaxed)
            if best is None:
                return
            relevance, candidate = waiting.pop(best)
            category = candidate.product.category
            over = self._is_full(category)
            similarity = self._most_similar(candidate)
            self.chosen.append(Placed(candidate, relevance, similarity, over_cap=over))
            self.taken.add(candidate.ranked.item_id)
            self._there.append(candidate)
            self._of_category[category] += 1
            self._left -= 1

    def _best(self, waiting: list[tuple[float, Candidate]], relaxed: bool) -> int | None:
        """Where the candidate stands that comes next; None if all are of categories that are full."""
        best, highest = None, 0.0
        for place, (relevance, candidate) in enumerate(waiting):
            promise = (1.0 - self._diversity) * relevance
            if best is not None and promise <= highest:
                break  # similarity only lowers it, and all further ones are less relevant
            if not relaxed and self._is_full(candidate.product.category):
                continue
            value = promise - self._diversity * self._most_similar(candidate)
            if best is None or value > highest:
                best, highest = place, value
        return best

    def _is_full(self, category: str | None) -> bool:
        return self._cap is not None and category is not None and self._of_category[category] >= self._cap

    def _most_similar(self, candidate: Candidate) -> float:
        """The similarity to the most similar one chosen so far, compared with each only once."""
        if not self._diversity:
            return 0.0
        item_id = candidate.ranked.item_id
        compared, most = self._compared.get(item_id, (0, 0.0))
        for other in self._there[compared:]:
            most = max(most, self._similarity.between(candidate.product, other.product))
        self._compared[item_id] = len(self._there), most
        return most
