"""A recommender that is made in the background: who asks before it is ready waits as long as an email may.

A cold instance imports, connects and reads for the first time, which takes longer than an answer may. Until
then, and only then, the items of last resort are the answer.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NotInTime

from evermail.serving import DEADLINE_S, Answer, NothingToShow, Recommender, Source
from evermail.shelf.followed import Followed
from evermail.shelf.presentation import RecommendedItem
from evermail.stores import StoreUnavailable


class ReadySoon:
    """Answers like a `Recommender`. `make` is called once, in a thread of its own, with `start` or the first
    question. If it raises, whoever waits for it gets that, and the next question has it tried again.
    Safe between threads.
    """

    def __init__(
        self,
        make: Callable[[], Recommender],
        last_resort: Sequence[RecommendedItem] = (),
        *,
        patience_s: float = DEADLINE_S,
    ) -> None:
        self._make = make
        self._last_resort = list(last_resort)
        self._patience_s = patience_s
        self._lock = threading.Lock()
        self._making: Future[Recommender] | None = None

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
            return None
        return ready.follow(shopper, campaign=campaign, slot=slot, item_id=item_id, within_s=left_s)

    def start(self) -> Future[Recommender]:
        """Begins to make it, unless that is done or under way."""
        with self._lock:
            if self._making is None or (self._making.done() and self._making.exception() is not None):
                self._making = Future()
                threading.Thread(target=self._run, args=(self._making,), name="start", daemon=True).start()
            return self._making

    def _run(self, making: Future[Recommender]) -> None:
        try:
            made = self._make()
        except BaseException as error:
            making.set_exception(error)
        else:
            making.set_result(made)

    def _ready(self, within_s: float | None = None) -> tuple[Recommender | None, float]:
        """The recommender, None if it is not ready in time, and the time that is left. Raises what making it
        did."""
        patience_s = self._patience_s if within_s is None else min(max(0.0, within_s), self._patience_s)
        making = self._making
        if making is not None and making.done() and making.exception() is None:
            return making.result(), patience_s
        begun = time.monotonic()
        try:
            ready = self.start().result(timeout=patience_s)
        except NotInTime:
            if time.monotonic() - begun < patience_s:
                raise  # making it has run into a time limit of its own
            return None, 0.0
        return ready, max(0.0, patience_s - (time.monotonic() - begun))

    def _meanwhile(self, slots: int) -> Answer:
        if not self._last_resort:
            raise NothingToShow from StoreUnavailable("this instance is still starting")
        return Answer(self._last_resort[:slots], Source.STATIC)
