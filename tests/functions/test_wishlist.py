"""`wishlist`: a wish becomes an event, once, and whoever presses the button is told the truth."""

from __future__ import annotations

import json

import pytest

from evermail import clock
from functions.in_time import WAIT_S
from tests.functions import fakes
from tests.functions.actions_support import Actions
from tests.functions.fakes import FakePublisher, body_of, error_code


def test_a_wish_is_an_event_of_the_tokens_shopper() -> None:
    actions = Actions()
    response = actions.post("wishlist", {"item_id": "SKU1"})
    assert body_of(response) == {"message": "Saved to your wishlist."}
    [message] = actions.publisher.published
    event = json.loads(message.data)
    assert (event["event_name"], event["user_id"]) == ("add_to_wishlist", fakes.RECIPIENT.shopper)
    assert (event["items"], event["campaign_id"]) == ([{"item_id": "SKU1"}], "black-friday")
    assert message.pseudonymized


def test_who_presses_twice_wishes_once() -> None:
    actions = Actions()
    for minutes in (0, 20, 60):
        actions.now_us = fakes.NOW_US + minutes * clock.MINUTE
        actions.post("wishlist")
    first, again, later = (message.event_id for message in actions.publisher.published)
    assert first == again != later


def test_what_was_not_confirmed_is_not_said_to_be_saved() -> None:
    actions = Actions(publisher=FakePublisher(confirm=lambda message: False))
    response = actions.post("wishlist")
    assert (response.status_code, error_code(response)) == (503, "publish_failed")
    assert response.headers["Retry-After"]
    assert response.headers["AMP-Email-Allow-Sender"] == fakes.SENDER
    assert actions.publisher.waited == [WAIT_S]


def test_nor_where_nothing_could_be_sent(capsys: pytest.CaptureFixture[str]) -> None:
    def broken(message: object) -> bool:
        raise ConnectionError("10.0.0.7")

    response = Actions(publisher=FakePublisher(confirm=broken)).post("wishlist")
    assert (response.status_code, error_code(response)) == (503, "publish_failed")
    line = capsys.readouterr().out
    assert "ConnectionError" in line
    assert "10.0.0.7" not in line
