from __future__ import annotations

import numpy as np
import pytest

from evermail.evaluation import metrics

LISTS = np.array([[7, 8, 9], [8, 7, metrics.NOTHING], [1, 2, 3], [metrics.NOTHING] * 3])
TARGETS = np.array([7, 7, 3, 1])


def test_a_rank_is_the_place_of_the_target_from_one() -> None:
    assert metrics.ranks(LISTS, TARGETS).tolist() == [1, 2, 3, 0]


@pytest.mark.parametrize(
    ("k", "hr", "mrr", "ndcg"),
    [
        (1, 1 / 4, 1 / 4, 1 / 4),
        (2, 2 / 4, (1 + 1 / 2) / 4, (1 + 1 / np.log2(3)) / 4),
        (3, 3 / 4, (1 + 1 / 2 + 1 / 3) / 4, (1 + 1 / np.log2(3) + 1 / 2) / 4),
        (20, 3 / 4, (1 + 1 / 2 + 1 / 3) / 4, (1 + 1 / np.log2(3) + 1 / 2) / 4),
    ],
)
def test_means_by_hand(k: int, hr: float, mrr: float, ndcg: float) -> None:
    means = metrics.means(metrics.ranks(LISTS, TARGETS), k)
    assert means == pytest.approx({"hr": hr, "mrr": mrr, "ndcg": ndcg})


def test_columns_are_the_metrics_at_each_cutoff_in_turn() -> None:
    columns = metrics.columns(np.array([2, 0]), [1, 2])
    assert columns[0] == pytest.approx([0, 0, 0, 1, 1 / 2, 1 / np.log2(3)])
    assert columns[1] == pytest.approx([0] * 6)


@pytest.mark.parametrize(("k", "share"), [(1, 3 / 10), (2, 4 / 10), (3, 6 / 10)])
def test_coverage_counts_each_item_once_and_no_gaps(k: int, share: float) -> None:
    assert metrics.coverage(LISTS, k, known=10) == pytest.approx(share)


def test_popularity_is_compared_with_the_most_clicked_item() -> None:
    clicks = np.zeros(10, np.int64)
    clicks[[1, 7, 8]] = 2, 20, 5
    # the first places show 7, 8 and 1, and nothing once
    assert metrics.popularity_bias(LISTS, 1, clicks) == pytest.approx((20 + 5 + 2) / 3 / 20)


def test_nothing_recommended_is_not_popular() -> None:
    assert metrics.popularity_bias(LISTS[3:], 3, np.ones(10, np.int64)) == 0.0


def test_cases_fall_into_one_group_by_length() -> None:
    groups = metrics.by_length(np.array([1, 2, 3, 4, 4, 40]))
    assert {name: found.tolist() for name, found in groups.items()} == {
        "1": [0],
        "2": [1],
        "3-4": [2, 3, 4],
        "10+": [5],
    }
