"""`GET ?t=TOKEN[&n=SLOTS]`: the products for an opened email, as `amp-list` reads them.

200  {"items": [...], "source", "as_of"}: `source` is personal, segment, trending or static, `as_of` an
     RFC 3339 time or null
400  sender_missing, source_origin_missing, token_missing, invalid_slots
401  token_expired, token_invalid
403  sender_not_trusted
405  method_not_allowed
429  too_many_requests, with Retry-After
503  nothing_to_show, store_unavailable: `amp-list` shows the email's own fallback

Every answer to a trusted sender has the CORS headers, errors included. Never a redirect.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

import flask

from evermail import clock
from evermail.serving import Answer, NothingToShow
from evermail.stores import StoreError
from evermail.tokens import Purpose, Recipient, TokenSigner
from functions import amp
from functions.decided import Decider, Recommends, Remembers
from functions.entry import Handler
from functions.links import Links
from functions.logs import RequestLog
from functions.prefetch import is_prefetch
from functions.rate_limit import RateLimit
from functions.recipients import Recipients
from functions.responses import check_method, json_response
from functions.settings import RecommendationsSettings
from functions.slots import slots_of
from functions.unanswered import failure_of

_METHODS = ("GET", "HEAD", "OPTIONS")


def create_recommendations(
    settings: RecommendationsSettings,
    recommender: Callable[[], Recommends],
    memory: Callable[[], Remembers],
    *,
    clock: clock.Clock = clock.now_us,
    monotonic: Callable[[], float] = time.monotonic,
) -> Handler:
    """The handler. `recommender` and `memory` are called on each request that needs them, and first then."""
    signer = TokenSigner(settings.token_keys, clock=clock)
    links = Links(settings.functions_url, signer)
    recipients = Recipients(signer, Purpose.RECOMMENDATIONS, RateLimit(settings.requests_per_minute))
    decider = Decider(recommender, memory, monotonic=monotonic)
    return _Recommendations(settings, decider, recipients, links)


class _Recommendations:
    def __init__(
        self,
        settings: RecommendationsSettings,
        decider: Decider,
        recipients: Recipients,
        links: Links,
    ) -> None:
        self._settings = settings
        self._decider = decider
        self._recipients = recipients
        self._links = links

    def admit(self, request: flask.Request) -> Mapping[str, str]:
        return amp.admit(request, self._settings.senders)

    def answer(self, request: flask.Request, log: RequestLog) -> flask.Response:
        check_method(request.method, _METHODS)
        if request.method == "OPTIONS":
            return amp.preflight("GET, HEAD")
        email = self._recipients.read(request)
        log.add(campaign=email.recipient.campaign)
        answer = self._decide(email.recipient, request, log)
        return json_response(
            {
                "items": self._links.of(answer.items, email),
                "source": answer.source,
                "as_of": clock.to_rfc3339(answer.as_of) if answer.as_of else None,
            }
        )

    def _decide(self, recipient: Recipient, request: flask.Request, log: RequestLog) -> Answer:
        slots = slots_of(request, self._settings.slots)
        prefetch, store = is_prefetch(request), request.method == "GET"
        try:
            return self._decider.decide(recipient, log, slots=slots, prefetch=prefetch, store=store)
        except (NothingToShow, StoreError) as problem:
            raise failure_of(problem, log) from None
