from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

import pytest
from evaluation_support import named, of_lines

from evermail.evaluation.datasets import Case, DataSet
from evermail.evaluation.metrics import NOTHING
from evermail.evaluation.models.popularity import Popular
from evermail.evaluation.progress import Track, silent
from evermail.evaluation.protocol import Repeats, counted, measure

TRAIN = ["a b c"]
TEST = ["a a b a"]
"""The next items are: the current one again, a new one, an earlier one."""


class Alphabet:
    """Recommends every item in order, and notes what it was asked."""

    def fit(self, data: DataSet, track: Track) -> None:
        self.asked: list[tuple[list[str], int, list[str]]] = []
        self.data = data

    def recommend(self, case: Case, count: int, unwanted: Collection[int]) -> Sequence[int]:
        self.asked.append((named(self.data, case.history), count, sorted(named(self.data, sorted(unwanted)))))
        return [item for item in range(self.data.known) if item not in unwanted][:count]


@pytest.mark.parametrize(
    ("repeats", "targets"),
    [(Repeats.YES, "a b a"), (Repeats.NOT_CURRENT, "b a"), (Repeats.NO, "b")],
)
def test_the_rule_says_which_cases_count(tmp_path: Path, repeats: Repeats, targets: str) -> None:
    data = of_lines(tmp_path, TRAIN, TEST)
    assert named(data, [case.target for case in counted(data, repeats)]) == targets.split()


@pytest.mark.parametrize(
    ("repeats", "unwanted", "ranks"),
    [
        (Repeats.YES, [[], [], []], [1, 2, 1]),
        (Repeats.NOT_CURRENT, [["a"], ["b"]], [1, 1]),
        (Repeats.NO, [["a"]], [1]),
    ],
)
def test_the_rule_says_what_may_be_recommended(
    tmp_path: Path, repeats: Repeats, unwanted: list[list[str]], ranks: list[int]
) -> None:
    data = of_lines(tmp_path, TRAIN, TEST)
    model = Alphabet()
    outcome = measure("it", model, data, counted(data, repeats), repeats=repeats, depth=2, track=silent)
    assert [out for _, _, out in model.asked] == unwanted
    assert {count for _, count, _ in model.asked} == {2}
    assert outcome.ranks.tolist() == ranks


def test_a_model_sees_nothing_of_what_came_next(tmp_path: Path) -> None:
    data = of_lines(tmp_path, TRAIN, ["a b c"])
    model = Alphabet()
    measure("it", model, data, counted(data, Repeats.YES), repeats=Repeats.YES, depth=2, track=silent)
    assert [history for history, _, _ in model.asked] == [["a"], ["a", "b"]]


def test_short_lists_are_filled_with_nothing(tmp_path: Path) -> None:
    data = of_lines(tmp_path, ["a", "a", "b"], ["a c"])
    outcome = measure(
        "pop", Popular(), data, counted(data, Repeats.YES), repeats=Repeats.YES, depth=4, track=silent
    )
    assert outcome.lists.tolist() == [[0, 1, NOTHING, NOTHING]]
    assert outcome.ranks.tolist() == [0]  # c is not known, and nothing is not c
