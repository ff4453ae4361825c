"""What a model has to do to be measured."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Protocol

import numpy as np

from evermail.evaluation.datasets import Case, DataSet, Floats, Ints
from evermail.evaluation.progress import Track


class Model(Protocol):
    def fit(self, data: DataSet, track: Track) -> None:
        """Learns from the training sessions of `data`, and from nothing else of it."""

    def recommend(self, case: Case, count: int, unwanted: Collection[int]) -> Sequence[int]:
        """At most `count` items, best first, none of them twice, none `unwanted`."""


def best(items: Ints, scores: Floats, popularity: Ints, count: int, unwanted: Collection[int]) -> list[int]:
    """The items with the highest scores above zero. Of equals, the more popular first, then by id."""
    wanted = scores > 0
    if unwanted:
        wanted &= ~np.isin(items, list(unwanted))
    items, scores = items[wanted], scores[wanted]
    if len(items) > count:
        # All that may share the last place take part
        least = np.partition(scores, len(scores) - count)[len(scores) - count]
        items, scores = items[scores >= least], scores[scores >= least]
    order = np.lexsort((items, -popularity[items], -scores))[:count]
    return list(map(int, items[order]))
