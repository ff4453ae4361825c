"""Evermail's own model, made of the code that runs in production: no batch form of it that could differ.

A training session is a shopper who views items. Rows of neighbours and the trending list are updated by every
view as the job does it, and a case is ranked and filled up as an opened email is.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence

from evermail import clock, ranking, repeats
from evermail.decay import UNIT, DecayedRow
from evermail.documents import Neighbor, Neighbors, Profile, Seen, Trending
from evermail.evaluation.datasets import Case, DataSet
from evermail.evaluation.progress import Track
from evermail.events import EventName
from evermail.interest import HALF_LIFE_US, TOUCHES, Changes, Touch
from evermail.profiles import PROFILE_HISTORY
from evermail.shelf.popular import popular
from evermail.shopper import MAX_HISTORY
from evermail.trending import GLOBAL

NEIGHBORS_KEPT = 50
STATE_FACTOR = 8
TRENDING_KEPT = 100
TRENDING_IN_STATE = 10_000
TRENDING_HALF_LIFE_US = clock.DAY
"""What the job keeps, and how long trending lasts, by default: a test compares with the pipeline."""

UNBOUNDED = 1_000_000
"""More neighbours than a row can have."""

_VIEW = EventName.VIEW_ITEM.value
_VIEW_AMOUNT = round(TOUCHES[EventName.VIEW_ITEM] * UNIT)


class Evermail:
    """The served model, with the constants of `evermail.constants`; `kept` bounds the neighbours of a row.

    The email is opened at the last click of a case, whose profile has all of it; rows and trending stand
    where training ended. A view counts as trending at once, without windows.
    """

    def __init__(self, kept: int = NEIGHBORS_KEPT) -> None:
        self._kept = kept
        self._names: Sequence[str] = []
        self._numbers: dict[str, int] = {}
        self._begin()

    def _begin(self) -> None:
        self._state: dict[str, DecayedRow] = defaultdict(
            lambda: DecayedRow(HALF_LIFE_US, STATE_FACTOR * self._kept)
        )
        self._state[repeats.ROW_ID] = DecayedRow(HALF_LIFE_US, repeats.KEPT)
        self._views = DecayedRow(TRENDING_HALF_LIFE_US, TRENDING_IN_STATE)
        self._documents: dict[str, Neighbors] = {}
        self._trending: list[Trending] = []

    def fit(self, data: DataSet, track: Track) -> None:
        self.know(data)
        for items, times in track(data.train, "evermail: learning", len(data.train)):
            touches: list[Touch] = []
            for item, time in zip(items, times, strict=True):
                self.learn(touches, item, time)

    def know(self, data: DataSet) -> None:
        """Takes in what items are called, and forgets what was learned."""
        self._names = data.names
        self._numbers = {name: number for number, name in enumerate(data.names)}
        self._begin()

    def learn(self, touches: list[Touch], item: int, time_us: int) -> None:
        """Learns from one view, the latest of a shopper with these touches; it is added to them."""
        place = touches[-1].line + 1 if touches else 0  # views of one moment are in the file's order
        touch = Touch(time_us, 0, place, self._names[item], _VIEW)
        for row_id, update in Changes.of_next(touches, touch):
            update.apply(self._state[row_id])
            self._documents.pop(row_id, None)
        del touches[:-MAX_HISTORY]
        self._views.add(touch.item_id, _VIEW_AMOUNT, time_us)
        self._views.touch(time_us)
        self._trending.clear()

    def rows(self, ids: Iterable[str]) -> dict[str, Neighbors]:
        """The rows that the store would hold."""
        return {row_id: self._document(row_id) for row_id in ids if row_id in self._state}

    def all_rows(self) -> dict[str, Neighbors]:
        return self.rows(self._state)

    def trending(self) -> list[Trending]:
        """The trending lists that the store would hold."""
        if not self._trending:
            as_of = self._views.as_of
            listed = [Neighbor(*pair) for pair in self._views.top(TRENDING_KEPT)]
            self._trending.append(Trending(id=GLOBAL, version=1, updated_at=as_of, as_of=as_of, items=listed))
        return self._trending

    def recommend(self, case: Case, count: int, unwanted: Collection[int]) -> Sequence[int]:
        now_us = case.now_us
        out = {self._names[item] for item in unwanted}
        profile = self.profile(case.history, case.times)
        personal = ranking.personal(profile, self.read(profile, now_us), now_us=now_us)
        shown = [one.item_id for one in personal if one.item_id not in out]
        if len(shown) < count:
            out.update(shown, ranking.context(profile)[:1])
            shown += [one.item_id for one in popular(self.trending()) if one.item_id not in out]
        return [self._numbers[item_id] for item_id in shown[:count]]

    def profile(self, items: Sequence[int], times: Sequence[int]) -> Profile:
        """Of a shopper who viewed these items, oldest first."""
        newest = zip(items[-PROFILE_HISTORY:], times[-PROFILE_HISTORY:], strict=True)
        history = [Seen(self._names[item], time, _VIEW) for item, time in newest][::-1]
        as_of = times[-1] if times else 0
        return Profile(
            id="",
            version=1,
            updated_at=as_of,
            as_of=as_of,
            events=len(items),
            history=history,
        )

    def read(self, profile: Profile, now_us: int) -> Mapping[str, Neighbors]:
        """What an open reads of the rows."""
        rows = self.rows(ranking.first_rows(profile))
        more = ranking.second_rows(profile, rows, now_us=now_us)
        return rows | self.rows(more)

    def _document(self, row_id: str) -> Neighbors:
        found = self._documents.get(row_id)
        if found is None:
            row = self._state[row_id]
            kept = repeats.KEPT if row_id == repeats.ROW_ID else self._kept
            found = self._documents[row_id] = Neighbors(
                id=row_id,
                version=1,
                updated_at=row.as_of,
                as_of=row.as_of,
                total=row.total(),
                neighbors=[Neighbor(*pair) for pair in row.top(kept)],
            )
        return found
