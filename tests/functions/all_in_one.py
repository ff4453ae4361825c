"""All endpoints in one, under the framework, with a real store and a publisher that keeps what it gets."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from unittest import mock

import flask
import functions_framework

import functions
from evermail import clock
from evermail.documents import Neighbor, Product, Trending
from evermail.shelf import last_resort
from evermail.shelf.presentation import RecommendedItem
from evermail.stores import open_store
from evermail.tokens import TokenSigner
from functions import publisher
from functions.publisher import Message, PubSubPublisher
from tests.functions.fakes import KEY, RECIPIENT, SENDER, SHOP

SOURCE = Path(functions.__file__).with_name("main.py")
SECRET = "a-secret-of-the-crm"
OPTIONAL = {
    "EVERMAIL_COLLECT_KEYS": f"shop:{SECRET}",
    "EVERMAIL_FUNCTIONS_URL": "https://live.shop.example",
}
"""What changes answers where it is set."""
PSEUDONYM_KEYS = {"k1": "a-former-secret-of-pseudonyms", "k2": "the-current-secret-of-pseudonyms"}
LAST_RESORT = RecommendedItem(
    item_id="SKU1",
    title="Kettle",
    price="€19.90",
    image=f"{SHOP}/SKU1.jpg",
    url=f"{SHOP}/SKU1",
    reason="Popular now",
)


class Topic:
    """What stands in for Pub/Sub: keeps what is `published`, where it `works`."""

    def __init__(self) -> None:
        self.published: list[Message] = []
        self.works = True

    def publish(self, messages: Sequence[Message], *, wait_s: float | None = None) -> list[bool]:
        if self.works:
            self.published.extend(messages)
        return [self.works] * len(messages)


def environment(folder: Path) -> dict[str, str]:
    """The variables that every endpoint needs; the store is in the folder."""
    return {
        "EVERMAIL_STORE": f"sqlite:///{folder / 'store.sqlite3'}",
        "EVERMAIL_TOKEN_KEYS": KEY,
        "EVERMAIL_SENDERS": SENDER,
        "EVERMAIL_EVENTS_TOPIC": "projects/p/topics/events",
        "EVERMAIL_STATIC": str(folder / "static.json"),
        "EVERMAIL_SHOP_URL": SHOP,
        "EVERMAIL_SHOP_ORIGINS": SHOP,
        "EVERMAIL_REQUESTS_PER_MINUTE": "1000000",
        "EVERMAIL_PRIVACY_KEYS": f"crm:{SECRET}",
        "EVERMAIL_PSEUDONYM_KEYS": ",".join(
            f"{key_id}:{secret}" for key_id, secret in PSEUDONYM_KEYS.items()
        ),
    }


@contextmanager
def served(folder: Path, topic: Topic | None = None, **changes: str) -> Iterator[flask.Flask]:
    """The application of the entry point `evermail`."""
    variables = {**environment(folder), **changes}
    # On a busy machine a store may not answer within an email's deadline: then these are shown.
    Path(variables["EVERMAIL_STATIC"]).write_bytes(last_resort.written([LAST_RESORT]))
    with (
        mock.patch.dict(os.environ, variables),
        mock.patch.object(PubSubPublisher, "publish", (topic or Topic()).publish),
        mock.patch.object(publisher, "connect"),
        mock.patch.object(sys, "path", list(sys.path)),
    ):
        yield functions_framework.create_app("evermail", str(SOURCE))  # type: ignore[no-untyped-call]
        sys.modules.pop("main", None)


def fill(url: str) -> None:
    """Two products, one of them popular."""
    now_us = clock.now_us()
    products = [
        Product(
            id=item_id,
            version=1,
            updated_at=now_us,
            title=f"Kettle {item_id}",
            url=f"{SHOP}/{item_id}",
            image_url=f"{SHOP}/{item_id}.jpg",
            price=19.9,
            currency="EUR",
        )
        for item_id in ("SKU1", "SKU2")
    ]
    popular = Trending(id="global", version=1, updated_at=now_us, as_of=now_us, items=[Neighbor("SKU1", 3.0)])
    with closing(open_store(url)) as store:
        store.put_many([*products, popular])


def live_token(purpose: str) -> str:
    return TokenSigner([KEY]).sign(RECIPIENT, purpose=purpose)
