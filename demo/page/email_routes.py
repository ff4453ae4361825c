"""The opened email at the page's addresses, and what its pictures, links and forms lead to."""

from __future__ import annotations

from collections.abc import Callable, Collection
from urllib.parse import urlsplit

import flask

from demo.page.knows import Knows
from demo.page.session import Visitor

EMAIL_POLICY = (
    "default-src 'none'; img-src 'self'; style-src 'unsafe-inline'; frame-ancestors 'self'; base-uri 'none'"
)


def add(
    app: flask.Flask, live: Callable[[], Knows], visitor: Callable[[], Visitor], products: Collection[str]
) -> None:
    """Adds them. `products` are the ids that there are: a link leads to one, or to the front page."""

    @app.get("/email")
    def email() -> flask.typing.ResponseReturnValue:
        return live().mailbox(visitor()).look().html, 200, _email_headers("text/html")

    @app.get("/email/document")
    def email_document() -> flask.typing.ResponseReturnValue:
        return live().mailbox(visitor()).parts.amp, 200, _email_headers("text/plain")

    @app.get("/email/fallback")
    def email_fallback() -> flask.typing.ResponseReturnValue:
        return live().mailbox(visitor()).fallback, 200, _email_headers("text/html")

    @app.get("/email/slot_image")
    def slot_image() -> flask.typing.ResponseReturnValue:
        reply = live().slot("slot_image", visitor(), _which())
        return reply.body, reply.status, {"Content-Type": reply.content_type}

    @app.get("/email/slot_click")
    def slot_click() -> flask.typing.ResponseReturnValue:
        path = urlsplit(live().slot("slot_click", visitor(), _which()).location).path
        item_id = path.removeprefix("/p/")
        return flask.redirect(f"/p/{item_id}" if path.startswith("/p/") and item_id in products else "/")

    @app.route("/email/unsubscribe", methods=["GET", "POST"])
    def leaving() -> flask.typing.ResponseReturnValue:
        fields = flask.request.form.to_dict() if flask.request.method == "POST" else None
        reply = live().leaving(visitor(), fields)
        headers = {"Content-Type": reply.content_type, "Content-Security-Policy": reply.policy}
        return reply.body, reply.status, headers


def _which() -> dict[str, str]:
    return {name: flask.request.args[name] for name in ("n", "i") if name in flask.request.args}


def _email_headers(content_type: str) -> dict[str, str]:
    return {"Content-Security-Policy": EMAIL_POLICY, "Content-Type": f"{content_type}; charset=utf-8"}
