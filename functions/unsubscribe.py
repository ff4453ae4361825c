"""The link by which people leave: `GET ?t=TOKEN` shows a page, `POST ?t=TOKEN` does it. The token is one for
unsubscribing, and good for 400 days.

`GET`, `HEAD`: a page with a button. It changes nothing, since scanners follow every link in an email.
`POST` of a form, urlencoded or multipart, at most 8 KB:

- `List-Unsubscribe=One-Click`, by a mail provider (RFC 8058), needs nothing but the token; answered by JSON.
- `action=unsubscribe` or `action=undo`, by an AMP form (a request with the header AMP-Email-Sender or the
  parameter `__amp_source_origin`), answered by JSON with CORS headers; or by the page, answered by a page.

From the answer on the suppression holds (`evermail.suppression`). Said again it changes nothing; `undo` takes
back what this email's own link has said within a day.

200  {"message": ...}, or a page
400  token_missing, repeated_field, invalid_action, malformed_form, incomplete_body;
     of AMP alone sender_missing, source_origin_missing
401  token_expired, token_invalid
403  sender_not_trusted (AMP)
405  method_not_allowed
409  not_taken_back: an undo of what was said by another email, or longer ago
413  oversize_payload
415  unsupported_media_type
429  too_many_requests, with Retry-After
503  store_unavailable, with Retry-After: it may hold already; sent again it does no harm

Errors are {"error": {"code", "message"}}, or a page where a page was asked for. Never a redirect.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum

import flask

from evermail import clock, suppression
from evermail.stores import Store
from evermail.tokens import Purpose, Recipient, TokenSigner
from functions import amp, amp_cors, forms, unsubscribe_page
from functions.entry import Handler
from functions.forms import Form
from functions.in_time import InTime
from functions.logs import RequestLog
from functions.rate_limit import RateLimit
from functions.recipients import Recipients
from functions.responses import Failure, check_method, json_response, no_content
from functions.settings import ActionSettings
from functions.unsubscribe_page import Action

ONE_CLICK_FIELD, ONE_CLICK_VALUE = "List-Unsubscribe", "One-Click"

_METHODS = ("GET", "HEAD", "POST", "OPTIONS")
_AMP_METHODS = ("POST", "OPTIONS")
_MESSAGES = {Action.UNSUBSCRIBE: "You are unsubscribed.", Action.UNDO: "You are subscribed again."}
_PAGES = {
    Action.UNSUBSCRIBE: unsubscribe_page.UNSUBSCRIBED,
    Action.UNDO: unsubscribe_page.SUBSCRIBED,
}


class Way(StrEnum):
    """By which a shopper says so: the reason that is stored, and logged."""

    ONE_CLICK = "one_click"
    AMP = "amp"
    PAGE = "page"


def create_unsubscribe(
    settings: ActionSettings,
    store: Callable[[], Store],
    *,
    in_time: InTime | None = None,
    clock: clock.Clock = clock.now_us,
) -> Handler:
    """The handler. `store` is called on each request that needs it, and first then."""
    signer = TokenSigner(settings.token_keys, clock=clock)
    recipients = Recipients(signer, Purpose.UNSUBSCRIBE, RateLimit(settings.requests_per_minute))
    return _Unsubscribe(settings, store, recipients, in_time or InTime("unsubscribe"), clock)


class _Unsubscribe:
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
        return amp.admit(request, self._settings.senders) if _is_amp(request) else amp_cors.VARY

    def answer(self, request: flask.Request, log: RequestLog) -> flask.Response:
        is_amp = _is_amp(request)
        methods = _AMP_METHODS if is_amp else _METHODS
        check_method(request.method, methods)
        if request.method == "OPTIONS":
            return amp.preflight("POST") if is_amp else no_content({"Allow": ", ".join(methods)})
        action, way = Action.UNSUBSCRIBE, Way.AMP if is_amp else Way.PAGE
        try:
            # Before the token: who asks by one click, a program, is to be told in JSON that it is a bad one.
            if request.method == "POST":
                form = forms.read(request)
                if _is_one_click(form):
                    way = Way.ONE_CLICK
                else:
                    action = _action(form)
                log.add(action=str(action), way=str(way))
            recipient = self._recipients.of(request)
            log.add(campaign=recipient.campaign)
            if request.method != "POST":
                return unsubscribe_page.show(unsubscribe_page.ASK)
            self._do(action, way, recipient, log)
        except Failure as failure:
            if way is not Way.PAGE:
                raise
            log.add(code=failure.code)
            return unsubscribe_page.show_failure(failure, action)
        if way is Way.PAGE:
            return unsubscribe_page.show(_PAGES[action])
        return json_response({"message": _MESSAGES[action]})

    def _do(self, action: Action, way: Way, recipient: Recipient, log: RequestLog) -> None:
        say = suppression.suppress if action is Action.UNSUBSCRIBE else suppression.lift
        now_us, link = self._clock(), f"{recipient.campaign}:{recipient.shopper}"
        try:
            new = self._in_time.do(lambda: say(self._store(), recipient.shopper, way, now_us, link=link), log)
        except suppression.NotTakenBack:
            raise Failure(
                409, "not_taken_back", "this email's link did not unsubscribe you, or not within the last day"
            ) from None
        log.add(new=new)


def _is_amp(request: flask.Request) -> bool:
    return amp_cors.SENDER_HEADER in request.headers or amp_cors.SOURCE_ORIGIN_PARAMETER in request.args


def _is_one_click(form: Form) -> bool:
    return (form.get(ONE_CLICK_FIELD) or "").casefold() == ONE_CLICK_VALUE.casefold()


def _action(form: Form) -> Action:
    try:
        return Action(form.get("action") or "")
    except ValueError:
        raise Failure(400, "invalid_action", f"action is one of: {', '.join(Action)}") from None
