"""The rules of measuring: the next item of each case against the whole assortment, never against a sample.

Whether what was seen before in the session counts changes figures by up to 25 points: `Repeats`.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from evermail.evaluation import metrics
from evermail.evaluation.datasets import Case, DataSet, Ints
from evermail.evaluation.models.model import Model
from evermail.evaluation.progress import Track


class Repeats(StrEnum):
    """What may be recommended. A case whose next item may not is left out."""

    YES = "yes"
    """Everything: the rule of most published figures."""
    NOT_CURRENT = "not-current"
    """All but the item just looked at."""
    NO = "no"
    """Only what was not seen before in the session."""

    def unwanted(self, case: Case) -> set[int]:
        """What may not be recommended."""
        match self:
            case Repeats.YES:
                return set()
            case Repeats.NOT_CURRENT:
                return {case.current}
            case Repeats.NO:
                return set(case.history)


@dataclass(frozen=True)
class Outcome:
    """What one model recommended: a list for each case, filled up with `metrics.NOTHING`, and the targets'
    places in them. The seconds of learning, and of all cases together, are this machine's."""

    name: str
    lists: Ints
    ranks: Ints
    learning_s: float
    answering_s: float


def counted(data: DataSet, repeats: Repeats) -> list[Case]:
    """The cases that count."""
    return [case for case in data.cases if case.target not in repeats.unwanted(case)]


def measure(
    name: str,
    model: Model,
    data: DataSet,
    cases: Sequence[Case],
    *,
    repeats: Repeats,
    depth: int,
    track: Track,
) -> Outcome:
    """Lets a model learn and asks it for `depth` items for each case."""
    begun = time.perf_counter()
    model.fit(data, track)
    learned = time.perf_counter()
    lists = np.full((len(cases), depth), metrics.NOTHING, np.int64)
    for at, case in enumerate(track(cases, f"{name}: {len(cases):,} cases", len(cases))):
        shown = model.recommend(case, depth, repeats.unwanted(case))
        lists[at, : len(shown)] = shown
    answered = time.perf_counter()
    targets = np.array([case.target for case in cases], np.int64)
    return Outcome(name, lists, metrics.ranks(lists, targets), learned - begun, answered - learned)
