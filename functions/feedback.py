"""`POST ?t=TOKEN`: what a shopper says of an item, from a form in an email (`amp-form`).

The token is one for actions. The form, urlencoded or multipart and at most 8 KB, has the fields `item_id` and
`verdict`: `not_for_me` (it is not shown again), `more_like_this`, or `none`, which takes back what was said.
The last one holds (`evermail.feedback`); said again it changes nothing.

200  {"message": ..., "verdict": ...}: it is stored
400  sender_missing, source_origin_missing, token_missing, item_id_missing, repeated_field,
     invalid_identifier (no id of an item), invalid_verdict, malformed_form, incomplete_body
401  token_expired, token_invalid
403  sender_not_trusted
405  method_not_allowed
413  oversize_payload
415  unsupported_media_type
429  too_many_requests, with Retry-After
503  store_unavailable, with Retry-After: it may have been stored; sent again it does no harm

Errors are {"error": {"code", "message"}}. Every answer to a trusted sender has the CORS headers, errors
included. Never a redirect.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import flask

from evermail import clock, feedback
from evermail.documents import Erasure, Feedback, Key, Verdict
from evermail.erasure import first_version
from evermail.moves import follow
from evermail.stores import Outcome, Store, StoreUnavailable
from evermail.tokens import Purpose, TokenSigner
from functions import amp, forms
from functions.entry import Handler
from functions.forms import Form
from functions.in_time import InTime
from functions.logs import RequestLog
from functions.rate_limit import RateLimit
from functions.recipients import Recipients
from functions.responses import Failure, check_method, json_response
from functions.settings import ActionSettings

TRIES = 8
"""Each but the last lost to another request of the same shopper, so as many as one may send at once and still
be told that all were stored."""

READ_TIMEOUT_S = 1.0

MESSAGES = {
    Verdict.NOT_FOR_ME: "Got it. We will not show you this again.",
    Verdict.MORE_LIKE_THIS: "Got it. We will look for more like this.",
    Verdict.NONE: "Taken back.",
}

_METHODS = ("POST", "OPTIONS")


def create_feedback(
    settings: ActionSettings,
    store: Callable[[], Store],
    *,
    in_time: InTime | None = None,
    clock: clock.Clock = clock.now_us,
) -> Handler:
    """The handler. `store` is called on each request that needs it, and first then."""
    signer = TokenSigner(settings.token_keys, clock=clock)
    recipients = Recipients(signer, Purpose.ACTIONS, RateLimit(settings.requests_per_minute))
    return _Feedback(settings, store, recipients, in_time or InTime("feedback"), clock)


def remember(store: Store, shopper: str, item_id: str, verdict: Verdict, now_us: int) -> None:
    """Stores a verdict under the name by which the shopper goes now. Raises `StoreError`."""
    for _ in range(TRIES):
        followed = follow(store, shopper, [Feedback, Erasure], timeout_s=READ_TIMEOUT_S)
        erasures = [one for one in followed.found.values() if isinstance(one, Erasure)]
        name = followed.names[-1]
        stored = followed.found.get(Key(Feedback.COLLECTION, name))
        document = feedback.given(
            stored if isinstance(stored, Feedback) else None,  # what cannot be read is replaced
            name,
            item_id,
            verdict,
            erased_at=max((one.erased_at for one in erasures), default=0),
            now_us=now_us,
            first_version=max(map(first_version, erasures), default=0),
        )
        if document is None:
            return
        [result] = store.put_many([document])
        if result.outcome is Outcome.WRITTEN:
            return
        if result.outcome is not Outcome.STALE:
            raise StoreUnavailable(f"feedback was not written: {result.message}")
    raise StoreUnavailable("feedback was not written, as others kept writing it")


class _Feedback:
    def __init__(
        self,
        settings: ActionSettings,
        store: Callable[[], Store],
        recipients: Recipients,
        in_time: InTime,
        clock: clock.Clock,
    ) -> None:
        self._settings = settings
        self._store = store
        self._recipients = recipients
        self._in_time = in_time
        self._clock = clock

    def admit(self, request: flask.Request) -> Mapping[str, str]:
        return amp.admit(request, self._settings.senders)

    def answer(self, request: flask.Request, log: RequestLog) -> flask.Response:
        check_method(request.method, _METHODS)
        if request.method == "OPTIONS":
            return amp.preflight("POST")
        recipient = self._recipients.of(request)
        log.add(campaign=recipient.campaign)
        form = forms.read(request)
        item_id, verdict = form.item_id(recipient), _verdict(form)
        log.add(verdict=str(verdict))
        now_us = self._clock()
        self._in_time.do(lambda: remember(self._store(), recipient.shopper, item_id, verdict, now_us), log)
        return json_response({"message": MESSAGES[verdict], "verdict": verdict})


def _verdict(form: Form) -> Verdict:
    try:
        return Verdict(form.get("verdict") or "")
    except ValueError:
        raise Failure(400, "invalid_verdict", f"verdict is one of: {', '.join(Verdict)}") from None
