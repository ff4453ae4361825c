"""What is done in an email becomes an event that the job takes in, once."""

from __future__ import annotations

import json

import pytest

from evermail import clock
from evermail.decoding import Decoder
from evermail.events import Event, EventName
from evermail.pseudonyms import Pseudonymizer
from evermail.tokens import Recipient
from functions.email_events import EmailEvents
from tests.functions import fakes
from tests.functions.fakes import FakePublisher

KEYS = {"k1": "a-secret-of-some-length"}
USER = Recipient(Pseudonymizer(KEYS, "k1").pseudonym("user", "crm-1"), "advent")
BROWSER = Recipient(Pseudonymizer(KEYS, "k1").pseudonym("client", "cookie"), "advent", "client")


def click(publisher: FakePublisher, recipient: Recipient = USER, *, now_us: int = fakes.NOW_US) -> bool:
    events = EmailEvents(publisher, clock=lambda: now_us)
    return events.publish(recipient, EventName.EMAIL_CLICK, ["SKU1"], once_in_us=clock.MINUTE, wait_s=0.5)


def taken_in(publisher: FakePublisher) -> list[Event]:
    decoder = Decoder(KEYS, "test")
    read = [
        decoder.decode(one.data, one.attributes, published_us=fakes.NOW_US, now_us=fakes.NOW_US)
        for one in publisher.published
    ]
    assert all(isinstance(one, Event) for one in read), read
    return [one for one in read if isinstance(one, Event)]


def test_the_job_takes_it_for_the_shopper_of_the_token() -> None:
    publisher = FakePublisher()
    assert click(publisher)
    assert click(publisher, BROWSER)
    user, browser = taken_in(publisher)
    assert (user.user_id, user.client_id) == (USER.shopper, None)
    assert (browser.user_id, browser.client_id) == (None, BROWSER.shopper)
    assert user.event_name is EventName.EMAIL_CLICK
    assert [item.item_id for item in user.items] == ["SKU1"]
    assert (user.campaign_id, user.source, user.event_time) == ("advent", "email", fakes.NOW_US)


def test_a_repeated_request_is_a_copy_and_a_later_one_is_not() -> None:
    publisher = FakePublisher()
    click(publisher)
    click(publisher, now_us=fakes.NOW_US + 30 * clock.SECOND)
    click(publisher, now_us=fakes.NOW_US + clock.MINUTE)
    first, again, later = (message.event_id for message in publisher.published)
    assert first == again != later


def test_the_id_of_an_event_differs_by_whose_what_and_where() -> None:
    publisher = FakePublisher()
    events = EmailEvents(publisher, clock=fakes.now)
    for recipient in (USER, BROWSER, Recipient(USER.shopper, "spring")):
        for name in (EventName.EMAIL_CLICK, EventName.ADD_TO_WISHLIST):
            for items in (["SKU1"], ["SKU2"]):
                events.publish(recipient, name, items, once_in_us=clock.MINUTE)
    assert len({message.event_id for message in publisher.published}) == 12
    assert not any(USER.shopper in message.event_id for message in publisher.published)


def test_says_whether_it_arrived_within_the_time() -> None:
    publisher = FakePublisher(confirm=lambda message: False)
    assert not click(publisher)
    assert publisher.waited == [0.5]


def test_an_email_of_no_campaign_says_none() -> None:
    publisher = FakePublisher()
    click(publisher, Recipient(USER.shopper, ""))
    assert json.loads(publisher.published[0].data)["campaign_id"] is None
    assert taken_in(publisher)


@pytest.mark.parametrize("name", [EventName.EMAIL_CLICK, EventName.ADD_TO_WISHLIST])
def test_a_message_says_that_its_shopper_is_a_pseudonym(name: EventName) -> None:
    publisher = FakePublisher()
    EmailEvents(publisher).publish(USER, name, ["SKU1"], once_in_us=clock.HOUR)
    assert publisher.published[0].attributes["pseudonymized"] == "1"
