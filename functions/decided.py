"""What an email shows, decided once: also if several of its parts are asked for at the same time.

What is shown is stored before it leaves (`functions.shown`). Where another request of the same open was
quicker, the store keeps what that one shows, and so does this one: it asks again, and finds it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Protocol

from evermail.documents import Document
from evermail.serving import DEADLINE_S, Answer, Source
from evermail.tokens import Recipient
from functions.logs import RequestLog
from functions.shown import Remembered

TRIES = 3
"""As often it is stored at most: a person's open that meets a program's is still to be counted."""

_SOURCES = list(Source)
"""Best first."""


class Recommends(Protocol):
    """What is needed of `evermail.serving.Recommender`."""

    def recommend(
        self, shopper: str, *, slots: int, campaign: str, prefetch: bool, within_s: float | None
    ) -> Answer: ...


class Remembers(Protocol):
    """What is needed of `functions.shown.ShownWriter`."""

    def remember(self, documents: Sequence[Document], *, within_s: float) -> Remembered: ...


class Decider:
    """Both functions given are called on each request that needs them, and first then."""

    def __init__(
        self,
        recommender: Callable[[], Recommends],
        memory: Callable[[], Remembers],
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._recommender = recommender
        self._memory = memory
        self._monotonic = monotonic

    def decide(
        self,
        recipient: Recipient,
        log: RequestLog,
        *,
        slots: int,
        prefetch: bool,
        store: bool = True,
        within_s: float = DEADLINE_S,
    ) -> Answer:
        """The answer, stored unless that fails or takes longer than `within_s`, which is logged. Raises what
        the recommender raises, if it is for the first time that it is asked."""
        begun = self._monotonic()
        until = begun + within_s
        answer = self._recommend(recipient, slots, prefetch, until)
        took_s = self._monotonic() - begun
        for _ in range(TRIES):
            if not store or not answer.to_store:
                break
            remembered = self._remember(answer.to_store, until, log)
            log.add(remembered=str(remembered))
            if remembered is not Remembered.OVERTAKEN or until - self._monotonic() <= took_s:
                break
            try:
                another = self._recommend(recipient, slots, prefetch, until)
            except Exception as error:  # what there is stands
                log.add_exception(error)
                break
            if _SOURCES.index(another.source) > _SOURCES.index(answer.source):
                break  # this time something did not arrive in time
            answer = another
        log.add(source=str(answer.source), items=len(answer.items), variant=answer.variant)
        return answer

    def _recommend(self, recipient: Recipient, slots: int, prefetch: bool, until: float) -> Answer:
        return self._recommender().recommend(
            recipient.shopper,
            slots=slots,
            campaign=recipient.campaign,
            prefetch=prefetch,
            within_s=until - self._monotonic(),
        )

    def _remember(self, shown: Sequence[Document], until: float, log: RequestLog) -> Remembered:
        """Whatever happens here, the answer stands."""
        try:
            return self._memory().remember(shown, within_s=until - self._monotonic())
        except Exception as error:
            log.add_exception(error)
            return Remembered.FAILED
