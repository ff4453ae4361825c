"""What can be tuned: a model with its constants, their values to try, and how a point ranks a tail."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import msgspec
import numpy as np

from evermail.constants import SERVED, Constants
from evermail.evaluation import metrics
from evermail.evaluation.batch.learning import Pairs, Rows, returns
from evermail.evaluation.batch.ranking import Cases, Reader
from evermail.evaluation.datasets import DataSet, Ints
from evermail.evaluation.models.model import Model
from evermail.evaluation.models.rules import SHRINKAGE, ItemKnn
from evermail.evaluation.models.served import NEIGHBORS_KEPT, TRENDING_HALF_LIFE_US, TRENDING_KEPT
from evermail.evaluation.models.session_knn import NEIGHBORS, RECENT_SESSIONS, SessionKnn
from evermail.evaluation.progress import silent

DEPTH = 20

Ranks = tuple[Ints, Ints]
"""The targets' places of all cases, with everything recommended; and with what was seen left out, 0 there for
targets that were."""


class Subject(Protocol):
    """`space` has the values to try of each constant, `start` the ones in use, which stand in `file`."""

    space: Mapping[str, Sequence[float]]
    start: Mapping[str, float]
    file: str

    def prepare(self, tail: DataSet) -> None:
        """Takes in one more data set."""

    def ranks(self, place: int, point: Mapping[str, float]) -> Ranks:
        """How the data set that was taken in in this place is ranked."""

    def line(self, name: str, value: float) -> str:
        """The line of `file` that gives a constant a value."""


class TuneEvermail:
    """The served model, in its batch form. The values to try respect what an event and an open may cost."""

    space: Mapping[str, Sequence[float]] = {
        "half_life_days": (7, 14, 30, 45, 60, 90, 120),
        "look_back": (3, 4, 5),
        "backward": (0.25, 0.375, 0.5, 0.75, 1),
        "context": (3, 4, 5),
        "context_decay": (0.3, 0.4, 0.5, 0.6, 0.7, 0.8),
        "row_prior": (0.25, 0.5, 1, 2, 5, 10),
        "row_exponent": (0.5, 0.65, 0.75, 0.85, 1),
        "hops": (0, 5, 10),
        "hop_neighbors": (10, 20, 30),
        "hop_weight": (0.25, 0.35, 0.5, 0.7, 1),
        "lift": (0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6),
        "repeats_prior": (5, 10, 20, 50, 100),
    }
    start: Mapping[str, float] = msgspec.structs.asdict(SERVED)
    file = "evermail/constants.py"

    def __init__(self) -> None:
        self._tails: list[tuple[DataSet, Cases, Ints, Ints]] = []
        self._pairs: dict[tuple[int, int], Pairs] = {}
        self._rows: dict[tuple[float, ...], Rows] = {}

    def prepare(self, tail: DataSet) -> None:
        width = len(tail.names)
        places = np.empty(width, np.int64)
        places[np.argsort(np.array(tail.names))] = np.arange(width)
        self._tails.append((tail, Cases.of(list(tail.cases), width), places, _popular(tail)))

    def ranks(self, place: int, point: Mapping[str, float]) -> Ranks:
        tail, cases, names, popular = self._tails[place]
        constants = as_constants(point)
        rows = self._learn(place, tail, names, constants)
        reader = Reader(rows, returns(tail.train, constants), names, popular, constants)
        return reader.ranks(cases, DEPTH)

    def line(self, name: str, value: float) -> str:
        return f"    {name}: {type(value).__name__} = {value!r}"

    def _learn(self, place: int, tail: DataSet, names: Ints, constants: Constants) -> Rows:
        """Only what changed since is learned anew: most constants are read with."""
        pairs_of = place, constants.look_back
        if pairs_of not in self._pairs:
            self._pairs[pairs_of] = Pairs.of(tail.train, len(names), constants.look_back)
        written = place, constants.look_back, constants.half_life_days, constants.backward
        if written not in self._rows:
            if len(self._rows) >= 4 * len(self._tails):
                del self._rows[next(iter(self._rows))]
            rows = self._pairs[pairs_of].rows(tail.train, names, constants, NEIGHBORS_KEPT)
            self._rows[written] = rows
        return self._rows[written]


class TuneModel:
    """A baseline that is made of its constants."""

    def __init__(self, space: Mapping[str, Sequence[float]], start: Mapping[str, float], kind: type) -> None:
        self.space, self.start, self._kind = space, start, kind
        self.file = f"{kind.__module__.replace('.', '/')}.py"
        self._tails: list[DataSet] = []

    def prepare(self, tail: DataSet) -> None:
        self._tails.append(tail)

    def ranks(self, place: int, point: Mapping[str, float]) -> Ranks:
        tail = self._tails[place]
        model: Model = self._kind(**point)
        model.fit(tail, silent)
        shown = np.full((2, len(tail.cases), DEPTH), metrics.NOTHING, np.int64)
        for at, case in enumerate(tail.cases):
            seen = set(case.history)
            for way, out in enumerate((set[int](), seen)):
                if case.target not in out:
                    items = model.recommend(case, DEPTH, out)
                    shown[way, at, : len(items)] = items
        targets = np.array([case.target for case in tail.cases], np.int64)
        return metrics.ranks(shown[0], targets), metrics.ranks(shown[1], targets)

    def line(self, name: str, value: float) -> str:
        return f"{name.upper()} = {value!r}"


def as_constants(point: Mapping[str, float]) -> Constants:
    """Raises `msgspec.ValidationError` where a whole number is not one."""
    return msgspec.convert(dict(point), Constants, strict=False)


def _popular(tail: DataSet) -> Ints:
    """What trends when training ends."""
    train = tail.train
    fade = 2.0 ** ((train.times - train.times.max()) / TRENDING_HALF_LIFE_US)
    weights = np.bincount(train.items, fade, len(tail.names))
    ordered = np.argsort(-weights, kind="stable")[:TRENDING_KEPT]
    return ordered[weights[ordered] > 0]


SUBJECTS: dict[str, Callable[[], Subject]] = {
    "evermail": TuneEvermail,
    "vmisknn": lambda: TuneModel(
        {
            "recent_sessions": (100, 250, 500, 1000, 2500, 5000),
            "neighbors": (50, 100, 200, 500, 1000, 1500),
        },
        {"recent_sessions": RECENT_SESSIONS, "neighbors": NEIGHBORS},
        SessionKnn,
    ),
    "itemknn": lambda: TuneModel({"shrinkage": (0, 5, 20, 50, 100)}, {"shrinkage": SHRINKAGE}, ItemKnn),
}
"""By the names that `evermail evaluate` has for them."""
