"""VMIS-kNN: what was clicked in the past sessions that are most like this one.

After Kersbergen, Sprangers and Schelter, "Serenade: Low-Latency Session-Based Recommendation in e-Commerce at
Scale" (SIGMOD 2022), and its program (bolcom/serenade).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np

from evermail.evaluation.datasets import Case, DataSet
from evermail.evaluation.models.model import best
from evermail.evaluation.progress import Track

RECENT_SESSIONS = 500
"""Of each item, this many of the newest sessions are looked at (m)."""

NEIGHBORS = 100
"""The most similar sessions that speak (k)."""

CONTEXT = 10
"""Distinct items of the case that count, the newest."""


class SessionKnn:
    """A session is as similar as the items that it shares, each by its place in the case: the oldest of n
    counts 1/n, the newest 1. Its items score this times 1 - p/10, p being the place from the end of the
    newest shared item, times the log of their rarity.

    The published program never recommends the current item. Whether that hits more depends on how often a
    shop's next click is on the same item again: `keeps_current`.
    """

    def __init__(
        self,
        recent_sessions: float = RECENT_SESSIONS,
        neighbors: float = NEIGHBORS,
        *,
        keeps_current: bool = True,
    ) -> None:
        self._recent_sessions, self._neighbors = int(recent_sessions), int(neighbors)
        self._keeps_current = keeps_current

    def fit(self, data: DataSet, track: Track) -> None:
        width = len(data.names)
        visits = data.train.distinct(width)
        owners, self._items, self._starts = visits.owners, visits.items, visits.starts
        by_item = np.lexsort((-owners, self._items))  # the newest sessions of each item first
        self._sessions = owners[by_item]
        self._of_item = np.searchsorted(self._items[by_item], np.arange(width + 1))
        count = np.bincount(self._items, minlength=width)
        self._rarity = np.log(len(data.train) / np.maximum(count, 1))
        self._popularity = data.clicks

    def recommend(self, case: Case, count: int, unwanted: Collection[int]) -> Sequence[int]:
        recent = list(dict.fromkeys(reversed(case.history)))[:CONTEXT]
        starts = self._of_item[recent]
        ends = np.minimum(starts + self._recent_sessions, self._of_item[1:][recent])
        found = [self._sessions[start:end] for start, end in zip(starts, ends, strict=True)]
        sessions, first, place = np.unique(np.concatenate(found), return_index=True, return_inverse=True)
        if not len(sessions):
            return []
        ages = np.repeat(np.arange(len(recent)), ends - starts)
        similarity = np.bincount(place, 1 - ages / len(recent), len(sessions))
        newest = ages[first]
        if len(sessions) > self._neighbors:
            # Of equals, the newer sessions
            kept = np.lexsort((-sessions, -np.round(similarity, 9)))[: self._neighbors]
            sessions, similarity, newest = sessions[kept], similarity[kept], newest[kept]
        weights = similarity * np.maximum(0.0, 1 - 0.1 * (newest + 1))
        starts, ends = self._starts[sessions], self._starts[sessions + 1]
        items = np.concatenate([self._items[start:end] for start, end in zip(starts, ends, strict=True)])
        items, place = np.unique(items, return_inverse=True)
        scores = np.bincount(place, np.repeat(weights, ends - starts), len(items)) * self._rarity[items]
        if not self._keeps_current:
            unwanted = {*unwanted, case.current}
        return best(items, np.round(scores, 9), self._popularity, count, unwanted)
