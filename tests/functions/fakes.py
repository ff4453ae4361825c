"""Stand-ins for what the functions depend on, and short ways to make a request."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

import flask
from werkzeug.datastructures import Headers
from werkzeug.test import EnvironBuilder

from evermail import clock
from evermail.documents import Document, Exposure, Exposures, Key
from evermail.serving import Answer, NothingToShow, Source
from evermail.shelf.presentation import RecommendedItem
from evermail.stores import StoreUnavailable, WriteResult
from evermail.tokens import Recipient, TokenSigner
from functions.amp_cors import TrustedSenders
from functions.publisher import Message
from functions.settings import CollectSettings, RecommendationsSettings
from functions.shown import Remembered

NOW_US = clock.from_datetime(clock.to_datetime(0).replace(year=2026, month=11, day=24, hour=3))
KEY = "a-key-of-some-length"
SENDER = "offers@shop.example"
SHOP = "https://shop.example"
RECIPIENT = Recipient(shopper="k1.AAAAAAAAAAAAAAAAAAAAAA", campaign="black-friday")
EXPOSURES = Exposures(
    id=RECIPIENT.shopper,
    version=NOW_US,
    updated_at=NOW_US,
    campaigns=(Exposure(RECIPIENT.campaign, NOW_US, ("SKU0",)),),
)
V2 = {"AMP-Email-Sender": SENDER}

RECOMMENDATIONS = RecommendationsSettings(
    store_url="sqlite:///unused", token_keys=(KEY,), senders=TrustedSenders([SENDER]), slots=4
)
COLLECT = CollectSettings(topic="projects/p/topics/events", origins=frozenset({SHOP}))

EVENT = {
    "event_id": "e1",
    "event_name": "view_item",
    "event_time": "2026-11-24T02:59:59.5+00:00",
    "client_id": "cookie",
    "items": [{"item_id": "SKU1"}],
}


def now() -> int:
    return NOW_US


def token(purpose: str = "recommendations", *, age_us: int = 0, key: str = KEY) -> str:
    return TokenSigner([key], clock=lambda: NOW_US - age_us).sign(RECIPIENT, purpose=purpose)


def get(query: Mapping[str, str], headers: Mapping[str, str] = V2, method: str = "GET") -> flask.Request:
    builder = EnvironBuilder(method=method, query_string=urlencode(query), headers=Headers(dict(headers)))
    return flask.Request(builder.get_environ())


def post(
    body: bytes,
    content_type: str | None = "application/json",
    headers: Mapping[str, str] | None = None,
    *,
    chunked: bool = False,
) -> flask.Request:
    """`chunked` leaves the length out and lets the server know where the body ends."""
    builder = EnvironBuilder(
        method="POST",
        input_stream=io.BytesIO(body),
        content_length=None if chunked else len(body),
        content_type=content_type,
        headers=Headers(dict(headers or {})),
    )
    environ = builder.get_environ()
    if chunked:
        environ.pop("CONTENT_LENGTH", None)
        environ["wsgi.input_terminated"] = True
    return flask.Request(environ)


def body_of(response: flask.Response) -> dict[str, Any]:
    assert response.headers["Content-Type"].startswith("application/json")
    payload = json.loads(response.get_data())
    assert isinstance(payload, dict)
    return payload


def error_code(response: flask.Response) -> str:
    error = body_of(response)["error"]
    assert set(error) == {"code", "message"}
    return str(error["code"])


def item(item_id: str, **changes: str) -> RecommendedItem:
    return RecommendedItem(
        item_id=item_id,
        title="Töpfe & Pfannen",
        price=changes.get("price", "€19.90"),
        image="https://shop.example/1.jpg",
        url=f"https://shop.example/{item_id}",
        reason="Others viewed it too",
    )


class FakeRecommender:
    """Fills every slot, and remembers whom it was asked about."""

    def __init__(
        self, *, as_of: int = NOW_US, error: Exception | None = None, to_store: Sequence[Document] = ()
    ) -> None:
        self.asked: list[tuple[str, int]] = []
        self.campaigns: list[str] = []
        self.prefetches: list[bool] = []
        self._as_of = as_of
        self._error = error
        self._to_store = list(to_store)

    def recommend(
        self, shopper: str, *, slots: int, campaign: str, prefetch: bool, within_s: float | None = None
    ) -> Answer:
        self.asked.append((shopper, slots))
        self.campaigns.append(campaign)
        self.prefetches.append(prefetch)
        if self._error:
            raise self._error
        items = [item(f"SKU{n}") for n in range(slots)]
        return Answer(items=items, source=Source.PERSONAL, as_of=self._as_of, to_store=self._to_store)


class FakeMemory:
    """Keeps what it is to remember, with the time that it is given for it, or fails."""

    def __init__(self, error: Exception | None = None) -> None:
        self.given: list[tuple[Sequence[Document], float]] = []
        self._error = error

    def remember(self, documents: Sequence[Document], *, within_s: float) -> Remembered:
        self.given.append((documents, within_s))
        if self._error:
            raise self._error
        return Remembered.WRITTEN


NOTHING = NothingToShow()
DOWN = StoreUnavailable("store at 10.0.0.7 did not answer for k1.AAAAAAAAAAAAAAAAAAAAAA")


class DownStore:
    """A store that answers nothing."""

    def get_many(
        self, keys: Sequence[Key], *, timeout_s: float | None = None, with_memory: bool = False
    ) -> dict[Key, Document]:
        raise DOWN

    def put_many(self, documents: Sequence[Document]) -> list[WriteResult]:
        raise NotImplementedError

    def delete_many(self, keys: Sequence[Key]) -> None:
        raise DOWN

    def scan(self, collection: str) -> Iterator[Document]:
        raise DOWN

    def about(self, shopper: str) -> list[Key]:
        raise DOWN

    def ping(self, *, timeout_s: float) -> None:
        raise DOWN

    def close(self) -> None:
        pass


class FakePublisher:
    """Keeps what was published. `confirm` decides which messages arrive."""

    def __init__(self, confirm: Callable[[Message], bool] = lambda message: True) -> None:
        self.published: list[Message] = []
        self.waited: list[float | None] = []
        self._confirm = confirm

    def publish(self, messages: Sequence[Message], *, wait_s: float | None = None) -> list[bool]:
        self.published.extend(messages)
        self.waited.append(wait_s)
        return [self._confirm(message) for message in messages]
