"""A message as `to_mime` makes it is right; what others make of it is found."""

from __future__ import annotations

from collections.abc import Callable
from email.message import EmailMessage
from email.policy import SMTP

import pytest

from evermail.campaigns import to_mime
from evermail.campaigns.check import Finding, headers, mime
from tests.campaigns.check.good_email import LIVE, NOW_US, codes, good


def sent(**changes: str) -> EmailMessage:
    given = {
        "sender": "Alder <hi@alder.example>",
        "recipient": "mara@example.com",
        "message_id": "<1@alder.example>",
    }
    return to_mime(good(), unsubscribe_url=f"{LIVE}/unsubscribe?t=x", sent_at=NOW_US, **given | changes)


def found_in(source: bytes, sender: str = "") -> list[Finding]:
    message = mime.parsed(source)
    return [*mime.find(message, source), *headers.find(message, sender)]


def test_a_message_of_ours_gives_no_finding() -> None:
    assert found_in(sent().as_bytes(), "hi@alder.example") == []


def test_its_parts_are_read_back() -> None:
    assert mime.parts_of(mime.parsed(sent().as_bytes())) == good()


def shuffled(message: EmailMessage) -> None:
    payload = message.get_payload()
    assert isinstance(payload, list)
    message.set_payload([payload[0], payload[2], payload[1]])


def amp_twice(message: EmailMessage) -> None:
    payload = message.get_payload()
    assert isinstance(payload, list)
    message.set_payload([payload[0], payload[1], payload[1], payload[2]])


def no_amp(message: EmailMessage) -> None:
    payload = message.get_payload()
    assert isinstance(payload, list)
    message.set_payload([payload[0], payload[2]])


def mixed(message: EmailMessage) -> None:
    message.replace_header("Content-Type", message["Content-Type"].replace("alternative", "mixed"))


def latin(message: EmailMessage) -> None:
    amp = list(message.iter_parts())[1]
    amp.replace_header("Content-Type", 'text/x-amp-html; charset="iso-8859-1"')


def eight_bit(message: EmailMessage) -> None:
    amp = list(message.iter_parts())[1]
    amp.set_content(good().amp, subtype="x-amp-html", cte="8bit")


def drop(*names: str) -> Callable[[EmailMessage], None]:
    def change(message: EmailMessage) -> None:
        for name in names:
            del message[name]

    return change


def put(name: str, value: str) -> Callable[[EmailMessage], None]:
    def change(message: EmailMessage) -> None:
        del message[name]
        message[name] = value

    return change


@pytest.mark.parametrize(
    ("code", "change"),
    [
        ("parts_order", shuffled),
        ("amp_parts", amp_twice),
        ("amp_parts", no_amp),
        ("not_alternative", mixed),
        ("charset", latin),
        ("encoding", eight_bit),
        ("from_missing", drop("From")),
        ("from_is_to", put("To", "HI@alder.example")),
        ("date_missing", drop("Date")),
        ("message_id_missing", drop("Message-ID")),
        ("message_id_broken", put("Message-ID", "<abc>")),
        ("list_unsubscribe_missing", drop("List-Unsubscribe")),
        ("list_unsubscribe_missing", put("List-Unsubscribe", "<mailto:leave@alder.example>")),
        ("list_unsubscribe_missing", put("List-Unsubscribe", "<http://alder.example/leave>")),
        ("list_unsubscribe_post_missing", drop("List-Unsubscribe-Post")),
        ("list_unsubscribe_post_missing", put("List-Unsubscribe-Post", "yes")),
    ],
)
def test_a_message_that_is_wrong_is_found(code: str, change: Callable[[EmailMessage], None]) -> None:
    message = mime.parsed(sent().as_bytes())
    change(message)
    assert codes(found_in(message.as_bytes())) == {code}


def test_a_date_that_is_none_is_found() -> None:
    source = sent().as_bytes().replace(b"Date: ", b"Date: some day, ")
    assert codes(found_in(source)) == {"date_missing"}


def test_a_header_that_stands_twice_is_found() -> None:
    source = b"Subject: one more\r\n" + sent().as_bytes()
    assert codes(found_in(source)) == {"header_twice"}


def test_a_line_that_servers_break_is_found_with_its_number() -> None:
    source = b"X-Long: " + b"x" * 991 + b"\r\n" + sent().as_bytes()
    (found,) = found_in(source)
    assert (found.code, found.line) == ("line_too_long", 1)
    assert found_in(source.replace(b"x" * 991, b"x" * 990)) == []


def test_another_sender_than_the_one_named_is_found() -> None:
    assert codes(found_in(sent().as_bytes(), "offers@alder.example")) == {"sender_differs"}


@pytest.mark.parametrize("source", [b"", b"\x89PNG\r\n\x1a\n", b"hello", b"Content-Type: image/png\r\n\r\nx"])
def test_what_is_no_message_is_found(source: bytes) -> None:
    assert "message_broken" in codes(found_in(source))


def test_a_charset_that_nobody_knows_is_read_as_well_as_may_be() -> None:
    message = EmailMessage(policy=SMTP)
    message.set_content("Grüße")
    source = message.as_bytes().replace(b"utf-8", b"klingon")
    assert "charset" in codes(found_in(source))
    assert mime.parts_of(mime.parsed(source)).text.startswith("Gr")
