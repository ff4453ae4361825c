"""A message that is not right, or that its reader could do nothing with, does not go out."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from evermail import clock
from evermail.campaigns.folder import message_files
from evermail.campaigns.outgoing import CannotSend, read_outgoing
from evermail.tokens import Recipient, TokenSigner


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda data: data.replace(b"To: ann", b"To: eve@mail.example, ann"), "goes to 2 people"),
        (lambda data: data.replace(b"To: ann", b"Bcc: eve@mail.example\r\nTo: ann"), "goes to 2 people"),
        (lambda data: data.replace(b"To: ann@mail.example\r\n", b""), "has no To"),
        (lambda data: data.replace(b"From: ", b"X-From: "), "has no From"),
        (lambda data: data.replace(b"List-Unsubscribe: ", b"X-Un: "), "nobody could unsubscribe"),
        (
            lambda data: re.sub(rb"(unsubscribe\?t=)[^>]*>", rb"\1{{ token }}>", data),
            "tokens are not filled in",
        ),
        (lambda data: data.replace(b"Alder", "Älder".encode()), "bytes that not all mail servers take"),
        (lambda data: b"\0" * 100, "there is no List-Unsubscribe with a token; build the campaign anew"),
        (lambda data: b"", "there is no List-Unsubscribe with a token; build the campaign anew"),
    ],
)
def test_a_message_that_is_not_right_stays_here(
    build: Path, token_key: str, change: Callable[[bytes], bytes], told: str
) -> None:
    file = message_files(build)[0]
    file.write_bytes(change(file.read_bytes()))
    with pytest.raises(CannotSend, match=told):
        read_outgoing(file, TokenSigner([token_key]))


@pytest.mark.parametrize(
    ("signer", "told"),
    [
        (
            lambda key: TokenSigner([key], clock=lambda: clock.now_us() + 31 * clock.DAY),
            "have expired; build",
        ),
        (lambda key: TokenSigner([key + "!"]), "not signed with our keys; set EVERMAIL_TOKEN_KEYS"),
    ],
)
def test_tokens_that_would_be_refused_keep_a_message_here(
    build: Path, token_key: str, signer: Callable[[str], TokenSigner], told: str
) -> None:
    with pytest.raises(CannotSend, match=told):
        read_outgoing(message_files(build)[0], signer(token_key))


def test_tokens_of_two_people_keep_a_message_here(build: Path, token_key: str) -> None:
    ann, ben, _ = (file.read_bytes() for file in message_files(build))
    header = re.compile(rb"List-Unsubscribe: <[^>]*>")
    file = message_files(build)[0]
    file.write_bytes(header.sub(header.search(ben)[0], ann))  # type: ignore[index]
    with pytest.raises(CannotSend, match="several people"):
        read_outgoing(file, TokenSigner([token_key]))


def test_a_page_of_the_shop_with_a_path_of_the_functions_has_no_token(build: Path, token_key: str) -> None:
    file = message_files(build)[0]
    head, _, body = file.read_bytes().partition(b"text/plain")
    link = b"\r\n\r\nhttps://shop.example/feedback?t=3Dabc\r\n"
    file.write_bytes(head + b"text/plain" + body.replace(b"\r\n\r\n", link, 1))
    signer = TokenSigner([token_key])
    assert read_outgoing(file, signer).recipient == "ann@mail.example"
    elsewhere = build.parent / "one.eml"
    elsewhere.write_bytes(file.read_bytes())
    with pytest.raises(CannotSend, match="not filled in, or not signed"):
        read_outgoing(elsewhere, signer)


def test_a_person_of_another_name_has_the_same_email(build: Path, token_key: str) -> None:
    message = read_outgoing(message_files(build)[0], TokenSigner([token_key]))
    renamed = msgspec.structs.replace(message, person=Recipient("k2.other", "autumn"))
    other = msgspec.structs.replace(message, person=Recipient(message.person.shopper, "winter"))
    assert renamed.key == message.key != other.key
