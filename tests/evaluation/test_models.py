"""The models that the field compares with, on sessions small enough to count by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from evaluation_support import named, of_lines
from hypothesis import given
from hypothesis import strategies as st

from evermail.evaluation.command import MODELS
from evermail.evaluation.datasets import DataSet
from evermail.evaluation.models.model import Model, best
from evermail.evaluation.models.popularity import Popular, RecentlyViewed
from evermail.evaluation.models.rules import AssociationRules, ItemKnn, SequentialRules
from evermail.evaluation.models.session_knn import SessionKnn
from evermail.evaluation.progress import silent


def answer(model: Model, data: DataSet, *, count: int = 10, unwanted: str = "") -> str:
    """What is recommended at the last case."""
    model.fit(data, silent)
    case = list(data.cases)[-1]
    return " ".join(named(data, model.recommend(case, count, {data.names.index(one) for one in unwanted})))


class TestBest:
    ITEMS = np.arange(5)
    POPULARITY = np.array([1, 5, 5, 9, 1])

    def test_of_equals_the_more_popular_come_first_then_the_lower_number(self) -> None:
        scores = np.array([1.0, 1.0, 1.0, 0.5, 2.0])
        assert best(self.ITEMS, scores, self.POPULARITY, 5, ()) == [4, 1, 2, 0, 3]
        assert best(self.ITEMS, scores, self.POPULARITY, 2, ()) == [4, 1]

    def test_neither_what_is_unwanted_nor_what_has_no_score(self) -> None:
        scores = np.array([0.0, 1.0, -1.0, 3.0, 2.0])
        assert best(self.ITEMS, scores, self.POPULARITY, 5, {3}) == [4, 1]

    @given(st.lists(st.integers(0, 3), min_size=1, max_size=30), st.integers(1, 30))
    def test_a_short_list_is_the_beginning_of_a_long_one(self, scores: list[int], count: int) -> None:
        items, found = np.arange(len(scores)), np.array(scores, np.float64)
        popularity = np.array([score % 2 for score in scores])
        everything = best(items, found, popularity, len(scores), ())
        assert best(items, found, popularity, count, ()) == everything[:count]


def test_popularity_counts_clicks(tmp_path: Path) -> None:
    data = of_lines(tmp_path, ["a a a", "b b", "c"], ["a b"])
    assert answer(Popular(), data) == "a b c"
    assert answer(Popular(), data, count=1, unwanted="a") == "b"


def test_recent_popularity_counts_the_newest_sessions(tmp_path: Path) -> None:
    data = of_lines(tmp_path, ["a a", "b b", "c c", "d"], ["a b"])
    assert answer(Popular(0.5), data) == "c d"


def test_recently_viewed_are_the_sessions_own_newest_first(tmp_path: Path) -> None:
    data = of_lines(tmp_path, ["a"], ["a b a c x"])
    assert answer(RecentlyViewed(), data) == "c a b"
    assert answer(RecentlyViewed(), data, unwanted="ac") == "b"


def test_association_rules_count_pairs_both_ways(tmp_path: Path) -> None:
    # with b: a twice, and once each before and after it; c once; b itself at another click, both ways
    data = of_lines(tmp_path, ["a b a", "c b", "d", "b b"], ["a b x"])
    assert answer(AssociationRules(), data) == "b a c"
    assert answer(AssociationRules(), data, unwanted="b") == "a c"


def test_sequential_rules_look_back_and_weigh_by_distance(tmp_path: Path) -> None:
    # after a: c 1/2 + 1/2 + 1/2, b 1, d 1/3; what comes before it counts nothing
    data = of_lines(tmp_path, ["a b c d", "a x c", "a y c", "z a"], ["b a e"])
    assert answer(SequentialRules(), data) == "c b x y d"


def test_sequential_rules_look_ten_clicks_back(tmp_path: Path) -> None:
    data = of_lines(tmp_path, ["a b c d e f g h i j k l"], ["b a x"])
    assert answer(SequentialRules(), data, count=20) == "b c d e f g h i j k"


def test_sums_of_fractions_do_not_depend_on_how_they_were_added_up(tmp_path: Path) -> None:
    """b has six times 1/6 and c once 1: equals, so the more popular b comes first."""
    data = of_lines(tmp_path, [*["a p q r s t b"] * 6, "a c"], ["q a x"])
    assert answer(SequentialRules(), data) == "p q r s t b c"


def test_item_knn_prefers_company_to_popularity(tmp_path: Path) -> None:
    """Both are seen with a twice; b is seen alone a hundred times besides."""
    data = of_lines(tmp_path, ["a b c", "a c b", *["b"] * 100], ["a x"])
    assert answer(ItemKnn(), data) == "c b"


def test_item_knn_counts_an_item_once_a_session_and_sums_over_the_case(tmp_path: Path) -> None:
    data = of_lines(tmp_path, ["a b b b", "a c", "d c", "d e"], ["a d x"])
    assert answer(ItemKnn(), data) == "c b e"


class TestSessionKnn:
    def test_the_items_of_the_most_similar_session_come_first(self, tmp_path: Path) -> None:
        data = of_lines(tmp_path, ["a b c", "a d", "e f"], ["a b x"])
        assert answer(SessionKnn(), data, unwanted="ab") == "c d"

    def test_rare_items_count_more(self, tmp_path: Path) -> None:
        data = of_lines(tmp_path, ["a b c", *["b"] * 9, "z"], ["z a x"])
        assert answer(SessionKnn(), data, unwanted="az") == "c b"

    def test_of_an_item_only_the_newest_sessions_are_looked_at(self, tmp_path: Path) -> None:
        """The oldest shares both items, but there are 500 newer ones of a, and b alone is too little."""
        crowd = ["a z"] * 499
        data = of_lines(tmp_path, ["a b old", *crowd], ["b a x"])
        assert "old" in answer(SessionKnn(), data).split()
        data = of_lines(tmp_path, ["a b old", *crowd, "a z"], ["b a x"])
        assert "old" not in answer(SessionKnn(), data).split()

    def test_scores_by_hand(self, tmp_path: Path) -> None:
        """Of the case a b the first session shares both, which counts 1/2 + 1, the newest in place 1; the
        second shares a, which counts 1/2, in place 2. Of four sessions a is in two, the other items in one.
        So b and c have 1.5 * 0.9 * log 4 = 1.87, a has (1.5 * 0.9 + 0.5 * 0.8) * log 2 = 1.21, and d has
        0.5 * 0.8 * log 4 = 0.55.
        """
        data = of_lines(tmp_path, ["a b c", "a d", "e", "f"], ["a b x"])
        assert answer(SessionKnn(), data) == "b c a d"

    def test_the_current_item_can_be_left_out(self, tmp_path: Path) -> None:
        data = of_lines(tmp_path, ["a b c", "a d", "e", "f"], ["a b x"])
        assert answer(SessionKnn(keeps_current=False), data) == "c a d"
        assert answer(SessionKnn(keeps_current=False), data, unwanted="a") == "c d"


@pytest.mark.parametrize("name", MODELS)
def test_every_model_stands_what_it_has_never_met(name: str, tmp_path: Path) -> None:
    data = of_lines(tmp_path, ["a", "b"], ["new newer newest"])
    recommended = answer(MODELS[name](), data).split()
    assert len(recommended) == len(set(recommended))


@pytest.mark.parametrize("name", MODELS)
@given(
    train=st.lists(st.text("abcdef", min_size=1, max_size=8), min_size=1, max_size=8),
    case=st.text("abcdefg", min_size=2, max_size=8),
    count=st.integers(1, 8),
    unwanted=st.sets(st.sampled_from("abcdef")),
)
def test_no_model_repeats_itself_or_says_what_is_unwanted(
    name: str,
    train: list[str],
    case: str,
    count: int,
    unwanted: set[str],
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    data = of_lines(tmp_path_factory.mktemp("data"), [" ".join(one) for one in train], [" ".join(case)])
    known = "".join(one for one in unwanted if one in data.names)
    recommended = answer(MODELS[name](), data, count=count, unwanted=known).split()
    assert len(recommended) == len(set(recommended)) <= count
    assert not set(recommended) & set(known)
