"""The link of a slot: to what was shown, and never to where a request says."""

from __future__ import annotations

import json
from typing import Any

import flask
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evermail.shelf.followed import Followed
from evermail.tokens import Purpose, TokenSigner
from functions.email_events import EmailEvents
from functions.entry import endpoint
from functions.publisher import Message
from functions.rate_limit import BURST, RateLimit
from functions.recipients import Recipients
from functions.slot_click import WAIT_S, SlotClick
from tests.functions import fakes
from tests.functions.fakes import FakePublisher, error_code, get, token

FRONT_PAGE = "https://shop.example"
PAGE = "https://shop.example/kettle?a=1"
READER = {"User-Agent": "Mozilla/5.0 (X11; Linux) Thunderbird/128.0"}
APPLE = {"User-Agent": "Mozilla/5.0"}
THERE = Followed("SKU1", "SKU1", PAGE)


class Follower:
    def __init__(self, followed: Followed | Exception | None) -> None:
        self.asked: list[Any] = []
        self._followed = followed

    def follow(self, shopper: str, *, campaign: str, slot: int, item_id: str) -> Followed | None:
        self.asked.append((shopper, campaign, slot, item_id))
        if isinstance(self._followed, Exception):
            raise self._followed
        return self._followed


def click(
    query: dict[str, str],
    *,
    followed: Followed | Exception | None = THERE,
    publisher: FakePublisher | None = None,
    follower: Follower | None = None,
    headers: dict[str, str] = READER,
    method: str = "GET",
    handler: SlotClick | None = None,
) -> flask.Response:
    return endpoint("slot_click", lambda: handler or made(publisher, follower or Follower(followed)))(
        get(query, headers, method)
    )


def made(publisher: FakePublisher | None, follower: Follower) -> SlotClick:
    recipients = Recipients(
        TokenSigner([fakes.KEY], clock=fakes.now), Purpose.SLOTS, RateLimit(monotonic=lambda: 1.0)
    )
    events = EmailEvents(publisher or FakePublisher(), clock=fakes.now)
    return SlotClick(FRONT_PAGE, recipients, lambda: follower, events)


SLOTS = token(Purpose.SLOTS)


def leads_to(response: flask.Response) -> str:
    assert response.status_code == 302
    assert response.headers["Cache-Control"] == "private, no-store"
    assert response.headers["Referrer-Policy"] == "no-referrer"
    return response.headers["Location"]


def test_leads_to_the_product_and_is_on_record() -> None:
    publisher, follower = FakePublisher(), Follower(THERE)
    assert leads_to(click({"t": SLOTS, "n": "2"}, publisher=publisher, follower=follower)) == PAGE
    assert follower.asked == [(fakes.RECIPIENT.shopper, fakes.RECIPIENT.campaign, 2, "")]
    [message] = publisher.published
    event = json.loads(message.data)
    assert (event["event_name"], event["user_id"]) == ("email_click", fakes.RECIPIENT.shopper)
    assert event["items"] == [{"item_id": "SKU1"}]
    assert event["campaign_id"] == fakes.RECIPIENT.campaign
    assert publisher.waited == [WAIT_S]


def test_an_item_may_be_named_in_place_of_a_slot() -> None:
    follower = Follower(Followed("a/b", "a/b", PAGE))
    assert leads_to(click({"t": SLOTS, "i": "a/b", "n": "9"}, follower=follower)) == PAGE
    assert follower.asked[0][2:] == (0, "a/b")


def test_of_an_item_that_is_replaced_the_wish_is_on_record() -> None:
    publisher = FakePublisher()
    click({"t": SLOTS, "n": "1"}, followed=Followed("SKU1", "SKU2", PAGE), publisher=publisher)
    assert json.loads(publisher.published[0].data)["items"] == [{"item_id": "SKU1"}]


@pytest.mark.parametrize(
    "query",
    [
        {},
        {"t": "garbage", "n": "1"},
        {"t": token(Purpose.RECOMMENDATIONS), "n": "1"},
        {"t": token(Purpose.SLOTS, age_us=fakes.NOW_US), "n": "1"},
        {"t": SLOTS},
        {"t": SLOTS, "n": "0"},
        {"t": SLOTS, "n": "99"},
        {"t": SLOTS, "i": "x" * 129},
        {"t": SLOTS, "i": "ann@shop.example"},
        {"t": SLOTS, "i": "SKU\x001"},
        {"t": SLOTS, "i": fakes.RECIPIENT.shopper},
    ],
)
def test_what_leads_nowhere_leads_to_the_front_page_and_is_not_on_record(query: dict[str, str]) -> None:
    publisher, follower = FakePublisher(), Follower(THERE)
    assert leads_to(click(query, publisher=publisher, follower=follower)) == FRONT_PAGE
    assert publisher.published == []
    assert follower.asked == []


@pytest.mark.parametrize("followed", [None, ZeroDivisionError(fakes.RECIPIENT.shopper), fakes.DOWN])
def test_without_a_store_a_click_leads_to_the_front_page(
    followed: Exception | None, capsys: pytest.CaptureFixture[str]
) -> None:
    assert leads_to(click({"t": SLOTS, "n": "1"}, followed=followed)) == FRONT_PAGE
    assert fakes.RECIPIENT.shopper not in capsys.readouterr().out


@pytest.mark.parametrize(("headers", "method"), [(APPLE, "GET"), (READER, "HEAD")])
def test_what_is_no_reader_follows_and_is_not_on_record(headers: dict[str, str], method: str) -> None:
    publisher = FakePublisher()
    response = click({"t": SLOTS, "n": "1"}, publisher=publisher, headers=headers, method=method)
    assert leads_to(response) == PAGE
    assert publisher.published == []


def _fail(message: Message) -> bool:
    raise ConnectionError(message.data.decode())


@pytest.mark.parametrize("confirm", [lambda message: False, _fail])
def test_a_reader_is_led_on_whatever_becomes_of_the_record(
    confirm: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    assert leads_to(click({"t": SLOTS, "n": "1"}, publisher=FakePublisher(confirm))) == PAGE
    line = json.loads(capsys.readouterr().out)
    assert line["recorded"] is False
    assert fakes.RECIPIENT.shopper not in str(line)


def test_two_clicks_within_a_minute_are_one_event() -> None:
    publisher = FakePublisher()
    for _ in range(2):
        click({"t": SLOTS, "n": "1"}, publisher=publisher)
    first, second = publisher.published
    assert first.event_id == second.event_id


def test_who_clicks_too_often_gets_to_the_front_page() -> None:
    publisher = FakePublisher()
    handler = made(publisher, Follower(THERE))
    led = [leads_to(click({"t": SLOTS, "n": "1"}, handler=handler)) for _ in range(BURST + 1)]
    assert led == [PAGE] * BURST + [FRONT_PAGE]
    assert len(publisher.published) == BURST


def test_a_link_is_followed_and_nothing_else() -> None:
    response = click({"t": SLOTS, "n": "1"}, method="POST")
    assert (response.status_code, error_code(response)) == (405, "method_not_allowed")


@given(
    st.dictionaries(st.sampled_from(["t", "n", "i", "url", "to", "next", "redirect"]), st.text(max_size=60)),
    st.booleans(),
)
def test_no_request_says_where_it_leads(query: dict[str, str], signed: bool) -> None:
    asked = {**query, "t": SLOTS} if signed else query
    assert leads_to(click(asked)) in (FRONT_PAGE, PAGE)


TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.mark.parametrize(("said", "passed_on"), [(TRACE, TRACE), ("made up", None), (None, None)])
def test_a_trace_goes_on_with_the_event(said: str | None, passed_on: str | None) -> None:
    publisher = FakePublisher()
    headers = READER | ({"traceparent": said} if said else {})
    click({"t": SLOTS, "n": "1"}, publisher=publisher, headers=headers)
    assert publisher.published[0].attributes.get("traceparent") == passed_on
