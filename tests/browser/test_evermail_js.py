"""evermail.js in a real browser, against the real `collect`: what arrives, and when."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.browser.shop_pages import (
    ITEM,
    Open,
    browser,
    context,
    kept,
    open_page,
    queue,
    say,
    served,
    wait_until_all_is_sent,
)
from tests.functions.serving import Served

__all__ = ["browser", "context", "open_page", "served"]

AN_HOUR_MS = 3_600_000
HIDE = """
    Object.defineProperty(document, 'visibilityState', {value: 'hidden'});
    document.dispatchEvent(new Event('visibilitychange'));
"""


def test_what_happens_on_a_page_arrives(open_page: Open, served: Served) -> None:
    page = open_page()
    say(page, "track", "view_item", ITEM)
    say(page, "identify", "crm-1")
    say(page, "track", "add_to_cart", ITEM)
    wait_until_all_is_sent(page)
    consent, view, identify, cart = served.pubsub.wait_for("add_to_cart")
    assert [event["event_name"] for event in (consent, identify)] == ["update_consent", "identify"]
    assert view["items"] == ITEM["items"]
    assert view["source"] == "web"
    assert len({event["event_id"] for event in served.pubsub.events}) == 4
    assert {event["client_id"] for event in served.pubsub.events} == {kept(page)["evermail.client"]}
    assert [event.get("user_id") for event in (view, cart)] == [None, "crm-1"]
    assert all(event["consent"] == {"personalization": True} for event in served.pubsub.events)


def test_commands_before_the_client_is_there_are_not_lost(context: Any, served: Served) -> None:
    context.add_init_script(
        f"""
        window.evermail = function () {{ (evermail.q = evermail.q || []).push(arguments); }};
        evermail('init', {{endpoint: '{served.url}', consent: true}});
        evermail('track', 'view_item', {json.dumps(ITEM)});
        """
    )
    context.new_page().goto(f"{served.shop}/page")
    served.pubsub.wait_for("view_item")


def test_what_happens_offline_arrives_when_there_is_a_network_again(
    open_page: Open, served: Served, context: Any
) -> None:
    page = open_page(frozen=True)
    page.clock.run_for(1)
    wait_until_all_is_sent(page)
    context.set_offline(True)
    with page.expect_event("requestfailed"):
        say(page, "track", "view_item", ITEM)
        page.clock.run_for(1)
    say(page, "track", "add_to_cart", ITEM)
    page.clock.run_for(1)
    assert [event["event_name"] for event in queue(page)] == ["view_item", "add_to_cart"]
    context.set_offline(False)
    page.wait_for_function("navigator.onLine")
    page.clock.run_for(1)  # far less than the wait after an attempt that failed
    events = served.pubsub.wait_for("view_item", "add_to_cart")
    assert [event["event_name"] for event in events] == ["update_consent", "view_item", "add_to_cart"]


def test_what_happened_offline_survives_the_page(open_page: Open, served: Served, context: Any) -> None:
    page = open_page()
    wait_until_all_is_sent(page)
    context.set_offline(True)
    with page.expect_event("requestfailed"):
        say(page, "track", "view_item", ITEM)
    [event] = queue(page)
    page.close()
    context.set_offline(False)
    page = open_page()
    wait_until_all_is_sent(page)
    [arrived] = [each for each in served.pubsub.wait_for("view_item") if each["event_name"] == "view_item"]
    assert arrived == event


def test_a_server_in_trouble_is_given_the_time_it_asks_for(open_page: Open, served: Served) -> None:
    page = open_page(frozen=True)
    page.clock.run_for(1)
    served.pubsub.wait_for("update_consent")
    wait_until_all_is_sent(page)
    served.pubsub.broken = True
    with page.expect_response(lambda response: response.status == 503) as refused:
        say(page, "track", "view_item", ITEM)
        page.clock.run_for(1)
    assert refused.value.headers["retry-after"] == "5"
    refused.value.finished()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    say(page, "track", "add_to_cart", ITEM)
    page.clock.run_for(4_500)
    page.evaluate("fetch('/page')")  # were there a request before it, it would have been seen
    assert [url for url in asked if url == served.url] == []
    served.pubsub.broken = False
    page.clock.run_for(AN_HOUR_MS)
    served.pubsub.wait_for("view_item", "add_to_cart")
    wait_until_all_is_sent(page)


def test_what_the_server_refuses_is_dropped_and_said(open_page: Open, served: Served) -> None:
    page = open_page()
    with page.expect_console_message(lambda message: message.text.startswith("evermail")) as said:
        page.evaluate("item => { evermail('track', 'dance'); evermail('track', 'view_item', item); }", ITEM)
    assert said.value.text == "evermail: refused: unknown_event_name"
    assert said.value.type == "debug"
    served.pubsub.wait_for("view_item")
    wait_until_all_is_sent(page)


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (404, "<h1>Not found</h1>"),
        (403, ""),
        (403, '{"error": {"code": "blocked"}}'),
        (400, "<h1>Bad request</h1>"),
        (413, "null"),
        (200, '{"results": {}}'),
        (207, '{"results": 7}'),
    ],
)
def test_what_answers_in_place_of_collect_costs_no_event(
    open_page: Open, served: Served, status: int, body: str
) -> None:
    page = open_page(frozen=True)
    page.clock.run_for(1)
    wait_until_all_is_sent(page)
    anyone = {"Access-Control-Allow-Origin": "*"}
    page.route(served.url, lambda route: route.fulfill(status=status, body=body, headers=anyone))
    with page.expect_console_message(lambda message: message.text.startswith("evermail: kept")):
        say(page, "track", "view_item", ITEM)
        page.clock.run_for(1)
    assert [event["event_name"] for event in queue(page)] == ["view_item"]
    page.unroute(served.url)
    page.clock.run_for(1_000)
    served.pubsub.wait_for("view_item")
    wait_until_all_is_sent(page)


def test_a_server_that_asks_for_years_is_asked_again_after_an_hour(open_page: Open, served: Served) -> None:
    page = open_page(frozen=True)
    page.clock.run_for(1)
    wait_until_all_is_sent(page)
    headers = {
        "Access-Control-Allow-Origin": "*",
        "Access-Control-Expose-Headers": "Retry-After",
        "Retry-After": "99999999999",
    }
    page.route(served.url, lambda route: route.fulfill(status=503, headers=headers))
    with page.expect_console_message(lambda message: message.text == "evermail: kept: 503"):
        say(page, "track", "view_item", ITEM)
        page.clock.run_for(1)
    page.unroute(served.url)
    page.clock.run_for(AN_HOUR_MS)
    served.pubsub.wait_for("view_item")
    wait_until_all_is_sent(page)


@pytest.mark.parametrize("consent", [True, False])
def test_what_is_left_when_a_page_ends_is_sent_still(open_page: Open, served: Served, consent: bool) -> None:
    page = open_page(consent=consent, frozen=True)  # so that nothing is sent before
    say(page, "track", "view_item", ITEM)
    assert served.pubsub.events == []
    page.goto("about:blank")
    served.pubsub.wait_for("view_item")


@pytest.mark.parametrize("end", ["window.dispatchEvent(new Event('pagehide'))", HIDE])
def test_either_sign_of_the_end_is_enough(open_page: Open, served: Served, end: str) -> None:
    page = open_page(frozen=True)
    say(page, "track", "view_item", ITEM)
    page.evaluate(end)
    served.pubsub.wait_for("view_item")


def test_two_tabs_send_an_event_once(open_page: Open, served: Served) -> None:
    pages = [open_page()]
    wait_until_all_is_sent(pages[0])
    pages.append(open_page())
    for number in range(10):
        for page in pages:
            say(page, "track", "search", {"search_term": f"{number}"})
    wait_until_all_is_sent(pages[0])
    ids = [event["event_id"] for event in served.pubsub.events]
    assert len(ids) == len(set(ids)) == 21


def test_the_queue_has_bounds(open_page: Open, context: Any) -> None:
    context.set_offline(True)
    with pytest.raises(Exception, match="ERR_INTERNET_DISCONNECTED"):
        open_page()
    context.set_offline(False)
    page = open_page(frozen=True)
    context.set_offline(True)
    page.evaluate("item => { for (let i = 0; i < 600; i++) evermail('track', 'view_item', item); }", ITEM)
    assert len(queue(page)) == 500
    page.clock.fast_forward(8 * 24 * AN_HOUR_MS)
    say(page, "track", "add_to_cart", ITEM)
    assert [event["event_name"] for event in queue(page)] == ["add_to_cart"]


def test_a_large_queue_goes_in_pieces_that_browsers_carry(open_page: Open, served: Served) -> None:
    page = open_page(frozen=True)
    page.evaluate(
        "text => { for (let i = 0; i < 150; i++) evermail('track', 'search', {note: text}); }", "ü" * 500
    )
    say(page, "track", "view_item", {**ITEM, "note": "x" * 60_000})
    say(page, "track", "add_to_cart", ITEM)
    page.clock.run_for(10)
    served.pubsub.wait_for("add_to_cart")
    assert len(served.pubsub.events) == 152
    assert max(served.sizes) <= 60_000
    assert len(served.sizes) > 2


@pytest.mark.parametrize(
    "damage",
    [
        "Object.defineProperty(window, 'localStorage', {get() { throw new Error('forbidden'); }})",
        "Storage.prototype.setItem = () => { throw new Error('full'); }",
        "localStorage.setItem('evermail.event.', '7'); localStorage.setItem('evermail.event.x', '{')",
        "delete Navigator.prototype.locks; Crypto.prototype.randomUUID = undefined",
    ],
)
def test_whatever_a_browser_lacks_the_shop_does_not_notice(
    open_page: Open, served: Served, context: Any, damage: str
) -> None:
    context.add_init_script(damage)
    page = open_page()
    say(page, "track", "view_item", ITEM)
    served.pubsub.wait_for("view_item")


def test_nothing_that_is_said_wrongly_reaches_the_shop(open_page: Open) -> None:
    page = open_page()
    for command in ([], ["dance"], ["init"], ["track"], ["track", "update_consent"], ["identify", {}]):
        say(page, *command)
    page.evaluate("const self = {}; self.self = self; evermail('track', 'view_item', self)")
