"""`GET [?n=SLOTS][&category=NAME]`: what is popular, for everybody and for every cache in between.

200  {"items": [...], "source"}: `source` is segment (popular in the category), trending or static
304  for a matching If-None-Match
400  invalid_slots, invalid_category
403  sender_not_trusted: `__amp_source_origin` names somebody else
405  method_not_allowed
503  nothing_to_show, store_unavailable

Nothing of it depends on who asks: an answer says `AMP-Email-Allow-Sender: *` rather than who it is for, and
varies by Origin alone, as caches understand. Errors are not kept.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import Protocol

import flask

from evermail.serving import Answer, NothingToShow, Source
from functions import amp, amp_cors
from functions.amp_cors import TrustedSenders
from functions.logs import RequestLog
from functions.responses import Failure, check_method, json_response
from functions.settings import MAX_SLOTS, parse_slots

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
        text = request.args.get("n")
        slots = self._slots if text is None else parse_slots(text)
        if slots is None:
            raise Failure(400, "invalid_slots", f"n is a whole number from 1 to {MAX_SLOTS}")
        category = request.args.get("category", "")
        if len(category) > MAX_CATEGORY_CHARS or not category.isprintable():
            raise Failure(400, "invalid_category", f"a name has at most {MAX_CATEGORY_CHARS} characters")
        answer = self._popular(slots, category, log)
        log.add(source=str(answer.source), items=len(answer.items))
        payload = {"items": answer.items, "source": answer.source}
        response = json_response(payload)
        static = answer.source is Source.STATIC
        response.headers["Cache-Control"] = AT_WORST if static else CACHE_CONTROL
        response.set_etag(_tag(response.get_data()))
        response.make_conditional(request)
        return response

    def _popular(self, slots: int, category: str, log: RequestLog) -> Answer:
        try:
            return self._recommender().popular(slots=slots, category=category)
        except NothingToShow as nothing:
            if nothing.__cause__ is None:
                raise Failure(503, "nothing_to_show", "there is nothing to recommend now") from None
            log.add_exception(nothing.__cause__)
        except Exception as error:
            log.add_exception(error)
        raise Failure(503, "store_unavailable", "the recommendations cannot be read now")


def _tag(body: bytes) -> str:
    return base64.urlsafe_b64encode(sha256(body).digest()[:12]).decode()
