"""One request to `collect`, and what its answer says of each event."""

from __future__ import annotations

import http.client
from collections.abc import Sequence
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Protocol
from urllib.parse import urlsplit

import msgspec

from evermail import clock

TIMEOUT_S = 10.0


@dataclass(frozen=True)
class Queued:
    """An event on its way: its id, and its JSON."""

    event_id: str
    data: bytes


@dataclass(frozen=True)
class Unsent:
    """An event that has not arrived. `code` is `collect`'s for one that it refused, for good, and `waiting`
    for one that is still in the queue."""

    event_id: str
    code: str
    message: str
    data: bytes
    """Its JSON, to send again or to look at."""


@dataclass(frozen=True)
class Answered:
    """`collect` has judged the events: those it refused, all others have arrived."""

    refused: list[Unsent]


@dataclass(frozen=True)
class Later:
    """`collect` has not judged the events: they are to be sent again, not before `after_s` seconds are over.
    `why` is what somebody has to mend first, empty where nobody has to."""

    after_s: float = 0.0
    why: str = ""


class Deliver(Protocol):
    """Sends events, once. Raises nothing."""

    def __call__(self, batch: Sequence[Queued]) -> Answered | Later: ...


class _Error(msgspec.Struct, frozen=True):
    code: str = "unknown"
    message: str = ""


class _Result(msgspec.Struct):
    accepted: bool
    error: _Error = _Error()


class _Answer(msgspec.Struct):
    error: _Error = _Error()
    results: list[_Result] = []


class HttpDelivery:
    """Posts to an `http` or `https` address. `key` is one of `EVERMAIL_COLLECT_KEYS`. Raises `ValueError` for
    any other address."""

    def __init__(self, endpoint: str, key: str | None, *, timeout_s: float = TIMEOUT_S) -> None:
        parts = urlsplit(endpoint)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("endpoint: expected the address of collect, such as https://events.shop.example")
        self._connect = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        self._host, self._port, self._timeout_s = parts.hostname, parts.port, timeout_s
        self._target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self._headers = {"Content-Type": "application/json"}
        if key:
            self._headers["Authorization"] = f"Bearer {key}"

    def __call__(self, batch: Sequence[Queued]) -> Answered | Later:
        body = b"[" + b",".join(event.data for event in batch) + b"]"
        connection = self._connect(self._host, self._port, timeout=self._timeout_s)
        try:
            connection.request("POST", self._target, body, self._headers)
            response = connection.getresponse()
            return _judge(batch, response.status, response.getheader("Retry-After"), response.read())
        except (OSError, http.client.HTTPException):
            return Later()
        finally:
            connection.close()


def _judge(batch: Sequence[Queued], status: int, retry_after: str | None, body: bytes) -> Answered | Later:
    if status in (408, 429) or status >= 500:
        return Later(_seconds(retry_after))
    if status == 202:
        return Answered([])
    if status == 401:
        return Later(why="collect does not know the key (401)")
    try:
        answer = msgspec.json.decode(body, type=_Answer)
    except (msgspec.DecodeError, ValueError):
        answer = _Answer()
    if len(answer.results) == len(batch):
        errors = [None if result.accepted else result.error for result in answer.results]
    elif answer.error != _Error():
        errors = [answer.error] * len(batch)
    else:
        return Later(why=f"the address does not answer as collect does ({status})")
    return Answered(
        [
            Unsent(event.event_id, error.code, error.message, event.data)
            for event, error in zip(batch, errors, strict=True)
            if error
        ]
    )


def _seconds(retry_after: str | None) -> float:
    """RFC 9110, 10.2.3: seconds, or a date."""
    if not retry_after:
        return 0.0
    if retry_after.isdecimal():
        return float(retry_after)
    try:
        return max(
            0.0, (clock.from_datetime(parsedate_to_datetime(retry_after)) - clock.now_us()) / clock.SECOND
        )
    except (ValueError, TypeError, OverflowError):
        return 0.0
