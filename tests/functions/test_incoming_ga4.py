"""Bodies of GA4's Measurement Protocol: what becomes of each part, and what is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evermail import clock
from evermail.event_ids import MAX_RETRY_US
from evermail.events import Code, Event, EventName
from functions.incoming import Accepted, Incoming, Refused, read
from functions.incoming_ga4 import NAMES
from tests.functions.fakes import EVENT, NOW_US

ITEM = {"item_id": "SKU1", "item_name": "Kettle", "price": 19.9, "quantity": 2, "item_category": "Kitchen"}
VIEW = {"name": "view_item", "params": {"currency": "EUR", "value": 39.8, "items": [ITEM]}}


def body(*events: object, **envelope: object) -> bytes:
    return json.dumps({"client_id": "123.456", "events": list(events), **envelope}).encode()


def accepted(received: Incoming) -> list[Event]:
    for event in received.events:
        assert isinstance(event, Accepted), event
    return [event.event for event in received.events if isinstance(event, Accepted)]


def one(event: object, **envelope: object) -> Event:
    [read_event] = accepted(read(body(event, **envelope), NOW_US))
    return read_event


def refused(event: object, **envelope: object) -> Code:
    [judged] = read(body(event, **envelope), NOW_US).events
    assert isinstance(judged, Refused), judged
    return judged.code


def test_an_event_keeps_all_that_it_says() -> None:
    params = {**VIEW["params"], "transaction_id": "T1", "engagement_time_msec": 100}  # type: ignore[dict-item]
    event = one(
        {"name": "purchase", "params": params},
        user_id="crm-1",
        timestamp_micros=NOW_US - clock.HOUR,
        user_properties={"name": {"value": "Ada"}},
        user_data={"sha256_email_address": "0" * 64},
    )
    assert event.event_name is EventName.PURCHASE
    assert (event.client_id, event.user_id) == ("123.456", "crm-1")
    assert event.event_time == NOW_US - clock.HOUR
    assert (event.value, event.currency, event.source) == (39.8, "EUR", "ga4")
    [item] = event.items
    assert (item.item_id, item.quantity, item.price, item.item_category) == ("SKU1", 2, 19.9, "Kitchen")
    assert item.extra == {"item_name": "Kettle"}
    assert event.extra == {"transaction_id": "T1", "engagement_time_msec": 100}
    assert event.consent is None


@pytest.mark.parametrize("name", NAMES)
def test_takes_each_of_its_names(name: str) -> None:
    event = one({"name": name, "params": {"items": [ITEM], "search_term": "kettle"}}, user_id="crm-1")
    assert event.event_name is NAMES[name]
    assert event.search_term == "kettle"


@pytest.mark.parametrize(
    "name", ["page_view", "begin_checkout", "refund", "erase_user", "update_consent", "email_open"]
)
def test_other_names_are_refused_one_by_one(name: str) -> None:
    received = read(body({"name": name}, VIEW), NOW_US)
    assert received.batched
    first, second = received.events
    assert isinstance(first, Refused)
    assert first.code is Code.UNKNOWN_EVENT_NAME
    assert isinstance(second, Accepted)


def test_parameters_named_as_fields_of_ours_do_not_pass_for_them() -> None:
    params = {
        "items": [ITEM],
        "campaign_id": "utm",
        "source": "google",
        "client_id": "other",
        "event_id": "mine",
        "consent": 1,
    }
    event = one({"name": "view_item", "params": params})
    assert (event.campaign_id, event.source, event.client_id) == (None, "ga4", "123.456")
    assert event.extra == {
        "ga4_campaign_id": "utm",
        "ga4_source": "google",
        "ga4_client_id": "other",
        "ga4_event_id": "mine",
        "ga4_consent": 1,
    }


def test_the_time_of_an_event_goes_before_that_of_its_body() -> None:
    sent = body({**VIEW, "timestamp_micros": NOW_US - 2}, VIEW, timestamp_micros=str(NOW_US - 1))
    assert [event.event_time for event in accepted(read(sent, NOW_US))] == [NOW_US - 2, NOW_US - 1]
    assert one(VIEW).event_time == NOW_US


@pytest.mark.parametrize("time", ["yesterday", -1, 1.5, 10**30, 1764000000, True, {}, NOW_US // 1000])
def test_a_time_that_is_none_is_refused(time: object) -> None:
    assert refused(VIEW, timestamp_micros=time) is Code.INVALID_EVENT_TIME


def test_numbers_and_ids_may_be_of_the_other_type() -> None:
    item = {"item_id": 4711, "price": "19.90", "quantity": "2.0", "item_category": None}
    event = one({"name": "view_item", "params": {"items": [item], "value": "39.80"}}, client_id=12.5)
    assert (event.items[0].item_id, event.items[0].price, event.items[0].quantity) == ("4711", 19.9, 2)
    assert (event.value, event.client_id) == (39.8, "12.5")


@pytest.mark.parametrize(
    ("event", "code"),
    [
        (7, Code.NOT_AN_OBJECT),
        ({"params": {}}, Code.MISSING_FIELD),
        ({"name": 7}, Code.WRONG_TYPE),
        ({"name": "view_item"}, Code.MISSING_ITEMS),
        ({"name": "view_item", "params": []}, Code.WRONG_TYPE),
        ({"name": "view_item", "params": {"items": {}}}, Code.WRONG_TYPE),
        ({"name": "view_item", "params": {"items": [1]}}, Code.WRONG_TYPE),
        ({"name": "view_item", "params": {"items": [{"item_name": "Kettle"}]}}, Code.MISSING_FIELD),
        ({"name": "view_item", "params": {"items": [{**ITEM, "quantity": 1.5}]}}, Code.WRONG_TYPE),
        ({"name": "login"}, Code.MISSING_SHOPPER),
        ({"name": "search", "params": {"x": "x" * 70_000}}, Code.OVERSIZE_PAYLOAD),
        ({"name": "search", "params": {"x": 10**40}}, Code.OUT_OF_RANGE),
    ],
)
def test_says_what_is_wrong_with_an_event(event: object, code: Code) -> None:
    received = read(body(VIEW, event), NOW_US)
    assert isinstance(received.events[0], Accepted)
    assert isinstance(received.events[1], Refused)
    assert received.events[1].code is code


def test_nobody_is_not_made_up() -> None:
    assert refused(VIEW, client_id=None) is Code.MISSING_SHOPPER


@pytest.mark.parametrize(
    ("envelope", "allowed"),
    [
        ({"consent": {"ad_personalization": "GRANTED"}}, True),
        ({"consent": {"ad_personalization": "GRANTED", "ad_user_data": "GRANTED"}}, True),
        ({"consent": {"ad_personalization": "DENIED"}}, False),
        ({"consent": {"ad_personalization": "GRANTED", "ad_user_data": "DENIED"}}, False),
        ({"consent": {"ad_user_data": "perhaps"}}, False),
        ({"consent": {"ad_personalization": True}}, False),
        ({"non_personalized_ads": True}, False),
        ({"non_personalized_ads": False}, True),
        ({"non_personalized_ads": True, "consent": {"ad_personalization": "GRANTED"}}, False),
        ({"consent": {}}, None),
        ({}, None),
    ],
)
def test_consent_is_what_was_said(envelope: dict[str, Any], allowed: bool | None) -> None:
    consent = one(VIEW, **envelope).consent
    assert (None if consent is None else consent.personalization) is allowed


def test_a_purchase_is_known_by_its_transaction() -> None:
    def ids(transaction: object, client: str, time_us: int) -> str:
        params = {"items": [ITEM], "transaction_id": transaction}
        return one(
            {"name": "purchase", "params": params}, client_id=client, timestamp_micros=time_us
        ).event_id

    assert ids("17", "a", NOW_US) == ids(17, "b", NOW_US - 1) != ids("18", "a", NOW_US)


@pytest.mark.parametrize("transaction", ["", "  ", None, [], {}, True])
def test_purchases_without_a_transaction_are_not_one_purchase(transaction: object) -> None:
    def purchase(item_id: str) -> dict[str, object]:
        params = {"transaction_id": transaction, "items": [{**ITEM, "item_id": item_id}]}
        return {"name": "purchase", "params": params}

    first, second = accepted(read(body(purchase("SKU1"), purchase("SKU2")), NOW_US))
    assert first.event_id != second.event_id
    assert first.event_id == one(purchase("SKU1")).event_id
    assert first.event_id != one(purchase("SKU1"), client_id="another").event_id


def test_without_a_time_a_repetition_is_a_copy_for_as_long_as_a_copy_may_be_late() -> None:
    def ids(now_us: int) -> str:
        [event] = accepted(read(body(VIEW), now_us))
        return event.event_id

    assert one(VIEW).event_id != one(VIEW, client_id="another").event_id
    start = NOW_US // MAX_RETRY_US * MAX_RETRY_US
    assert ids(start) == ids(start + MAX_RETRY_US - 1) != ids(start + MAX_RETRY_US)


def test_the_same_twice_in_one_body_happened_twice() -> None:
    sent = body(VIEW, VIEW, VIEW, timestamp_micros=NOW_US)
    ids = [event.event_id for event in accepted(read(sent, NOW_US))]
    assert len(set(ids)) == 3
    assert [event.event_id for event in accepted(read(sent, NOW_US + clock.DAY))] == ids


@given(st.lists(st.sampled_from(["client_id", "user_id", "timestamp_micros", "consent"]), max_size=3))
def test_a_batch_of_ours_stays_ours(envelope: list[str]) -> None:
    sent = {"events": [{**EVENT, "name": "view_item"}], **dict.fromkeys(envelope, "1")}
    [event] = read(json.dumps(sent).encode(), NOW_US).events
    assert isinstance(event, Accepted)
    assert event.event.event_id == "e1"
    assert json.loads(event.data) == sent["events"][0]
