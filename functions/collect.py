"""`POST`: a shop's events, onto the events topic.

The body is one event, a JSON array of events, or `{"events": [...]}`: at most 100 events and 512 KB,
as `application/json` or as `text/plain` (what `navigator.sendBeacon` sends without a preflight).
An event must have an `event_id`, by which a repeated one is known. Without `event_time` it gets the
server's time; a sender that retries should give it, so that the repetition is the same event.
The body of a request of GA4's Measurement Protocol, a call of Segment's and a batch of them are taken too
(`functions.incoming`).

A page of the shop shows by its Origin where it comes from. A server has none: where `EVERMAIL_COLLECT_KEYS`
are set it needs one of them, as a Bearer token, or as the user name of Basic authentication, where Segment's
libraries put their write key.

An `erase_user` is taken with a key only, from wherever it comes: an Origin is no proof, and nobody must be
able to erase others by knowing what they are called. Where no keys are set it is refused; `privacy` erases.

One event, or one call of Segment's
    202  {"accepted": 1}
    400  the code (of `evermail.events.Code`) that says what is wrong with it
A batch
    202  {"accepted": 3}: all of them
    207  {"accepted": 2, "rejected": 1, "results": [...]}: some; a result for each event, in order:
         {"index": 0, "accepted": true} or {"index": 1, "accepted": false, "error": {"code", "message"}}
    400  all_events_rejected, with the same members beside the error
Either
    400  a code of `evermail.events.Code` for the whole body, incomplete_body
    401  key_missing, key_invalid
    403  origin_not_allowed; for one event, and in the results of a batch, erasure_needs_key
    405  method_not_allowed
    413  oversize_payload, too_many_events
    415  unsupported_media_type
    503  publish_failed, with Retry-After: send all of it again. What did arrive is dropped as a duplicate.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import flask

from evermail import clock
from evermail.events import Code, EventName, Refusal
from functions import audit, bodies, incoming
from functions.callers import Secrets
from functions.entry import Handler
from functions.incoming import Accepted, Incoming, Refused
from functions.logs import RequestLog
from functions.publisher import Message, Publisher
from functions.responses import Failure, check_method, json_response, no_content
from functions.settings import CollectSettings

RETRY_AFTER_S = 5

ERASURE_NEEDS_KEY = "erasure_needs_key"
"""The one code of a refused event that is not of `evermail.events.Code`: its sender is what is wrong."""

SEGMENT_PATHS = tuple(f"collect/v1/{call}" for call in ("batch", "identify", "page", "track"))
"""Where Segment's libraries post whose host is `.../collect`. Each is the same as `collect`: bodies say what
they are. As a function of its own, `collect` is under every path anyway."""

_METHODS = ("POST", "OPTIONS")
_CONTENT_TYPES = ("application/json", "text/plain")


def create_collect(
    settings: CollectSettings, publisher: Publisher, *, clock: clock.Clock = clock.now_us
) -> Handler:
    """The handler."""
    return _Collect(settings, publisher, clock)


class _Collect:
    def __init__(self, settings: CollectSettings, publisher: Publisher, clock: clock.Clock) -> None:
        self._settings = settings
        self._keys = Secrets(settings.keys, basic=True)
        self._publisher = publisher
        self._clock = clock

    def admit(self, request: flask.Request) -> Mapping[str, str]:
        """A page of the shop, or a server (which sends no Origin). We read no cookies, so
        credentials, which sendBeacon insists on, are harmless."""
        origin = request.headers.get("Origin")
        if origin is None:
            if self._settings.keys and self._keys.owner(request) is None:
                raise _no_key(shown=bool(self._keys.shown(request)))
            return {"Vary": "Origin"}
        if origin not in self._settings.origins:
            raise Failure(
                403,
                "origin_not_allowed",
                "pages of this origin may not send events",
                headers={"Vary": "Origin"},
            )
        return {
            "Access-Control-Allow-Origin": origin,
            "Access-Control-Allow-Credentials": "true",
            "Access-Control-Expose-Headers": "Retry-After",
            "Vary": "Origin",
        }

    def answer(self, request: flask.Request, log: RequestLog) -> flask.Response:
        check_method(request.method, _METHODS)
        if request.method == "OPTIONS":
            return no_content(
                {
                    "Access-Control-Allow-Methods": "POST",
                    "Access-Control-Allow-Headers": "Content-Type",
                    "Access-Control-Max-Age": "3600",
                }
            )
        body = bodies.read(request, _CONTENT_TYPES, incoming.MAX_BODY_BYTES)
        try:
            received = incoming.read(body, self._clock())
        except Refusal as refusal:
            raise _failure(refusal.code, refusal.message) from None
        except incoming.TooManyEvents:
            raise Failure(
                413, "too_many_events", f"a batch has at most {incoming.MAX_BATCH_EVENTS} events"
            ) from None
        owner = self._keys.owner(request)
        if owner is None:
            received = _without_erasures(received)
        accepted = [event for event in received.events if isinstance(event, Accepted)]
        rejected = [event for event in received.events if isinstance(event, Refused)]
        log.add(accepted=len(accepted), rejected=dict(Counter(str(event.code) for event in rejected)))
        self._publish(accepted, log)
        erasures = sum(event.event.event_name is EventName.ERASE_USER for event in accepted)
        if owner is not None and erasures:  # whom they are about is known to who has the events' ids
            audit.record(
                caller=owner,
                request_id=log.request_id,
                outcome=audit.Outcome.DONE,
                action="erase_user",
                counts={"events": erasures},
            )
        return _summary(received, accepted, rejected)

    def _publish(self, accepted: Sequence[Accepted], log: RequestLog) -> None:
        if not accepted:
            return
        messages = [
            Message(
                item.data,
                item.event.event_id,
                clock.to_rfc3339(item.event.event_time),
                traceparent=log.traceparent,
            )
            for item in accepted
        ]
        try:
            unconfirmed = self._publisher.publish(messages).count(False)
        except Exception as error:  # no credentials, no network: whatever it is, the sender must know
            log.add_exception(error)
            unconfirmed = len(messages)
        if unconfirmed:
            log.add(unconfirmed=unconfirmed)
            raise Failure(
                503,
                "publish_failed",
                "not all events could be stored: send them again",
                headers={"Retry-After": str(RETRY_AFTER_S)},
            )


def _without_erasures(received: Incoming) -> Incoming:
    return Incoming([_unless_erasure(event) for event in received.events], received.batched)


def _unless_erasure(event: Accepted | Refused) -> Accepted | Refused:
    if isinstance(event, Accepted) and event.event.event_name is EventName.ERASE_USER:
        return Refused(
            ERASURE_NEEDS_KEY,
            "erase_user is taken with a key of EVERMAIL_COLLECT_KEYS only; the endpoint privacy erases, too",
        )
    return event


def _summary(received: Incoming, accepted: list[Accepted], rejected: list[Refused]) -> flask.Response:
    if not rejected:
        return json_response({"accepted": len(accepted)}, 202)
    if not received.batched:
        raise _failure(rejected[0].code, rejected[0].message)
    summary = {
        "accepted": len(accepted),
        "rejected": len(rejected),
        "results": [_result(index, event) for index, event in enumerate(received.events)],
    }
    if not accepted:
        raise Failure(400, "all_events_rejected", "no event of the batch is valid", details=summary)
    return json_response(summary, 207)


def _result(index: int, event: Accepted | Refused) -> dict[str, object]:
    if isinstance(event, Accepted):
        return {"index": index, "accepted": True}
    return {"index": index, "accepted": False, "error": {"code": event.code, "message": event.message}}


def _failure(code: str, message: str) -> Failure:
    statuses = {Code.OVERSIZE_PAYLOAD: 413, ERASURE_NEEDS_KEY: 403}
    return Failure(statuses.get(code, 400), str(code), message)


def _no_key(*, shown: bool) -> Failure:
    return Failure(
        401,
        "key_invalid" if shown else "key_missing",
        "a server sends one of the keys of EVERMAIL_COLLECT_KEYS: Authorization: Bearer SECRET",
        headers={"WWW-Authenticate": 'Bearer realm="evermail"', "Vary": "Origin"},
    )
