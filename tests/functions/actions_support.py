"""What tests of the endpoints share that forms of an email post to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import flask
from werkzeug.datastructures import Headers
from werkzeug.test import EnvironBuilder

from evermail.stores import Store
from functions.amp_cors import TrustedSenders
from functions.entry import endpoint
from functions.feedback import create_feedback
from functions.settings import ActionSettings
from functions.unsubscribe import create_unsubscribe
from functions.wishlist import create_wishlist
from tests.functions import fakes
from tests.functions.fakes import DownStore, FakePublisher, token

SETTINGS = ActionSettings(
    store_url="sqlite:///unused",
    token_keys=(fakes.KEY,),
    requests_per_minute=6_000,
    senders=TrustedSenders([fakes.SENDER]),
)
URLENCODED, MULTIPART = "application/x-www-form-urlencoded", "multipart/form-data"

PURPOSES = {"wishlist": "actions", "feedback": "actions", "unsubscribe": "unsubscribe"}
FORMS = {
    "wishlist": {"item_id": "SKU1"},
    "feedback": {"item_id": "SKU1", "verdict": "not_for_me"},
    "unsubscribe": {"action": "unsubscribe"},
}
"""A form that each endpoint takes."""


@dataclass
class Actions:
    """The three endpoints, over a store and a publisher of tests."""

    store: Store = field(default_factory=DownStore)
    publisher: FakePublisher = field(default_factory=FakePublisher)
    now_us: int = fakes.NOW_US
    settings: ActionSettings = SETTINGS

    def __post_init__(self) -> None:
        def clock() -> int:
            return self.now_us

        handlers = {
            "wishlist": create_wishlist(self.settings, self.publisher, clock=clock),
            "feedback": create_feedback(self.settings, lambda: self.store, clock=clock),
            "unsubscribe": create_unsubscribe(self.settings, lambda: self.store, clock=clock),
        }
        self._endpoints = {
            name: endpoint(name, lambda handler=handler: handler)  # type: ignore[misc]
            for name, handler in handlers.items()
        }

    def __call__(self, name: str, request: flask.Request) -> flask.Response:
        return self._endpoints[name](request)

    def post(self, name: str, form: Mapping[str, str] | None = None, **how: Any) -> flask.Response:
        """Posts a form with a token of the right purpose."""
        return self(name, posted(form or FORMS[name], token(PURPOSES[name]), **how))


def posted(
    form: Mapping[str, Any] | bytes,
    signed: str | None,
    *,
    headers: Mapping[str, str] = fakes.V2,
    content_type: str | None = URLENCODED,
    method: str = "POST",
    query: Mapping[str, str] = {},
) -> flask.Request:
    """A form, or a body as it stands, posted to an endpoint."""
    builder = EnvironBuilder(
        method=method,
        query_string={**({"t": signed} if signed is not None else {}), **query},
        data=form,
        headers=Headers(dict(headers)),
        content_type=content_type,
    )
    return flask.Request(builder.get_environ())
