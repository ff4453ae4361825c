"""`GET ?t=TOKEN&n=SLOT`: the picture of a slot, drawn when it is asked for, for clients without AMP.

200  image/jpeg of the item that stands in slot n now, 640 x 800 pixels for 320 x 400; a default picture where
     there is none, whatever the reason, for a proxy may keep a broken one for good
405  method_not_allowed

All pictures of an email show what one open shows, also if four are asked for at once: the first to be stored
decides (`evermail.impressions`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Protocol

import flask

from evermail.serving import DEADLINE_S, NothingToShow
from evermail.shelf.presentation import RecommendedItem
from evermail.tokens import Recipient
from functions import picture
from functions.decided import Decider, Recommends, Remembers
from functions.logs import RequestLog
from functions.picture import Card, Look
from functions.prefetch import is_prefetch
from functions.recipients import Recipients
from functions.responses import Failure, check_method, image_response
from functions.settings import DEFAULT_SLOTS, MAX_SLOTS
from functions.slots import slot_of

DRAWING_S = 0.03
"""Of the deadline, so much is left for drawing."""

_METHODS = ("GET", "HEAD")


class FindsPhotos(Protocol):
    """What is needed of `functions.picture.photos.Photos`."""

    def get(self, url: str, timeout_s: float) -> bytes | None: ...


class SlotImage:
    """The handler. What the functions given return is made on the first request that needs it."""

    def __init__(
        self,
        recipients: Recipients,
        recommender: Callable[[], Recommends],
        memory: Callable[[], Remembers],
        photos: Callable[[], FindsPhotos],
        *,
        look: Look | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._recipients = recipients
        self._decider = Decider(recommender, memory, monotonic=monotonic)
        self._photos = photos
        self._look = look or Look()
        self._monotonic = monotonic

    def admit(self, request: flask.Request) -> Mapping[str, str]:
        """Anybody: it is a picture."""
        return {}

    def answer(self, request: flask.Request, log: RequestLog) -> flask.Response:
        check_method(request.method, _METHODS)
        deadline = self._monotonic() + DEADLINE_S
        try:
            recipient, slot = self._recipients.of(request), slot_of(request)
            log.add(campaign=recipient.campaign)
            item = self._item(
                recipient,
                slot,
                prefetch=is_prefetch(request),
                store=request.method == "GET",
                deadline=deadline,
                log=log,
            )
            return image_response(self._drawn(item, deadline, log), picture.CONTENT_TYPE)
        except Failure as failure:
            log.add(code=failure.code)
        except NothingToShow:
            log.add(code="nothing_to_show")
        except Exception as error:  # a picture leaves in any case
            log.add_exception(error)
        log.add(picture="default")
        return image_response(picture.default(self._look), picture.CONTENT_TYPE)

    def _item(
        self,
        recipient: Recipient,
        slot: int,
        *,
        prefetch: bool,
        store: bool,
        deadline: float,
        log: RequestLog,
    ) -> RecommendedItem:
        """What stands in a slot, once the whole email is decided. Raises `NothingToShow`."""
        answer = self._decider.decide(
            recipient,
            log,
            # How many there are is not known: the pictures beyond the usual ones all decide the same.
            slots=DEFAULT_SLOTS if slot <= DEFAULT_SLOTS else MAX_SLOTS,
            prefetch=prefetch,
            store=store,
            within_s=deadline - DRAWING_S - self._monotonic(),
        )
        if slot > len(answer.items):
            raise NothingToShow
        return answer.items[slot - 1]

    def _drawn(self, item: RecommendedItem, deadline: float, log: RequestLog) -> bytes:
        left_s = deadline - DRAWING_S - self._monotonic()
        photo = self._photos().get(item.image, max(0.0, left_s))
        log.add(picture="item" if photo is not None else "item without photo")
        card = Card(title=item.title, price=item.price, was=item.was, reason=item.reason)
        return picture.draw(card, photo, self._look)
