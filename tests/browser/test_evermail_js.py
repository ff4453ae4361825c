"""evermail.js in a real browser, against the real `collect`: what arrives, when, and what a browser keeps."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.browser.test_page import browser
from tests.functions.serving import Served, collect

__all__ = ["browser"]

ITEM = {"items": [{"item_id": "SKU1", "price": 19.9}], "currency": "EUR"}
AN_HOUR_MS = 3_600_000
EVENT = "evermail.event."

HIDE = """
    Object.defineProperty(document, 'visibilityState', {value: 'hidden'});
    document.dispatchEvent(new Event('visibilitychange'));
"""

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


def test_who_comes_back_is_known_and_says_nothing_twice(open_page: Open, served: Served) -> None:
    first = open_page()
    say(first, "identify", "crm-1")
    served.pubsub.wait_for("identify")
    wait_until_all_is_sent(first)
    second = open_page()
    say(second, "identify", "crm-1")
    say(second, "track", "view_item", ITEM)
    names = [event["event_name"] for event in served.pubsub.wait_for("view_item")]
    assert names == ["update_consent", "identify", "view_item"]
    assert len({event["client_id"] for event in served.pubsub.events}) == 1


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


def test_without_consent_nothing_is_kept_and_nobody_is_known(open_page: Open, served: Served) -> None:
    clients = set()
    for consent in (False, None):
        page = open_page(consent=consent)
        with page.expect_response(served.url):
            page.evaluate(
                "item => { evermail('identify', 'crm-1'); evermail('track', 'view_item', item); }", ITEM
            )
        assert kept(page) == {}
    for event in served.pubsub.wait_for("view_item"):
        assert event["event_name"] == "view_item"
        assert "user_id" not in event
        assert event["consent"] == {"personalization": False}
        clients.add(event["client_id"])
    assert len(clients) == 2, "two pages without consent can be told to be of one browser"


def test_consent_counts_from_when_it_is_given(open_page: Open, served: Served) -> None:
    page = open_page(consent=None)
    page.evaluate("item => { evermail('identify', 'crm-1'); evermail('track', 'view_item', item); }", ITEM)
    say(page, "consent", True)
    say(page, "track", "add_to_cart", ITEM)
    events = {event["event_name"]: event for event in served.pubsub.wait_for("view_item", "add_to_cart")}
    assert events["view_item"]["consent"] == {"personalization": False}
    assert events["add_to_cart"]["consent"] == {"personalization": True}
    assert events["view_item"]["client_id"] != events["add_to_cart"]["client_id"]
    assert events["identify"]["client_id"] == events["update_consent"]["client_id"]
    assert events["update_consent"]["user_id"] == "crm-1"


def test_a_withdrawal_arrives_and_takes_everything_along(
    open_page: Open, served: Served, context: Any
) -> None:
    page = open_page()
    say(page, "identify", "crm-1")
    served.pubsub.wait_for("identify")
    wait_until_all_is_sent(page)
    client = kept(page)["evermail.client"]
    context.set_offline(True)
    with page.expect_event("requestfailed"):
        say(page, "track", "view_item", ITEM)
    say(page, "consent", False)
    [withdrawal] = queue(page)
    assert len(kept(page)) == 1
    assert withdrawal["event_name"] == "update_consent"
    page.close()
    context.set_offline(False)
    page = open_page(consent=False)
    wait_until_all_is_sent(page)
    assert kept(page) == {}
    *_, arrived = served.pubsub.wait_for("update_consent")
    assert arrived == withdrawal
    assert (arrived["client_id"], arrived["user_id"]) == (client, "crm-1")
    assert arrived["consent"] == {"personalization": False}
    assert "view_item" not in {event["event_name"] for event in served.pubsub.events}


def test_after_a_withdrawal_nobody_is_known_any_more(open_page: Open, served: Served) -> None:
    page = open_page()
    say(page, "identify", "crm-1")
    wait_until_all_is_sent(page)
    say(page, "consent", False)
    say(page, "track", "view_item", ITEM)
    *before, view = served.pubsub.wait_for("view_item")
    assert view["client_id"] not in {event["client_id"] for event in before}
    assert "user_id" not in view
    assert view["consent"] == {"personalization": False}
    wait_until_all_is_sent(page)
    assert kept(page) == {}


def test_a_withdrawal_holds_in_other_tabs(open_page: Open, served: Served) -> None:
    one, other = open_page(), open_page()
    client = kept(one)["evermail.client"]
    say(one, "consent", False)
    wait_until_all_is_sent(one)
    one.wait_for_function("!localStorage.length")
    other.evaluate(
        "() => new Promise(done => { addEventListener('storage', done); localStorage.other = 1; "
        "setTimeout(done); })"
    )
    say(other, "track", "view_item", ITEM)
    [view] = [each for each in served.pubsub.wait_for("view_item") if each["event_name"] == "view_item"]
    assert view["consent"] == {"personalization": False}
    assert view["client_id"] != client


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
