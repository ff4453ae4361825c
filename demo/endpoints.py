"""The two functions as the demo calls them, over HTTP like any browser or mail client."""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import quote, urlsplit

from demo.stack import SENDER
from evermail import clock

TIMEOUT_S = 5.0


class NotCollected(Exception):
    """An event did not reach Pub/Sub; the message is for the visitor."""


class Functions:
    """`collect` and `recommendations` at their addresses. Safe to share between threads."""

    def __init__(self, recommendations_url: str, collect_url: str) -> None:
        self._recommendations_url = recommendations_url
        self._collect_url = collect_url

    def answer(self, token: str) -> dict[str, Any] | None:
        """What an opened email gets; None when it gets no usable answer."""
        try:
            status, body = ask(self._recommendations_url, token)
            answer = json.loads(body) if status == http.client.OK else None
        except (OSError, http.client.HTTPException, ValueError):
            return None
        return answer if isinstance(answer, dict) else None

    def collect(self, events: Sequence[Mapping[str, Any]]) -> None:
        """Hands events to the pipeline. Raises `NotCollected`."""
        body = json.dumps({"events": events}).encode()
        try:
            status, answer = _request("POST", self._collect_url, {"Content-Type": "application/json"}, body)
        except (OSError, http.client.HTTPException):
            raise NotCollected("the collect function does not answer") from None
        if status != http.client.ACCEPTED:
            raise NotCollected(f"the collect function answered {status}: {_message(answer)}")


def ask(recommendations_url: str, token: str) -> tuple[int, bytes]:
    """Status and body of what an opened email gets. Raises `OSError` and `http.client.HTTPException`."""
    return _request("GET", f"{recommendations_url}?t={quote(token)}", {"AMP-Email-Sender": SENDER})


def as_of(answer: Mapping[str, Any]) -> int:
    """The time (microseconds) of the newest of the shopper's events that went into an answer; 0 if none."""
    text = answer.get("as_of")
    return clock.from_datetime(datetime.fromisoformat(text)) if text else 0


def _request(
    method: str, url: str, headers: Mapping[str, str], body: bytes | None = None
) -> tuple[int, bytes]:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=TIMEOUT_S)
    try:
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        connection.request(method, target, body=body, headers=dict(headers))
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def _message(body: bytes) -> str:
    try:
        return str(json.loads(body)["error"]["message"])
    except (ValueError, KeyError, TypeError):
        return "no reason given"
