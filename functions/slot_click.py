"""`GET ?t=TOKEN&n=SLOT` or `?t=TOKEN&i=ITEM`: the link of a slot, to exactly the item that it shows.

302  to the product's page; to that of another item if it is sold out; to the shop's front page where neither
     is known, also for a token that is not valid or has expired: a click must lead somewhere
405  method_not_allowed

Wherever it leads, the address is one of the shop's own catalog or settings, never one of the request. A click
is published as `email_click`, once a minute for each item, for which the reader waits `WAIT_S` at most. What
asks with HEAD, or ahead of a reader, only follows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

import flask

from evermail import clock
from evermail.events import EventName
from evermail.shelf.followed import Followed
from evermail.tokens import Recipient
from functions import forms
from functions.email_events import EmailEvents
from functions.logs import RequestLog
from functions.prefetch import is_prefetch
from functions.recipients import Recipients
from functions.responses import Failure, check_method, redirect
from functions.slots import slot_of

WAIT_S = 0.3
"""How long a reader waits for the click to be on record. It goes on to be published after that."""

_METHODS = ("GET", "HEAD")


class Follows(Protocol):
    """What is needed of `evermail.serving.Recommender`."""

    def follow(self, shopper: str, *, campaign: str, slot: int, item_id: str) -> Followed | None: ...


class SlotClick:
    """The handler. `recommender` is called on each request that needs it, and first then."""

    def __init__(
        self, shop_url: str, recipients: Recipients, recommender: Callable[[], Follows], events: EmailEvents
    ) -> None:
        self._shop_url = shop_url
        self._recipients = recipients
        self._recommender = recommender
        self._events = events

    def admit(self, request: flask.Request) -> Mapping[str, str]:
        """Anybody: it is a link."""
        return {}

    def answer(self, request: flask.Request, log: RequestLog) -> flask.Response:
        check_method(request.method, _METHODS)
        try:
            recipient = self._recipients.of(request)
            item_id = request.args.get("i", "")
            slot = 0 if item_id else slot_of(request)
            if item_id:
                forms.check_item(item_id, recipient)
        except Failure as failure:
            log.add(code=failure.code, led_to="front page")
            return redirect(self._shop_url)
        log.add(campaign=recipient.campaign)
        followed = self._follow(recipient, slot, item_id, log)
        if followed is None:
            log.add(led_to="front page")
            return redirect(self._shop_url)
        log.add(led_to="another item" if followed.replaced else "the item")
        if request.method == "GET" and not is_prefetch(request):
            self._record(recipient, followed, log)
        return redirect(followed.url)

    def _follow(self, recipient: Recipient, slot: int, item_id: str, log: RequestLog) -> Followed | None:
        try:
            return self._recommender().follow(
                recipient.shopper, campaign=recipient.campaign, slot=slot, item_id=item_id
            )
        except Exception as error:  # whatever it is, the reader must not stand before a closed door
            log.add_exception(error)
            return None

    def _record(self, recipient: Recipient, followed: Followed, log: RequestLog) -> None:
        try:
            confirmed = self._events.publish(
                recipient,
                EventName.EMAIL_CLICK,
                [followed.shown],
                once_in_us=clock.MINUTE,
                wait_s=WAIT_S,
                traceparent=log.traceparent,
            )
        except Exception as error:
            log.add_exception(error)
            confirmed = False
        log.add(recorded=confirmed)
