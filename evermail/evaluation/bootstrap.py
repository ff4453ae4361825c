"""How far a figure would move with other shoppers: bootstrap intervals over sessions.

The cases of one session hang together, so whole sessions are drawn. What is to be compared is drawn together
(paired): an interval of a difference is much narrower than those of the two figures suggest.
"""

from __future__ import annotations

import numpy as np

from evermail.evaluation.datasets import Floats, Ints

RESAMPLES = 1_000
CONFIDENCE = 0.95


def intervals(values: Floats, sessions: Ints, *, seed: int = 1, resamples: int = RESAMPLES) -> Floats:
    """Bounds that hold 95 % of the means of each column of `values`: one row of lower, one of upper ones.

    `values` has a row for each case, `sessions` says whose it is. Percentile bootstrap (Efron, 1979). The
    same seed gives the same intervals.
    """
    _, place = np.unique(sessions, return_inverse=True)
    cases = np.bincount(place)
    sums = np.stack([np.bincount(place, column) for column in values.T], axis=1)
    random = np.random.default_rng(seed)
    drawn = np.empty((resamples, values.shape[1]))
    for at in range(resamples):
        weights = np.bincount(random.integers(len(cases), size=len(cases)), minlength=len(cases))
        drawn[at] = weights @ sums / (weights @ cases)
    tail = (1 - CONFIDENCE) / 2
    return np.quantile(drawn, [tail, 1 - tail], axis=0)
