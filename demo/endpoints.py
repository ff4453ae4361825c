"""The functions as the demo calls them, over HTTP like any browser or mail client."""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from demo.stack import SENDER
from evermail import clock

TIMEOUT_S = 5.0

_LOOKED_AT = ("Content-Type", "Content-Security-Policy", "Location")
_FORM = "application/x-www-form-urlencoded"


class NotCollected(Exception):
    """An event did not reach Pub/Sub; the message is for the visitor."""


class NotAnswered(Exception):
    """A function does not answer; the message is for the visitor."""


@dataclass(frozen=True)
class Reply:
    """What a function answered, as far as a mail client looks at it."""

    status: int
    content_type: str
    policy: str
    location: str
    body: bytes


class Functions:
    """All of them, below one address without a slash at its end. Safe to share between threads."""

    def __init__(self, functions_url: str) -> None:
        self._url = functions_url

    def answer(self, token: str) -> dict[str, Any] | None:
        """What an opened email gets; None when it gets no usable answer."""
        try:
            status, body = ask(f"{self._url}/recommendations", token)
            answer = json.loads(body) if status == http.client.OK else None
        except (OSError, http.client.HTTPException, ValueError):
            return None
        return answer if isinstance(answer, dict) else None

    def collect(self, events: Sequence[Mapping[str, Any]]) -> None:
        """Hands events to the pipeline. Raises `NotCollected`."""
        body = json.dumps({"events": events}).encode()
        try:
            reply = _request("POST", f"{self._url}/collect", {"Content-Type": "application/json"}, body)
        except (OSError, http.client.HTTPException):
            raise NotCollected("the collect function does not answer") from None
        if reply.status != http.client.ACCEPTED:
            raise NotCollected(f"the collect function answered {reply.status}: {_message(reply.body)}")

    def get(self, function: str, **query: str) -> Reply:
        """What a browser or a mail client gets at a function's address. Raises `NotAnswered`."""
        return self._asked("GET", function, query, {})

    def post(self, function: str, fields: Mapping[str, str], *, token: str, from_email: bool = True) -> Reply:
        """What becomes of a form, of an email or of a page. Raises `NotAnswered`."""
        headers = {"Content-Type": _FORM} | ({"AMP-Email-Sender": SENDER} if from_email else {})
        return self._asked("POST", function, {"t": token}, headers, urlencode(fields).encode())

    def _asked(
        self,
        method: str,
        function: str,
        query: Mapping[str, str],
        headers: Mapping[str, str],
        body: bytes | None = None,
    ) -> Reply:
        try:
            return _request(method, f"{self._url}/{function}?{urlencode(query)}", headers, body)
        except (OSError, http.client.HTTPException):
            raise NotAnswered(f"the function {function} does not answer") from None


def ask(recommendations_url: str, token: str) -> tuple[int, bytes]:
    """Status and body of what an opened email gets. Raises `OSError` and `http.client.HTTPException`."""
    reply = _request("GET", f"{recommendations_url}?t={quote(token)}", {"AMP-Email-Sender": SENDER})
    return reply.status, reply.body


def as_of(answer: Mapping[str, Any]) -> int:
    """The time (microseconds) of the newest of the shopper's events that went into an answer; 0 if none."""
    text = answer.get("as_of")
    return clock.from_datetime(datetime.fromisoformat(text)) if text else 0


def _request(method: str, url: str, headers: Mapping[str, str], body: bytes | None = None) -> Reply:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=TIMEOUT_S)
    try:
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        connection.request(method, target, body=body, headers=dict(headers))
        response = connection.getresponse()
        content_type, policy, location = (response.getheader(name, "") for name in _LOOKED_AT)
        return Reply(response.status, content_type, policy, location, response.read())
    finally:
        connection.close()


def _message(body: bytes) -> str:
    try:
        return str(json.loads(body)["error"]["message"])
    except (ValueError, KeyError, TypeError):
        return "no reason given"
