"""evermail.js and consent, in a real browser: what it stores, whom it names, and how a withdrawal goes."""

from __future__ import annotations

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


@pytest.mark.parametrize("consent", ["", ', "consent": null', ', "consent": {}', ', "consent": 7'])
def test_nothing_that_is_left_in_the_browser_stops_a_withdrawal(
    open_page: Open, served: Served, consent: str
) -> None:
    page = open_page()
    say(page, "identify", "crm-1")
    wait_until_all_is_sent(page)
    page.evaluate(
        """consent => {
            const time = new Date().toISOString();
            const event = `{"event_id": "x", "event_time": "${time}", "user_id": "crm-1"${consent}}`;
            localStorage.setItem('evermail.event.' + time + 'x', event);
        }""",
        consent,
    )
    say(page, "consent", False)
    wait_until_all_is_sent(page)
    *_, withdrawal = served.pubsub.wait_for("update_consent")
    assert (withdrawal["event_name"], withdrawal["user_id"]) == ("update_consent", "crm-1")
    assert withdrawal["consent"] == {"personalization": False}
    assert kept(page) == {}


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
