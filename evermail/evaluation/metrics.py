"""How good lists of recommendations are: where the next item stands in them, and what else they show."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from evermail.evaluation.datasets import Floats, Ints

NOTHING = -1
"""Fills up lists that are shorter than others."""

LENGTHS = ((1, 1), (2, 2), (3, 4), (5, 9), (10, None))
"""First and last length of history of the groups that are looked at apart."""


def ranks(lists: Ints, targets: Ints) -> Ints:
    """The place of each target in its list (a row of `lists`), from 1; 0 where it is not in it."""
    hits = lists == targets[:, None]
    return np.where(hits.any(axis=1), hits.argmax(axis=1) + 1, 0).astype(np.int64)


def hit_rate(ranks: Ints, k: int) -> Floats:
    """1 for each target among the first k, else 0; their mean is HR@k, with one target the same as recall."""
    return ((ranks > 0) & (ranks <= k)).astype(np.float64)


def reciprocal_rank(ranks: Ints, k: int) -> Floats:
    """1/rank of each target among the first k, else 0; their mean is MRR@k."""
    return hit_rate(ranks, k) / np.maximum(ranks, 1)


def discounted_gain(ranks: Ints, k: int) -> Floats:
    """1/log2(1 + rank) of each target among the first k, else 0; their mean is NDCG@k of one target each."""
    gains: Floats = hit_rate(ranks, k) / np.log2(1 + np.maximum(ranks, 1))
    return gains


METRICS = {"hr": hit_rate, "mrr": reciprocal_rank, "ndcg": discounted_gain}
"""Measures of single cases, by name."""


def coverage(lists: Ints, k: int, known: int) -> float:
    """The share of the `known` items that is recommended to anybody."""
    shown = np.unique(lists[:, :k])
    return float(np.count_nonzero(shown != NOTHING)) / known


def popularity_bias(lists: Ints, k: int, clicks: Ints) -> float:
    """The mean of the recommended items' clicks in training, as a share of those of the most clicked item."""
    shown = lists[:, :k]
    shown = shown[shown != NOTHING]
    return float(clicks[shown].mean() / clicks.max()) if len(shown) else 0.0


def by_length(lengths: Ints) -> dict[str, Ints]:
    """Which cases have a history of each of `LENGTHS`; groups without any are left out."""
    found = {}
    for first, last in LENGTHS:
        inside = (lengths >= first) & (lengths <= last if last is not None else True)
        if inside.any():
            name = f"{first}+" if last is None else f"{first}" if first == last else f"{first}-{last}"
            found[name] = np.flatnonzero(inside)
    return found


def means(ranks: Ints, k: int) -> dict[str, float]:
    """The mean of each of `METRICS`."""
    return {name: float(metric(ranks, k).mean()) for name, metric in METRICS.items()}


def columns(ranks: Ints, cutoffs: Sequence[int]) -> Floats:
    """One row for each case, and in it each of `METRICS` at each cutoff in turn."""
    return np.stack([metric(ranks, k) for k in cutoffs for metric in METRICS.values()], axis=1)
