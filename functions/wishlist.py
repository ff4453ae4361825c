"""`POST ?t=TOKEN`: an item onto the wishlist, from a form in an email (`amp-form`).

The token is one for actions. The form, urlencoded or multipart and at most 8 KB, has the field `item_id`. It
becomes an `add_to_wishlist` event of the shopper; repeated within the hour it is the same event.

200  {"message": ...}: the event has arrived
400  sender_missing, source_origin_missing, token_missing, item_id_missing, repeated_field,
     invalid_identifier (no id of an item), malformed_form, incomplete_body
401  token_expired, token_invalid
403  sender_not_trusted
405  method_not_allowed
413  oversize_payload
415  unsupported_media_type
429  too_many_requests, with Retry-After
503  publish_failed, with Retry-After: it may have arrived; sent again it does no harm

Errors are {"error": {"code", "message"}}. Every answer to a trusted sender has the CORS headers, errors
included. Never a redirect.
"""

from __future__ import annotations

from collections.abc import Mapping

import flask

from evermail import clock
from evermail.events import EventName
from evermail.tokens import Purpose, TokenSigner
from functions import amp, forms
from functions.email_events import EmailEvents
from functions.entry import Handler
from functions.in_time import WAIT_S, unavailable
from functions.logs import RequestLog
from functions.publisher import Publisher
from functions.rate_limit import RateLimit
from functions.recipients import Recipients
from functions.responses import check_method, json_response
from functions.settings import ActionSettings

ONCE_IN_US = clock.HOUR
"""Who presses the button twice wishes for it once."""

_METHODS = ("POST", "OPTIONS")


def create_wishlist(
    settings: ActionSettings, publisher: Publisher, *, clock: clock.Clock = clock.now_us
) -> Handler:
    """The handler."""
    signer = TokenSigner(settings.token_keys, clock=clock)
    recipients = Recipients(signer, Purpose.ACTIONS, RateLimit(settings.requests_per_minute))
    return _Wishlist(settings, EmailEvents(publisher, clock=clock), recipients)


class _Wishlist:
    def __init__(self, settings: ActionSettings, events: EmailEvents, recipients: Recipients) -> None:
        self._settings = settings
        self._events = events
        self._recipients = recipients

    def admit(self, request: flask.Request) -> Mapping[str, str]:
        return amp.admit(request, self._settings.senders)

    def answer(self, request: flask.Request, log: RequestLog) -> flask.Response:
        check_method(request.method, _METHODS)
        if request.method == "OPTIONS":
            return amp.preflight("POST")
        recipient = self._recipients.of(request)
        log.add(campaign=recipient.campaign)
        item_id = forms.read(request).item_id(recipient)
        try:
            arrived = self._events.publish(
                recipient,
                EventName.ADD_TO_WISHLIST,
                [item_id],
                once_in_us=ONCE_IN_US,
                wait_s=WAIT_S,
                traceparent=log.traceparent,
            )
        except Exception as error:  # no credentials, no network: whatever it is, the shopper must know
            log.add_exception(error)
            arrived = False
        if not arrived:
            raise unavailable("publish_failed")
        return json_response({"message": "Saved to your wishlist."})
