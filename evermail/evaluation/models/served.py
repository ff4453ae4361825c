"""Evermail's own model, made of the code that runs in production: no batch form of it that could differ.

A training session is a shopper who views items. Rows of neighbours and the trending list are updated by every
view as the job does it, and a case is ranked and filled up as an opened email is.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence

from evermail import clock, ranking
from evermail.decay import UNIT, DecayedRow
from evermail.documents import Neighbor, Neighbors, Profile, Seen, Trending
from evermail.evaluation.datasets import Case, DataSet
from evermail.evaluation.progress import Track
from evermail.events import EventName
from evermail.interest import HALF_LIFE_US, TOUCHES, Changes, Touch
from evermail.profiles import PROFILE_HISTORY
from evermail.shelf.popular import fill, popular
from evermail.shopper import MAX_HISTORY
from evermail.trending import GLOBAL

NEIGHBORS_KEPT = 50
NEIGHBORS_IN_STATE = 8 * NEIGHBORS_KEPT
TRENDING_KEPT = 100
TRENDING_IN_STATE = 10_000
TRENDING_HALF_LIFE_US = clock.DAY
"""What the job keeps, and how long trending lasts, by default: a test compares with the pipeline."""

_VIEW = EventName.VIEW_ITEM.value
_VIEW_AMOUNT = round(TOUCHES[EventName.VIEW_ITEM] * UNIT)


class Evermail:
    """The served model, with the constants of `evermail.interest` and `evermail.ranking`.

    The email is opened at the last click of a case, whose profile has all of it; rows and trending stand
    where training ended. A view counts as trending at once, without windows. `rows` and `trending` are the
    documents that the store would hold.
    """

    def __init__(self) -> None:
        self._names: Sequence[str] = []
        self._numbers: dict[str, int] = {}
        self.rows: dict[str, Neighbors] = {}
        self.trending: list[Trending] = []

    def fit(self, data: DataSet, track: Track) -> None:
        self._names = data.names
        self._numbers = {name: number for number, name in enumerate(data.names)}
        rows: dict[str, DecayedRow] = defaultdict(lambda: DecayedRow(HALF_LIFE_US, NEIGHBORS_IN_STATE))
        views = DecayedRow(TRENDING_HALF_LIFE_US, TRENDING_IN_STATE)
        for items, times in track(data.train, "evermail: learning", len(data.train)):
            touches: list[Touch] = []
            for at, (item, time) in enumerate(zip(items, times, strict=True)):
                touch = Touch(time, 0, at, data.names[item], _VIEW)
                for row_id, update in Changes.of_next(touches, touch):
                    update.apply(rows[row_id])
                del touches[:-MAX_HISTORY]
                views.add(touch.item_id, _VIEW_AMOUNT, time)
                views.touch(time)
        self.rows = {
            item_id: Neighbors(
                id=item_id,
                version=1,
                updated_at=row.as_of,
                as_of=row.as_of,
                total=row.total(),
                neighbors=[Neighbor(*pair) for pair in row.top(NEIGHBORS_KEPT)],
            )
            for item_id, row in track(rows.items(), "evermail: reading rows", len(rows))
        }
        trending = [Neighbor(*pair) for pair in views.top(TRENDING_KEPT)]
        self.trending = [
            Trending(id=GLOBAL, version=1, updated_at=views.as_of, as_of=views.as_of, items=trending)
        ]

    def recommend(self, case: Case, count: int, unwanted: Collection[int]) -> Sequence[int]:
        now = case.times[-1]
        history = [
            Seen(self._names[item], time, _VIEW)
            for item, time in zip(reversed(case.history), reversed(case.times), strict=True)
        ][:PROFILE_HISTORY]
        profile = Profile(id="", version=1, updated_at=now, as_of=now, events=len(history), history=history)
        out = {self._names[item] for item in unwanted}
        recent = ranking.context(profile)
        rows = {item_id: self.rows[item_id] for item_id in recent if item_id in self.rows}
        personal = ranking.personal(profile, rows, now_us=now)
        general = popular(self.trending, unwanted=recent[:1])
        available = {ranked.item_id for ranked in (*personal, *general)} - out
        return [self._numbers[one.item_id] for one in fill(count, available, personal, general)]
