"""How alike two items are: half by category, half by what they were seen together with.

An item is a vector over the rows of neighbours that were read for this shopper: how heavy it stands in each,
as a share of the row's heaviest, and 1 in its own. The cosine of two such vectors is 1 where the same of the
shopper's items lead to both, and 0 where none does. Rows that the ranking did not need are not read for this.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import sqrt

from evermail.documents import Neighbors, Product


class Similarity:
    """Compares products by their categories and by the `rows` that were read for the ranking."""

    def __init__(self, rows: Mapping[str, Neighbors]) -> None:
        self._seen_with: dict[str, dict[str, float]] = {}
        for seed in sorted(rows):  # sums of floats must not depend on the order that documents came in
            neighbors = rows[seed].neighbors
            heaviest = max((one.weight for one in neighbors), default=0.0)
            if heaviest > 0:
                self._seen_with.setdefault(seed, {})[seed] = 1.0
                for one in neighbors:
                    self._seen_with.setdefault(one.item_id, {})[seed] = one.weight / heaviest
        self._units: dict[str, dict[str, float]] = {}

    def between(self, one: Product, other: Product) -> float:
        """From 0, nothing in common, to 1."""
        together = self._cosine(self._unit(one.id), self._unit(other.id))
        return 0.5 * together + (0.5 if one.category is not None and one.category == other.category else 0.0)

    def _unit(self, item_id: str) -> dict[str, float]:
        unit = self._units.get(item_id)
        if unit is None:
            vector = self._seen_with.get(item_id, {})
            length = sqrt(sum([weight * weight for weight in vector.values()])) or 1.0
            unit = self._units[item_id] = {seed: weight / length for seed, weight in vector.items()}
        return unit

    @staticmethod
    def _cosine(one: dict[str, float], other: dict[str, float]) -> float:
        if len(one) > len(other):
            one, other = other, one
        return min(1.0, sum([weight * other.get(seed, 0.0) for seed, weight in one.items()]))
