"""`collect` on a loopback port, with a publisher that keeps what arrives and can be out of order."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import flask
from werkzeug.serving import make_server

from functions.client import create_evermail_js
from functions.collect import create_collect
from functions.entry import endpoint
from functions.publisher import Message
from functions.settings import CollectSettings

TIMEOUT_S = 20.0
"""Generous, for busy machines: nothing waits so long unless it is broken."""


@dataclass
class Pubsub:
    """A publisher. While it is `broken`, nothing arrives."""

    broken: bool = False
    refused: int = 0
    events: list[dict[str, Any]] = field(default_factory=list)
    changed: threading.Condition = field(default_factory=threading.Condition)

    def publish(self, messages: Sequence[Message], *, wait_s: float | None = None) -> list[bool]:
        with self.changed:
            if self.broken:
                self.refused += 1
            else:
                self.events += [json.loads(message.data) for message in messages]
            self.changed.notify_all()
            return [not self.broken] * len(messages)

    def wait_for(self, *names: str) -> list[dict[str, Any]]:
        """All events, once there are those of these names."""
        with self.changed:
            there = self.changed.wait_for(
                lambda: set(names) <= {event["event_name"] for event in self.events}, TIMEOUT_S
            )
            assert there, f"of {names} there is only {[event['event_name'] for event in self.events]}"
            return list(self.events)

    def wait_for_refusals(self, count: int) -> None:
        with self.changed:
            assert self.changed.wait_for(lambda: self.refused >= count, TIMEOUT_S), "nothing was tried"


@dataclass
class Served:
    """Where `collect` and a shop's pages are, each of an origin of its own, and what was published."""

    url: str
    shop: str
    pubsub: Pubsub
    sizes: list[int] = field(default_factory=list)
    """Bytes of each body that came."""


@contextmanager
def collect(*, keys: dict[str, str] | None = None) -> Iterator[Served]:
    """`/collect`, `/evermail.js`, and any other path an empty page of a shop, whose origin may send."""
    pubsub = Pubsub()
    app = flask.Flask(__name__)
    server = make_server("127.0.0.1", 0, app, threaded=True)
    url, shop = f"http://127.0.0.1:{server.port}", f"http://localhost:{server.port}"
    settings = CollectSettings("projects/p/topics/events", frozenset({shop}), keys or {})
    handler = create_collect(settings, pubsub)
    answer_events = endpoint("collect", lambda: handler)
    answer_script = endpoint("evermail_js", create_evermail_js)
    served = Served(f"{url}/collect", shop, pubsub)

    def take() -> flask.Response:
        served.sizes.append(flask.request.content_length or 0)
        return answer_events(flask.request)

    app.add_url_rule("/collect", "collect", take, methods=["POST", "OPTIONS"])
    app.add_url_rule("/evermail.js", "script", lambda: answer_script(flask.request))
    app.add_url_rule("/<path:page>", "page", lambda page: PAGE)
    thread = threading.Thread(target=server.serve_forever, name="collect")
    thread.start()
    try:
        yield served
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


PAGE = """<!doctype html><title>Shop</title>
<script>
  window.evermail = window.evermail || function () { (evermail.q = evermail.q || []).push(arguments); };
</script>
<script src="/evermail.js"></script>"""
