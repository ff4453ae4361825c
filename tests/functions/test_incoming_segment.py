"""Segment's calls: what becomes of each part, and what is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evermail import clock
from evermail.events import Code, Event, EventName
from functions.incoming import Accepted, Refused, read
from functions.incoming_segment import NAMES
from tests.functions.fakes import NOW_US

PRODUCT = {
    "product_id": "507f1f77",
    "sku": "G-32",
    "category": "Games",
    "name": "Monopoly",
    "price": 18.99,
    "quantity": 1,
}
TIME = clock.to_rfc3339(NOW_US - clock.HOUR)
VIEWED = {
    "type": "track",
    "event": "Product Viewed",
    "messageId": "m1",
    "anonymousId": "a-1",
    "userId": "u-1",
    "timestamp": TIME,
    "properties": {**PRODUCT, "currency": "usd", "value": 18.99, "cart_id": "c1"},
}


def one(call: object) -> Event:
    received = read(json.dumps(call).encode(), NOW_US)
    assert not received.batched
    [event] = received.events
    assert isinstance(event, Accepted), event
    return event.event


def refused(call: object) -> Code:
    [event] = read(json.dumps(call).encode(), NOW_US).events
    assert isinstance(event, Refused), event
    return event.code


def test_a_track_call_keeps_what_it_says_of_the_event_and_nothing_of_the_person() -> None:
    event = one(
        {
            **VIEWED,
            "context": {"ip": "8.8.8.8", "traits": {"email": "ada@shop.example"}},
            "writeKey": "secret",
            "traits": {"name": "Ada"},
            "integrations": {"All": True},
        }
    )
    assert (event.event_id, event.event_name) == ("m1", EventName.VIEW_ITEM)
    assert (event.client_id, event.user_id) == ("a-1", "u-1")
    assert event.event_time == NOW_US - clock.HOUR
    assert (event.value, event.currency, event.source) == (18.99, "usd", "segment")
    [item] = event.items
    assert (item.item_id, item.item_category, item.price, item.quantity) == ("507f1f77", "Games", 18.99, 1)
    assert item.extra == {"sku": "G-32", "name": "Monopoly"}
    assert event.extra == {"cart_id": "c1"}


@pytest.mark.parametrize("name", sorted(NAMES.keys() - {"Products Searched"}))
def test_takes_each_of_its_events(name: str) -> None:
    many = NAMES[name] in (EventName.VIEW_ITEM_LIST, EventName.PURCHASE)
    properties: dict[str, Any] = {"products": [PRODUCT]} if many else PRODUCT
    consent = {"consent": {"categoryPreferences": {"Advertising": True}}}
    event = one({**VIEWED, "event": name, "properties": properties, "context": consent})
    assert event.event_name is NAMES[name]
    if name != "Segment Consent Preference Updated":
        assert [item.item_id for item in event.items] == ["507f1f77"]


def test_an_order_is_a_purchase_of_its_products() -> None:
    products = [PRODUCT, {"sku": 4711, "price": "3.00", "quantity": "2"}]
    properties = {"order_id": "o1", "total": 27.5, "revenue": 25.0, "currency": "EUR", "products": products}
    event = one({**VIEWED, "event": "Order Completed", "properties": properties})
    assert [(item.item_id, item.price, item.quantity) for item in event.items] == [
        ("507f1f77", 18.99, 1),
        ("4711", 3.0, 2),
    ]
    assert event.value == 25.0
    assert event.extra == {"order_id": "o1", "total": 27.5, "revenue": 25.0}


def test_a_search_has_its_query() -> None:
    searched = {**VIEWED, "event": "Products Searched"}
    assert one({**searched, "properties": {"query": "blue roses"}}).search_term == "blue roses"
    asked = one({**searched, "properties": {"query": {"color": "blue"}}})
    assert (asked.search_term, asked.extra) == (None, {"query": {"color": "blue"}})


def test_identify_joins_browser_and_user() -> None:
    call = {"type": "identify", "userId": 4711, "anonymousId": "a-1", "traits": {"email": "ada@shop.example"}}
    event = one(call)
    assert (event.event_name, event.client_id, event.user_id) == (EventName.IDENTIFY, "a-1", "4711")
    assert event.extra == {}
    assert one({key: value for key, value in call.items() if key != "type"}).event_name is EventName.IDENTIFY
    assert refused({"type": "identify", "userId": "u-1", "traits": {}}) is Code.MISSING_SHOPPER


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"type": "page"}, Code.UNKNOWN_EVENT_NAME),
        ({"type": 7}, Code.UNKNOWN_EVENT_NAME),
        ({"event": "Coupon Entered"}, Code.UNKNOWN_EVENT_NAME),
        ({"event": None}, Code.MISSING_FIELD),
        ({"type": None, "event": None}, Code.MISSING_FIELD),
        ({"messageId": ""}, Code.INVALID_IDENTIFIER),
        ({"messageId": 7}, Code.WRONG_TYPE),
        ({"timestamp": "2026-11-24"}, Code.INVALID_EVENT_TIME),
        ({"properties": "none"}, Code.WRONG_TYPE),
        ({"properties": {}}, Code.MISSING_ITEMS),
        ({"properties": {"name": "no id"}}, Code.MISSING_FIELD),
        ({"context": []}, Code.WRONG_TYPE),
        ({"context": {"consent": 1}}, Code.WRONG_TYPE),
        ({"event": "Order Completed", "properties": {"products": {}}}, Code.WRONG_TYPE),
        ({"event": "Order Completed", "properties": {"products": [1]}}, Code.WRONG_TYPE),
        ({"event": "Segment Consent Preference Updated"}, Code.MISSING_FIELD),
        ({"userId": None, "anonymousId": None}, Code.MISSING_SHOPPER),
    ],
)
def test_says_what_is_wrong_with_a_call(changes: dict[str, object], code: Code) -> None:
    assert refused({**VIEWED, **changes}) is code


UNTIMED = {key: value for key, value in VIEWED.items() if key != "timestamp"}


def test_the_time_is_the_first_that_was_sent() -> None:
    late = clock.to_rfc3339(NOW_US - 2)
    assert one(VIEWED).event_time == NOW_US - clock.HOUR
    assert one({**UNTIMED, "originalTimestamp": late}).event_time == NOW_US - 2
    assert one({**UNTIMED, "sentAt": TIME}).event_time == NOW_US
    assert one(UNTIMED).event_time == NOW_US


def test_what_segment_has_set_right_stays() -> None:
    call = {**VIEWED, "originalTimestamp": clock.to_rfc3339(NOW_US - clock.DAY), "sentAt": TIME}
    assert one(call).event_time == NOW_US - clock.HOUR


@given(
    skew_us=st.integers(-400 * clock.DAY, 400 * clock.DAY),
    waited_us=st.integers(0, clock.DAY),
    name=st.sampled_from(["timestamp", "originalTimestamp"]),
    batched=st.booleans(),
)
def test_a_wrong_clock_is_set_right_by_when_it_says_the_call_was_sent(
    skew_us: int, waited_us: int, name: str, batched: bool
) -> None:
    call = {**UNTIMED, name: clock.to_rfc3339(NOW_US + skew_us - waited_us)}
    sent = {"sentAt": clock.to_rfc3339(NOW_US + skew_us)}
    body = {"batch": [call], **sent} if batched else {**call, **sent}
    [event] = read(json.dumps(body).encode(), NOW_US).events
    assert isinstance(event, Accepted)
    assert event.event.event_time == NOW_US - waited_us


def test_nothing_is_sent_before_it_happens() -> None:
    times = {"originalTimestamp": clock.to_rfc3339(NOW_US), "sentAt": clock.to_rfc3339(NOW_US - clock.HOUR)}
    assert one({**UNTIMED, **times}).event_time == NOW_US


@pytest.mark.parametrize("sent_at", ["yesterday", 7, "9999-12-31T00:00:00Z"])
def test_a_time_of_sending_that_is_none_sets_nothing_right(sent_at: object) -> None:
    call = {**UNTIMED, "originalTimestamp": TIME, "sentAt": sent_at}
    assert one(call).event_time == NOW_US - clock.HOUR
    assert refused({**call, "originalTimestamp": "yesterday"}) is Code.INVALID_EVENT_TIME


@pytest.mark.parametrize(
    ("preferences", "allowed"),
    [
        ({"Advertising": True, "Analytics": True}, True),
        ({"Advertising": True, "Analytics": False}, False),
        ({"Personalization": True, "Analytics": False}, True),
        ({"personalisation": False, "Analytics": True}, False),
        ({"Advertising": "yes"}, False),
        ({}, False),
        (None, None),
    ],
)
def test_consent_is_what_its_categories_say(preferences: object, allowed: bool | None) -> None:
    consent = one({**VIEWED, "context": {"consent": {"categoryPreferences": preferences}}}).consent
    assert (None if consent is None else consent.personalization) is allowed


def test_what_stands_round_a_batch_holds_for_calls_that_say_nothing_else() -> None:
    def preferences(allowed: bool) -> dict[str, object]:
        return {"consent": {"categoryPreferences": {"Advertising": allowed}}}

    batch = {
        "batch": [UNTIMED, {**VIEWED, "context": preferences(True)}, {"type": "page"}, 7],
        "context": preferences(False),
        "sentAt": clock.to_rfc3339(NOW_US - clock.MINUTE),
        "writeKey": "secret",
    }
    received = read(json.dumps(batch).encode(), NOW_US)
    assert received.batched
    first, second, third, fourth = received.events
    assert isinstance(first, Accepted)
    assert isinstance(second, Accepted)
    an_hour_before_the_batch = NOW_US - clock.HOUR + clock.MINUTE
    assert (first.event.event_time, second.event.event_time) == (NOW_US, an_hour_before_the_batch)
    consents = first.event.consent, second.event.consent
    assert [consent and consent.personalization for consent in consents] == [False, True]
    assert isinstance(third, Refused)
    assert isinstance(fourth, Refused)
    assert (third.code, fourth.code) == (Code.UNKNOWN_EVENT_NAME, Code.NOT_AN_OBJECT)


def test_a_call_without_an_id_is_known_by_what_it_says() -> None:
    anonymous = {key: value for key, value in VIEWED.items() if key != "messageId"}
    assert one(anonymous).event_id == one(anonymous).event_id
    assert one(anonymous).event_id != one({**anonymous, "userId": "u-2"}).event_id
    order = {**anonymous, "event": "Order Completed", "properties": {"order_id": "o1", "products": [PRODUCT]}}
    assert one(order).event_id == one({**order, "timestamp": clock.to_rfc3339(NOW_US)}).event_id


def test_orders_without_a_name_are_not_one_order() -> None:
    def event_id(product: str) -> str:
        properties = {"order_id": "", "products": [{"product_id": product}]}
        call = {key: value for key, value in VIEWED.items() if key != "messageId"}
        return one({**call, "event": "Order Completed", "properties": properties}).event_id

    assert event_id("SKU1") != event_id("SKU2")


def test_what_moves_from_a_wishlist_to_a_cart_is_in_the_cart() -> None:
    event = one({**VIEWED, "event": "Wishlist Product Added to Cart"})
    assert event.event_name is EventName.ADD_TO_CART


def test_a_refund_is_refused() -> None:
    assert refused({**VIEWED, "event": "Order Refunded"}) is Code.UNKNOWN_EVENT_NAME
