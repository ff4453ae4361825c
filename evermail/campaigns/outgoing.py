"""A message file as it goes out: from whom, to whom, and whether its tokens are good."""

from __future__ import annotations

import email
import hashlib
import re
from collections.abc import Iterator
from email.errors import HeaderParseError, MessageError
from email.message import EmailMessage
from email.policy import default
from pathlib import Path

import msgspec

from evermail.campaigns.check.token_life import PURPOSES
from evermail.campaigns.folder import DESCRIPTION, MESSAGES, FolderRefused, read_description
from evermail.tokens import InvalidToken, Purpose, Recipient, TokenSigner

MAX_BYTES = 25_000_000
"""What Gmail takes at most, attachments included."""

_TOKEN = rf"/({'|'.join(PURPOSES)})\?t=([^&\"'\s<>]*)"
_ANEW = "build the campaign anew: `evermail campaign build`"
_WRONG_TOKEN = {
    "expired": ("its tokens have expired", _ANEW),
    "forged": (
        "its tokens are not filled in, or not signed with our keys",
        "set EVERMAIL_TOKEN_KEYS as when it was built",
    ),
    "malformed": ("it has no tokens where they should be", _ANEW),
}


class CannotSend(Exception):
    """A file that must not go out. The message says why, and what to do."""


class Outgoing(msgspec.Struct, frozen=True):
    """A message with its envelope. `data` are its bytes, with CRLF at the ends of lines."""

    file: Path
    sender: str
    recipient: str
    data: bytes
    person: Recipient

    @property
    def key(self) -> str:
        """The email of this campaign at this address, however often it is built, and whatever the keys and
        names of the person are by then. Names nobody."""
        said = "\0".join((self.person.campaign, self.recipient.lower()))
        return hashlib.sha256(said.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def read_outgoing(file: Path, signer: TokenSigner) -> Outgoing:
    """The message of a file. Raises `CannotSend`, also if one of its tokens would be refused by now."""
    try:
        with file.open("rb") as opened:
            data = opened.read(MAX_BYTES + 1)
    except OSError as problem:
        raise CannotSend(f"cannot be read: {problem.strerror}") from None
    if len(data) > MAX_BYTES:
        raise CannotSend(f"it has more than {MAX_BYTES:,} bytes, which mail services refuse; {_ANEW}")
    if not data.isascii():
        raise CannotSend(f"it has bytes that not all mail servers take; {_ANEW}")
    message = email.message_from_bytes(data, policy=default)
    assert isinstance(message, EmailMessage)  # noqa: S101 (by the policy)
    try:
        [sender] = _addresses(message, "From") or [""]
        recipients = [one for name in ("To", "Cc", "Bcc") for one in _addresses(message, name)]
        person = _person(message, signer, _tokens_of(file))
    except (MessageError, HeaderParseError, LookupError, ValueError):
        raise CannotSend(f"it is not a message that can be read; {_ANEW}") from None
    if not sender or not recipients:
        raise CannotSend(f"it has no {'To' if sender else 'From'}; {_ANEW}")
    if len(recipients) > 1:
        raise CannotSend(f"it goes to {len(recipients)} people, and its tokens are those of one; {_ANEW}")
    return Outgoing(file, sender, recipients[0], re.sub(rb"\r\n|\r|\n", b"\r\n", data), person)


def _addresses(message: EmailMessage, name: str) -> list[str]:
    return [one.addr_spec for header in message.get_all(name, []) for one in header.addresses]


def _tokens_of(file: Path) -> re.Pattern[str]:
    """Finds the tokens for the functions, which are at the endpoint of the build. Without a build it is not
    known, and an address of anybody with such a path counts. Raises `CannotSend`."""
    folder = file.resolve().parent
    built = folder.parent if folder.name == MESSAGES else folder
    if not (built / DESCRIPTION).is_file():
        return re.compile(_TOKEN)
    try:
        return re.compile(re.escape(read_description(built).endpoint.rstrip("/")) + _TOKEN)
    except FolderRefused as refused:
        raise CannotSend(str(refused)) from None


def _person(message: EmailMessage, signer: TokenSigner, tokens: re.Pattern[str]) -> Recipient:
    """Whom all the tokens are of. Raises `CannotSend`."""
    found = {(Purpose.UNSUBSCRIBE, token) for _, token in tokens.findall(str(message["List-Unsubscribe"]))}
    if not found:
        raise CannotSend(
            f"nobody could unsubscribe from it: there is no List-Unsubscribe with a token; {_ANEW}"
        )
    for text in _texts(message):
        found |= {(PURPOSES[endpoint], token) for endpoint, token in tokens.findall(text)}
    try:
        people = {signer.verify(token, purpose=purpose) for purpose, token in found}
    except InvalidToken as invalid:
        what, remedy = _WRONG_TOKEN[invalid.reason]
        raise CannotSend(f"{what}; {remedy}") from None
    if len(people) > 1:
        raise CannotSend(f"its tokens are those of several people; {_ANEW}")
    return people.pop()


def _texts(message: EmailMessage) -> Iterator[str]:
    for part in message.walk():
        if isinstance(part, EmailMessage) and part.get_content_maintype() == "text":
            yield part.get_content()
