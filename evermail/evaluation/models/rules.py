"""Models of pairs of items: association rules, sequential rules, and cosine similarity.

After Ludewig and Jannach, "Evaluation of Session-based Recommendation Algorithms" (UMUAI 2018). Rules are not
pruned, and an item may follow itself: whether that counts is for the protocol to say.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

import numpy as np

from evermail.evaluation.datasets import Case, DataSet, Floats, Ints, Sessions
from evermail.evaluation.models.model import best
from evermail.evaluation.progress import Track

STEPS = 10
"""Sequential rules look this many clicks back, the d-th with weight 1/d."""

SHRINKAGE = 20.0
"""Added to the sessions of each item before they are multiplied: rare pairs are no sure pairs."""

_Weighted = tuple[Ints, Ints, Floats]
"""Pairs: from which item, to which, and how much."""


class _Rules:
    """Recommends by the rows of the last item."""

    def fit(self, data: DataSet, track: Track) -> None:
        self._popularity = data.clicks
        self._rows = _Rows(self._pairs(data, track), len(data.names))

    def _pairs(self, data: DataSet, track: Track) -> _Weighted:
        raise NotImplementedError

    def recommend(self, case: Case, count: int, unwanted: Collection[int]) -> Sequence[int]:
        items, weights = self._rows[case.current]
        return best(items, weights, self._popularity, count, unwanted)


class AssociationRules(_Rules):
    """AR: how often two items occur in one session, whichever came first."""

    def _pairs(self, data: DataSet, track: Track) -> _Weighted:
        one, other = _either_way(data.train, track)
        return one, other, np.ones(len(one), np.float64)


class SequentialRules(_Rules):
    """SR: how often an item comes after another, by 1/distance."""

    def _pairs(self, data: DataSet, track: Track) -> _Weighted:
        found = list(_within(data.train, STEPS, track))
        earlier = np.concatenate([earlier for _, earlier, _ in found])
        later = np.concatenate([later for _, _, later in found])
        return earlier, later, np.concatenate([np.full(len(one), 1 / steps) for steps, one, _ in found])


class ItemKnn:
    """Item-kNN: cosine similarity of items by the sessions they are in, summed over the items of the case."""

    def __init__(self, shrinkage: float = SHRINKAGE) -> None:
        self._shrinkage = shrinkage

    def fit(self, data: DataSet, track: Track) -> None:
        width = len(data.names)
        distinct = data.train.distinct(width)
        one, other = _either_way(distinct, track)
        size = np.sqrt(np.bincount(distinct.items, minlength=width) + self._shrinkage)
        similarity: Floats = 1.0 / (size[one] * size[other])
        self._popularity = data.clicks
        self._rows = _Rows((one, other, similarity), width)

    def recommend(self, case: Case, count: int, unwanted: Collection[int]) -> Sequence[int]:
        rows = [self._rows[item] for item in set(case.history)]
        items, place = np.unique(np.concatenate([items for items, _ in rows]), return_inverse=True)
        weights = np.concatenate([weights for _, weights in rows])
        scores: Floats = np.bincount(place, weights, len(items)).astype(np.float64)
        return best(items, scores, self._popularity, count, unwanted)


class _Rows:
    """The sums of weighted pairs, by the item that they are from."""

    def __init__(self, pairs: _Weighted, width: int) -> None:
        one, other, weights = pairs
        keys, place = np.unique(one * width + other, return_inverse=True)
        rows, self._items = np.divmod(keys, width)
        # Sums of thirds and sixths must not differ by the order of adding: equals have to be equal
        self._weights: Floats = np.round(np.bincount(place, weights, len(keys)), 9)
        self._starts = np.searchsorted(rows, np.arange(width + 1))

    def __getitem__(self, item: int) -> tuple[Ints, Floats]:
        row = slice(self._starts[item], self._starts[item + 1])
        return self._items[row], self._weights[row]


def _either_way(sessions: Sessions, track: Track) -> tuple[Ints, Ints]:
    """All pairs of clicks in one session, each of them both ways: from which item, to which."""
    found = list(_within(sessions, None, track))
    one = np.concatenate([one for _, one, _ in found])
    other = np.concatenate([other for _, _, other in found])
    return np.concatenate([one, other]), np.concatenate([other, one])


def _within(sessions: Sessions, steps: int | None, track: Track) -> Iterator[tuple[int, Ints, Ints]]:
    """For each distance of two clicks in one session, up to `steps`: the earlier items and the later ones."""
    longest = max(1, int(np.diff(sessions.starts).max()) - 1)
    farthest = longest if steps is None else min(steps, longest)
    owners = sessions.owners
    for distance in track(range(1, farthest + 1), "pairing clicks", farthest):
        same = owners[:-distance] == owners[distance:]
        yield distance, sessions.items[:-distance][same], sessions.items[distance:][same]
