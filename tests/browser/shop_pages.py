"""Pages of a shop in a real browser, with evermail.js on them and the real `collect` to send to."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.browser.test_page import browser
from tests.functions.serving import Served, collect

__all__ = ["browser", "context", "open_page", "served"]

ITEM = {"items": [{"item_id": "SKU1", "price": 19.9}], "currency": "EUR"}
EVENT = "evermail.event."

Open = Callable[..., Any]


@pytest.fixture
def served() -> Iterator[Served]:
    with collect() as served:
        yield served


@pytest.fixture
def context(browser: Any) -> Iterator[Any]:
    context = browser.new_context()
    yield context
    context.close()


@pytest.fixture
def open_page(context: Any, served: Served) -> Iterator[Open]:
    """Opens a page of the shop with the client started. No page may ever see an error of it."""
    wrong: list[str] = []

    def open_page(*, consent: bool | None = True, frozen: bool = False) -> Any:
        """`frozen` stops the page's clock: nothing that the client has put off happens, until it runs on."""
        page = context.new_page()
        page.on("pageerror", lambda error: wrong.append(str(error)))
        if frozen:
            page.clock.install()
        page.goto(f"{served.shop}/page")
        if frozen:
            page.clock.pause_at(datetime.now(UTC) + timedelta(minutes=1))
        say(page, "init", {"endpoint": served.url, "consent": consent})
        return page

    yield open_page
    assert wrong == []


def say(page: Any, *command: object) -> None:
    page.evaluate("command => evermail(...command)", list(command))


def kept(page: Any) -> dict[str, str]:
    """All that the browser stores for the shop."""
    stored: dict[str, str] = page.evaluate("({...localStorage, ...sessionStorage})")
    assert page.context.cookies() == []
    return stored


def queue(page: Any) -> list[dict[str, Any]]:
    events = [json.loads(value) for key, value in kept(page).items() if key.startswith(EVENT)]
    return sorted(events, key=lambda event: str(event["event_time"]))


def wait_until_all_is_sent(page: Any) -> None:
    page.wait_for_function(
        "prefix => !Object.keys(localStorage).some(key => key.startsWith(prefix))", arg=EVENT
    )
