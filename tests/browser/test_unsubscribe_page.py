"""The page behind the unsubscribe link, in a real browser under its own security headers, without scripts."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import flask
import pytest
from werkzeug.serving import make_server

from evermail.stores.sqlite import SqliteStore
from evermail.suppression import is_suppressed
from tests.browser.test_page import browser
from tests.functions import fakes
from tests.functions.actions_support import Actions
from tests.functions.fakes import token

__all__ = ["browser"]

SHOPPER = fakes.RECIPIENT.shopper


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    store = SqliteStore(tmp_path / "store.sqlite3", clock=fakes.now)
    yield store
    store.close()


@pytest.fixture
def link(store: SqliteStore) -> Iterator[str]:
    """Where an email's link leads."""
    app, actions = flask.Flask(__name__), Actions(store)
    app.add_url_rule(
        "/", "unsubscribe", lambda: actions("unsubscribe", flask.request), methods=["GET", "POST"]
    )
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, name="unsubscribe")
    thread.start()
    yield f"http://127.0.0.1:{server.port}/?t={token('unsubscribe')}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 1280])
def test_one_press_leaves_and_another_comes_back(
    browser: Any, store: SqliteStore, link: str, scheme: str, width: int
) -> None:
    context = browser.new_context(
        java_script_enabled=False, color_scheme=scheme, viewport={"width": width, "height": 640}
    )
    page = context.new_page()
    asked: list[str] = []
    told: list[str] = []
    page.on("request", lambda request: asked.append(f"{request.method} {request.headers.get('referer', '')}"))
    page.on("console", lambda message: told.append(message.text))

    page.goto(link)
    assert is_suppressed(store, [SHOPPER]) == set()
    button = page.get_by_role("button", name="Unsubscribe")
    assert button.bounding_box()["height"] >= 44  # WCAG 2.2, 2.5.5
    assert page.get_by_role("main").bounding_box()["width"] <= width

    page.keyboard.press("Tab")
    with page.expect_navigation():
        page.keyboard.press("Enter")
    assert page.get_by_role("heading").inner_text() == "You are unsubscribed"
    assert is_suppressed(store, [SHOPPER]) == {SHOPPER}

    with page.expect_navigation():
        page.get_by_role("button", name="Undo").click()
    assert page.get_by_role("heading").inner_text() == "You are subscribed again"
    assert is_suppressed(store, [SHOPPER]) == set()

    assert (asked, told) == (["GET ", "POST ", "POST "], [])  # nothing was loaded, and nothing refused
    context.close()
