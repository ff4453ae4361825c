"""The served model with what it knows some time behind: what a stream is worth.

Unlike the other models it goes on learning while it is tested, from every click, of test sessions too, that
happened longer ago than the lag. Its cases have to be asked in the order of time.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import replace

from evermail.evaluation.datasets import Case, DataSet
from evermail.evaluation.models.served import Evermail
from evermail.evaluation.progress import Track
from evermail.interest import Touch


class Lagging:
    """Rows and trending lists are `lag_us` behind; with `all_of_it` what is known of the shopper is, too.

    The last click of a test session is not learned from, as no case tells its time.
    """

    def __init__(self, lag_us: int, *, all_of_it: bool) -> None:
        self._lag_us = lag_us
        self._all_of_it = all_of_it

    def fit(self, data: DataSet, track: Track) -> None:
        if not data.timed:
            raise ValueError("without times nothing lags")
        self._model = Evermail()
        self._model.know(data)
        self._touches: dict[tuple[bool, int], list[Touch]] = defaultdict(list)
        longest: dict[int, Case] = {}
        for case in data.cases:
            if case.session not in longest or case.end > longest[case.session].end:
                longest[case.session] = case
        clicks = [
            (time, (False, session), item)
            for session, (items, times) in enumerate(data.train)
            for item, time in zip(items, times, strict=True)
        ]
        clicks += [
            (time, (True, session), item)
            for session, case in longest.items()
            for item, time in zip(case.history, case.times, strict=True)
        ]
        clicks.sort(key=lambda click: click[0])  # those of one moment stay in their order
        self._clicks = clicks
        self._next = 0

    def recommend(self, case: Case, count: int, unwanted: Collection[int]) -> Sequence[int]:
        known_us = case.now_us - self._lag_us
        clicks = self._clicks
        while self._next < len(clicks) and clicks[self._next][0] < known_us:
            time, owner, item = clicks[self._next]
            self._model.learn(self._touches[owner], item, time)
            self._next += 1
        if self._all_of_it:
            case = replace(case, end=bisect_right(case.moments, known_us, hi=case.end))
        return self._model.recommend(case, count, unwanted)
