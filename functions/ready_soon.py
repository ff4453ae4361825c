"""A recommender that is made in the background: who asks before it is ready waits as long as an email may.

A cold instance imports, connects and reads for the first time, which takes longer than an answer may. Until
then, and where it cannot be made, the items of last resort are the answer.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence

from evermail.serving import DEADLINE_S, Answer, NothingToShow, Recommender, Source
from evermail.shelf import last_resort
from evermail.shelf.followed import Followed
from evermail.shelf.presentation import RecommendedItem
from evermail.stores import StoreUnavailable
from functions.background import Background, NotReady


class ReadySoon:
    """Answers like a `Recommender`, which `make` makes, as `Background` says. Safe between threads. Without
    a last resort, who asks gets what making it raised."""

    def __init__(
        self,
        make: Callable[[], Recommender],
        last_resort: Sequence[RecommendedItem] = (),
        *,
        patience_s: float = DEADLINE_S,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._make = make
        self._last_resort = list(last_resort)
        self._patience_s = patience_s
        self._monotonic = monotonic
        self._made = Background(self._make_or_say, "start", monotonic=monotonic)
        self.start = self._made.start

    def recommend(
        self, shopper: str, *, slots: int, campaign: str, prefetch: bool, within_s: float | None = None
    ) -> Answer:
        ready, left_s = self._ready(within_s)
        if ready is None:
            return self._meanwhile(slots)
        return ready.recommend(shopper, slots=slots, campaign=campaign, prefetch=prefetch, within_s=left_s)

    def popular(self, *, slots: int, category: str) -> Answer:
        ready, left_s = self._ready()
        if ready is None:
            return self._meanwhile(slots)
        return ready.popular(slots=slots, category=category, within_s=left_s)

    def follow(self, shopper: str, *, campaign: str, slot: int, item_id: str) -> Followed | None:
        ready, left_s = self._ready()
        if ready is None:
            return last_resort.followed(self._last_resort, slot, item_id)
        return ready.follow(shopper, campaign=campaign, slot=slot, item_id=item_id, within_s=left_s)

    def _make_or_say(self) -> Recommender:
        try:
            return self._make()
        except Exception as error:
            fields = {"exception": type(error).__name__, "detail": str(error)}
            _logger.error("recommendations cannot be made: %s", error, extra={"fields": fields})
            raise

    def _ready(self, within_s: float | None = None) -> tuple[Recommender | None, float]:
        """The recommender, None if it is not there in time, and the time that is left."""
        patience_s = self._patience_s if within_s is None else min(max(0.0, within_s), self._patience_s)
        begun = self._monotonic()
        try:
            ready = self._made.get(patience_s)
        except NotReady:
            return None, 0.0
        except Exception:
            if self._last_resort:
                return None, 0.0
            raise
        return ready, max(0.0, patience_s - (self._monotonic() - begun))

    def _meanwhile(self, slots: int) -> Answer:
        if not self._last_resort:
            raise NothingToShow from StoreUnavailable("this instance is still starting")
        return Answer(self._last_resort[:slots], Source.STATIC)


_logger = logging.getLogger("evermail.functions")
