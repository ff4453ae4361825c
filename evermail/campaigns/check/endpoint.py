"""Asks the live functions what a mail program asks when the email is opened, and looks at what they answer.

Only GET and OPTIONS, seven requests at most: nothing changes by them. They may count as opens.
Source: https://amp.dev/documentation/guides-and-tutorials/email/learn/cors-in-email
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import httpx

from evermail.campaigns.check.addresses import addresses
from evermail.campaigns.check.draft import Draft
from evermail.campaigns.check.finding import Finding, brief, error, hint, warning

ENDPOINT_UNREACHABLE = error(
    "endpoint_unreachable",
    "The functions do not answer: emails would show their fallback.",
    "See that the functions are deployed, and that --endpoint is their address.",
)
ENDPOINT_REDIRECTS = error(
    "endpoint_redirects",
    "The functions answer by a redirect, which Gmail takes for a failure.",
    "Put in the address that it leads to, beginning with https:// and without a slash at its end.",
)
ENDPOINT_REFUSES = error(
    "endpoint_refuses",
    "The functions do not give an email of this sender what it asks for.",
    "Add the address to EVERMAIL_SENDERS of the functions; if it is the token that they refuse, see that "
    "EVERMAIL_TOKEN_KEYS is the same here and there.",
)
ENDPOINT_CORS = error(
    "endpoint_cors",
    "An answer lacks a header without which mail programs throw it away.",
    "Deploy the functions as they come. If something stands before them, let it pass on all headers.",
)
ENDPOINT_TRUSTS_ALL = error(
    "endpoint_trusts_all",
    "The functions let the emails of any sender read their answers.",
    "Name your own senders in EVERMAIL_SENDERS, and let nothing before the functions add CORS headers.",
)
ENDPOINT_NOT_JSON = error(
    "endpoint_not_json",
    "An answer is no JSON, or does not say that it is: the email shows its fallback, or an empty list.",
    "See that --endpoint is the address of the functions; Content-Type must be application/json.",
)
ENDPOINT_CACHED = error(
    "endpoint_cached",
    "An answer made for one person may be kept by caches on the way.",
    "Let Cache-Control be `private, no-store` on the way out; do not put a cache before the functions.",
)
ENDPOINT_SLOW = warning(
    "endpoint_slow",
    "The functions take more than a second to begin their answer: people scroll past what is not there yet.",
    "Keep an instance running (min-instances), in a region near your recipients.",
)

ENDPOINT_WITHOUT_TOKEN = hint(
    "endpoint_without_token",
    "The functions were asked without a token that they take, so no list of products was seen.",
    "Set EVERMAIL_TOKEN_KEYS to what the functions have, and check again.",
)

TIMEOUT_S = 5.0
"""For each part of a request. Gmail's proxy waits about as long."""

SLOW_S = 1.0
MAX_BYTES = 1_000_000
_ORIGIN = "https://mail.google.com"
_STRANGER = "stranger@not-your-shop.example"
_SENDER = "AMP-Email-Sender"
_ALLOW_SENDER = "AMP-Email-Allow-Sender"
_ALLOW_SOURCE = "AMP-Access-Control-Allow-Source-Origin"
_ALLOW_ORIGIN = "Access-Control-Allow-Origin"
_SOURCE = "__amp_source_origin"
_BAD_TOKEN = "not-a-token"  # noqa: S105 (it is to be refused)


@dataclass(frozen=True)
class _Answer:
    status: int
    headers: httpx.Headers
    body: bytes
    waited_s: float


def live_address(draft: Draft, endpoint: str, *, has_tokens: bool) -> str:
    """What the AMP part asks when it is opened, at `endpoint`, without a slash at its end. Where the email
    has no tokens that open anything, one that is none takes the place of its own."""
    for address in addresses(draft):
        if address.element is not None and address.element.tag == "amp-list" and address.split is not None:
            url = f"{endpoint}/{address.endpoint}?{address.split.query}"
            return url if has_tokens or not address.token else _with(url, t=_BAD_TOKEN)
    return f"{endpoint}/recommendations?t={_BAD_TOKEN}"


def find(
    url: str,
    sender: str,
    client: httpx.Client,
    *,
    monotonic: Callable[[], float] = time.monotonic,
) -> Iterator[Finding]:
    """Asks for `url`, as `live_address` names it, in the name of an email of `sender`."""
    asker = _Asker(client, monotonic)
    try:
        yield from _found(asker, url, sender)
    except httpx.HTTPError as problem:
        what = f"{_shown(url)} does not answer: {brief(str(problem)) or type(problem).__name__}"
        yield ENDPOINT_UNREACHABLE.at("endpoint", 0, what)


def _found(asker: _Asker, url: str, sender: str) -> Iterator[Finding]:
    first = asker.ask(url, {_SENDER: sender})
    if first.status in range(300, 400):
        what = f"{_shown(url)} leads to {brief(first.headers.get('location', 'nowhere'))}"
        yield ENDPOINT_REDIRECTS.at("endpoint", 0, what)
        return
    yield from _content(first, url)
    yield from _version_2(first, sender, "AMP's CORS, version 2")
    with_origin = {"Origin": _ORIGIN}
    yield from _version_1(asker.ask(_with(url, **{_SOURCE: sender}), with_origin), sender)

    if _is_personal(url):
        yield from _strangers(asker, url)

    options = asker.ask(url, {_SENDER: sender, "Access-Control-Request-Method": "GET"}, method="OPTIONS")
    if options.status >= 300:
        yield ENDPOINT_CORS.at("endpoint", 0, f"OPTIONS is answered by {options.status}")
    else:
        yield from _version_2(options, sender, "OPTIONS")

    wrong = asker.ask(_with(url, t=_BAD_TOKEN, n="none"), {_SENDER: sender})
    if wrong.status >= 400:
        yield from _version_2(wrong, sender, f"an error ({wrong.status})")
        yield from _json(wrong, f"an error ({wrong.status})")


def _strangers(asker: _Asker, url: str) -> Iterator[Finding]:
    """What is personal is for the emails of senders that the functions know."""
    for name, answer in (
        ("version 2", asker.ask(url, {_SENDER: _STRANGER})),
        ("version 1", asker.ask(_with(url, **{_SOURCE: _STRANGER}), {"Origin": _ORIGIN})),
    ):
        allowed = any(answer.headers.get(header) for header in (_ALLOW_SENDER, _ALLOW_ORIGIN, _ALLOW_SOURCE))
        if answer.status < 400 or allowed:
            what = f"{_STRANGER} gets {answer.status} by AMP's CORS, {name}"
            yield ENDPOINT_TRUSTS_ALL.at("endpoint", 0, what)
    nobody = asker.ask(url, {})
    if nobody.status < 400:
        yield ENDPOINT_TRUSTS_ALL.at("endpoint", 0, f"a request of no email gets {nobody.status}")


def _content(answer: _Answer, url: str) -> Iterator[Finding]:
    said = f"{_shown(url)} answers {answer.status}"
    expected = answer.status == 401 and f"t={_BAD_TOKEN}" in url
    if expected:
        yield ENDPOINT_WITHOUT_TOKEN.at("endpoint", 0, said)
    elif answer.status >= 400:
        kind = ENDPOINT_UNREACHABLE if answer.status in (404, 502, 504) else ENDPOINT_REFUSES
        yield kind.at("endpoint", 0, f"{said}: {_reason(answer)}")
    yield from _json(answer, said)
    cache = {part.strip().lower() for part in answer.headers.get("cache-control", "").split(",")}
    if _is_personal(url) and not {"private", "no-store"} <= cache:
        yield ENDPOINT_CACHED.at("endpoint", 0, f"Cache-Control is {', '.join(sorted(cache)) or 'missing'}")
    if answer.waited_s > SLOW_S:
        yield ENDPOINT_SLOW.at("endpoint", 0, f"the first byte came after {answer.waited_s:.1f} s")


def _json(answer: _Answer, said: str) -> Iterator[Finding]:
    content_type = answer.headers.get("content-type", "")
    if not content_type.lower().startswith("application/json"):
        yield ENDPOINT_NOT_JSON.at("endpoint", 0, f"{said} with Content-Type {content_type or 'missing'}")
        return
    try:
        content = json.loads(answer.body)
    except ValueError:
        content = None
    if not isinstance(content, dict):
        yield ENDPOINT_NOT_JSON.at("endpoint", 0, f"{said} with something that is no JSON object")


def _version_2(answer: _Answer, sender: str, said: str) -> Iterator[Finding]:
    allowed = answer.headers.get(_ALLOW_SENDER, "")
    if allowed != "*" and allowed.casefold() != sender.casefold():
        yield ENDPOINT_CORS.at("endpoint", 0, f"{said}: {_ALLOW_SENDER} is {allowed or 'missing'}")


def _version_1(answer: _Answer, sender: str) -> Iterator[Finding]:
    expected = {
        _ALLOW_ORIGIN: (_ORIGIN, "*"),
        _ALLOW_SOURCE: (sender,),
    }
    for header, values in expected.items():
        value = answer.headers.get(header, "")
        if value.casefold() not in {one.casefold() for one in values}:
            what = f"AMP's CORS, version 1: {header} is {value or 'missing'}"
            yield ENDPOINT_CORS.at("endpoint", 0, what)
    exposed = answer.headers.get("Access-Control-Expose-Headers", "")
    if _ALLOW_SOURCE.casefold() not in exposed.casefold():
        what = f"AMP's CORS, version 1: Access-Control-Expose-Headers is {exposed or 'missing'}"
        yield ENDPOINT_CORS.at("endpoint", 0, what)


class _Asker:
    def __init__(self, client: httpx.Client, monotonic: Callable[[], float]) -> None:
        self._client = client
        self._monotonic = monotonic

    def ask(self, url: str, headers: Mapping[str, str], method: str = "GET") -> _Answer:
        began = self._monotonic()
        with self._client.stream(
            method, url, headers=headers, follow_redirects=False, timeout=TIMEOUT_S
        ) as answer:
            body, waited_s = b"", -1.0
            for chunk in answer.iter_bytes():
                waited_s = self._monotonic() - began if waited_s < 0 else waited_s
                body += chunk
                if len(body) > MAX_BYTES:
                    break
        waited_s = self._monotonic() - began if waited_s < 0 else waited_s
        return _Answer(answer.status_code, answer.headers, body, waited_s)


def _with(url: str, **parameters: str) -> str:
    """A URL with these parameters in the place of others of their names."""
    parts = urlsplit(url)
    query = dict(parse_qsl(parts.query)) | parameters
    return urlunsplit(parts._replace(query=urlencode(query)))


def _is_personal(url: str) -> bool:
    return "t" in dict(parse_qsl(urlsplit(url).query))


def _shown(url: str) -> str:
    """Without its query, which has a token."""
    return urlunsplit(urlsplit(url)._replace(query="", fragment=""))


def _reason(answer: _Answer) -> str:
    try:
        return brief(str(json.loads(answer.body)["error"]["message"]), 100)
    except (ValueError, LookupError, TypeError):
        return brief(answer.body.decode("utf-8", "replace"), 100) or "it does not say why"
