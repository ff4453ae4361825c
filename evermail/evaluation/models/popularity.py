"""What needs no model: the most clicked items, of all training or of late, and what was just looked at."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np

from evermail.evaluation.datasets import Case, DataSet
from evermail.evaluation.progress import Track

RECENT_SHARE = 0.1
"""The newest part of the training sessions that recent popularity counts."""


class Popular:
    """The items clicked most in the newest `share` of the training sessions."""

    def __init__(self, share: float = 1.0) -> None:
        self._share = share
        self._order: list[int] = []

    def fit(self, data: DataSet, track: Track) -> None:
        first = int(len(data.train) * (1 - self._share))
        clicks = np.bincount(data.train.items[data.train.starts[first] :], minlength=data.known)
        self._order = [int(item) for item in np.argsort(-clicks, kind="stable") if clicks[item]]

    def recommend(self, case: Case, count: int, unwanted: Collection[int]) -> Sequence[int]:
        likely = self._order[: count + len(unwanted)]
        return [item for item in likely if item not in unwanted][:count]


class RecentlyViewed:
    """The items of the session itself, newest first, the current one included."""

    def fit(self, data: DataSet, track: Track) -> None:
        pass

    def recommend(self, case: Case, count: int, unwanted: Collection[int]) -> Sequence[int]:
        return [item for item in dict.fromkeys(reversed(case.history)) if item not in unwanted][:count]
