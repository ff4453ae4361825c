"""`GET [?n=SLOTS][&category=NAME]`: what is popular, for everybody and for every cache in between.

200  {"items": [...], "source", "as_of"}: `source` is segment (popular in the category), trending or static,
     `as_of` an RFC 3339 time, until when events were counted, or null
304  for a matching If-None-Match
400  invalid_slots, invalid_category
403  sender_not_trusted: `__amp_source_origin` names somebody else
405  method_not_allowed
503  nothing_to_show, store_unavailable

Nothing of it depends on who asks: an answer says `AMP-Email-Allow-Sender: *` rather than who it is for, and
varies by Origin alone, as caches understand. Errors are not kept.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

import flask
import msgspec

from evermail import clock
from evermail.serving import Answer, Source
from functions import amp, amp_cors
from functions.amp_cors import TrustedSenders
from functions.logs import RequestLog
from functions.responses import CONTENT_TYPE, Failure, cacheable, check_method
from functions.slots import slots_of
from functions.unanswered import failure_of

CACHE_CONTROL = "public, max-age=60, stale-while-revalidate=300, stale-if-error=86400"
AT_WORST = "public, max-age=5"
"""Of an answer of last resort, which must not take the place of a better one for long."""

MAX_CATEGORY_CHARS = 200

_METHODS = ("GET", "HEAD", "OPTIONS")


class KnowsPopular(Protocol):
    """What is needed of `evermail.serving.Recommender`."""

    def popular(self, *, slots: int, category: str) -> Answer: ...


class Trending:
    """The handler. `recommender` is called on each request that needs it, and first then."""

    def __init__(self, senders: TrustedSenders, slots: int, recommender: Callable[[], KnowsPopular]) -> None:
        self._senders = senders
        self._slots = slots
        self._recommender = recommender

    def admit(self, request: flask.Request) -> Mapping[str, str]:
        headers = {"AMP-Email-Allow-Sender": "*", "Vary": "Origin"}
        source_origin = request.args.get(amp_cors.SOURCE_ORIGIN_PARAMETER)
        if not source_origin:
            return {**headers, "Access-Control-Allow-Origin": "*"}
        decision = amp_cors.decide(
            sender=None,
            origin=request.headers.get("Origin") or "*",
            source_origin=source_origin,
            trusted=self._senders,
        )
        if isinstance(decision, amp_cors.Denied):
            raise Failure(decision.status, decision.code, decision.message, headers=headers)
        return {**decision.headers, **headers}

    def answer(self, request: flask.Request, log: RequestLog) -> flask.Response:
        check_method(request.method, _METHODS)
        if request.method == "OPTIONS":
            return amp.preflight("GET, HEAD")
        slots = slots_of(request, self._slots)
        category = request.args.get("category", "")
        if len(category) > MAX_CATEGORY_CHARS or not category.isprintable():
            raise Failure(400, "invalid_category", f"a name has at most {MAX_CATEGORY_CHARS} characters")
        try:
            answer = self._recommender().popular(slots=slots, category=category)
        except Exception as problem:
            raise failure_of(problem, log) from None
        log.add(source=str(answer.source), items=len(answer.items))
        return cacheable(
            request,
            msgspec.json.encode(
                {
                    "items": answer.items,
                    "source": answer.source,
                    "as_of": clock.to_rfc3339(answer.as_of) if answer.as_of else None,
                }
            ),
            content_type=CONTENT_TYPE,
            cache_control=AT_WORST if answer.source is Source.STATIC else CACHE_CONTROL,
        )
