"""The MIME message that goes to a mail server, read back as a client would."""

from __future__ import annotations

import email
import re
from email.header import decode_header, make_header
from email.message import EmailMessage
from email.policy import default
from email.utils import getaddresses
from typing import Any

import pytest

from evermail.campaigns import Parts, render, sample_context, to_mime

SAMPLE = sample_context("recommended_for_you")
PARTS = render("recommended_for_you", SAMPLE)
LONG_URL = "https://live.shop.example/unsubscribe?t=" + "x" * 800


def message(parts: Parts = PARTS, **changes: Any) -> EmailMessage:
    arguments: dict[str, Any] = {
        "sender": "Alder & Pine 🌲 <hello@alder.example>",
        "recipient": "Mára <mara@example.com>",
        "unsubscribe_url": SAMPLE.unsubscribe_url,
        "sent_at": SAMPLE.sent_at,
    }
    return to_mime(parts, **{**arguments, **changes})


def read_back(sent: EmailMessage) -> EmailMessage:
    received = email.message_from_bytes(sent.as_bytes(), policy=default)
    assert isinstance(received, EmailMessage)
    return received


def test_the_parts_come_as_text_amp_html() -> None:
    received = read_back(message())
    assert received.get_content_type() == "multipart/alternative"
    assert [part.get_content_type() for part in received.iter_parts()] == [
        "text/plain", "text/x-amp-html", "text/html",
    ]  # fmt: skip
    assert {part.get_content_charset() for part in received.iter_parts()} == {"utf-8"}


@pytest.mark.parametrize(
    "body", [PARTS.html, "شراء " * 3000 + "\n", "x" * 5000 + "\n", ".\n..\nFrom here\n=_ \n", "⚡\n"]
)
def test_every_body_arrives_as_it_was_written(body: str) -> None:
    received = read_back(message(Parts(subject="s", text=body, amp=body, html=body)))
    for part in received.iter_parts():
        assert isinstance(part, EmailMessage)
        arrived = part.get_payload(decode=True).decode().replace("\r\n", "\n")
        assert arrived == body if body.endswith("\n") else arrived == body + "\n"


def test_no_line_is_longer_than_servers_take() -> None:
    nasty = Parts(subject="⚡" * 300, text="x" * 5000, amp="ü" * 5000, html="漢" * 5000)
    sent = message(nasty, unsubscribe_url=LONG_URL, headers={"Feedback-ID": "a:b:c"}).as_bytes()
    lines = sent.split(b"\r\n")
    assert max(map(len, lines)) <= 998
    assert b"\n" not in b"".join(lines)
    assert sent.isascii()


def test_what_programs_read_is_neither_encoded_nor_broken() -> None:
    feedback, message_id = (
        "black-friday:" + "x" * 90 + ":evermail:alder.example",
        f"<{'a' * 90}@alder.example>",
    )
    raw = message(headers={"Feedback-ID": feedback}, message_id=message_id).as_bytes().decode()
    assert f"\r\nFeedback-ID: {feedback}\r\n" in raw
    assert f"\r\nMessage-ID: {message_id}\r\n" in raw


def test_a_message_has_an_id_of_its_own_at_the_domain_of_its_sender() -> None:
    ids = [
        message(**changes)["Message-ID"]
        for changes in ({}, {"recipient": "b@example.com"}, {"sent_at": 1}, {"unsubscribe_url": LONG_URL})
    ]
    assert len(set(ids)) == 4
    assert all(re.fullmatch(r"<[0-9a-f]{32}@alder\.example>", one) for one in ids)
    assert message()["Message-ID"] == ids[0]


@pytest.mark.parametrize("url", [SAMPLE.unsubscribe_url, LONG_URL])
def test_one_click_unsubscription_is_offered_with_the_url_intact(url: str) -> None:
    raw = message(unsubscribe_url=url).as_bytes().decode()
    assert f"\r\nList-Unsubscribe: <{url}>\r\n" in raw
    assert "\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n" in raw


def test_names_and_subject_survive_in_any_script() -> None:
    parts = Parts(subject="Für dich, Мара 🌲", text="t", amp="a", html="h")
    received = read_back(message(parts, reply_to="help@alder.example"))
    assert received["Subject"] == parts.subject
    assert received["From"].addresses[0].display_name == "Alder & Pine 🌲"
    assert received["To"].addresses[0].addr_spec == "mara@example.com"
    assert received["Reply-To"] == "help@alder.example"
    assert received["Subject"].defects == ()
    assert received["Date"].datetime.timestamp() * 1_000_000 == SAMPLE.sent_at


@pytest.mark.parametrize(
    "name",
    [
        "Alder, Pine and Daughters Home, Garden and Outdoor Furnishings Newsletter Team of Bristol",
        "Alder Pine and Daughters Home Garden and Outdoor Furnishings Newsletter Team of Bristol",
        "Alder, Pine",
        'The "Pine" \\ Co. (Ltd); <b>',
        "=?utf-8?q?Alder?=",
        "Älder, Pine und Töchter, Garten und Möbel, und was sonst noch in einen langen Namen gehört",
    ],
)
def test_a_name_survives_whatever_is_in_it(name: str) -> None:
    quoted = name.replace("\\", "\\\\").replace('"', '\\"')
    sent = message(sender=f'"{quoted}" <hi@alder.example>')
    [one] = read_back(sent)["From"].addresses
    # Python's own parser leaves a space between two encoded words (against RFC 2047, 6.2)
    assert (one.display_name.replace(" ", ""), one.addr_spec) == (name.replace(" ", ""), "hi@alder.example")
    assert all(len(line) <= 78 for line in sent.as_bytes().partition(b"\r\nDate")[0].split(b"\r\n"))
    [(read, address)] = getaddresses([str(email.message_from_bytes(sent.as_bytes())["From"])])
    assert (str(make_header(decode_header(read))), address) == (name, "hi@alder.example")


@pytest.mark.parametrize(
    "subject", ["=?utf-8?q?x?=", "New: =?utf-8?b?YQ==?= =?utf-8?b?YQ==?=", "é =?x?q?a?="]
)
def test_a_subject_that_looks_encoded_is_read_as_it_is(subject: str) -> None:
    raw = email.message_from_bytes(message(Parts(subject=subject, text="t", amp="a", html="h")).as_bytes())
    assert str(make_header(decode_header(raw["Subject"]))) == subject


def test_equal_input_gives_equal_bytes() -> None:
    assert message().as_bytes() == message().as_bytes()


@pytest.mark.parametrize(
    "changes",
    [
        {"recipient": "nobody"},
        {"recipient": ""},
        {"recipient": "a@example.com, b@example.com"},
        {"sender": "a@example.com, b@example.com"},
        {"recipient": "a@example.com\r\nBcc: b@example.com"},
        {"sender": "Shop <shop>"},
        {"reply_to": "@example.com"},
        {"unsubscribe_url": "http://shop.example/u"},
        {"unsubscribe_url": "https://shop.example/u>\r\nBcc: x"},
        {"unsubscribe_url": "https://shop.example/ü"},
        {"unsubscribe_url": "https://shop.example/" + "x" * 1000},
        {"headers": {"X-Campaign": "a\r\nBcc: b@example.com"}},
        {"headers": {"X-Campaign": "a" * 1000}},
        {"headers": {"X-Campaign": "Frühling"}},
        {"message_id": "<a@b>\r\nBcc: b@example.com"},
    ],
)
def test_what_cannot_stand_in_a_header_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        message(**changes)
