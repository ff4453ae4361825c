"""Puts a rendered email into a MIME message that a mail server takes as it is."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from email.header import Header
from email.headerregistry import (
    Address,
    BaseHeader,
    HeaderRegistry,
    UniqueAddressHeader,
    UniqueUnstructuredHeader,
    UnstructuredHeader,
)
from email.message import EmailMessage
from email.policy import SMTP, Policy
from email.utils import format_datetime, getaddresses
from typing import Any

from evermail import clock
from evermail.campaigns.brand import require_url
from evermail.campaigns.render import Parts

AMP_SUBTYPE = "x-amp-html"

MAX_LINE = 998
"""Octets in a line, the line end not counted (RFC 5322, 2.1.1)."""


class _PlainHeader(UnstructuredHeader):
    """A header that programs read, such as a URL or a Feedback-ID: folding one that is longer than a line
    would encode it, and break it."""

    name: str

    def fold(self, *, policy: Policy) -> str:
        return f"{self.name}: {self}{policy.linesep}"


class _AddressesHeader(UniqueAddressHeader, BaseHeader):  # type: ignore[misc]
    """Folds nothing but encoded words: Python 3.11 loses the quotes of a name that it folds, so that a comma
    in it makes two addresses of one."""

    def fold(self, *, policy: Policy) -> str:
        said = f",{policy.linesep} ".join(self._written(one, policy.linesep) for one in self.addresses)
        return f"{self.name}: {said}{policy.linesep}"

    def _written(self, address: Address, linesep: str) -> str:
        name = address.display_name
        if not name:
            return address.addr_spec
        if len(name) > MAX_PLAIN_NAME or not _WORDS.fullmatch(name):
            name = _encoded(name, self.name, linesep)
        gap = linesep if len(name) > MAX_PLAIN_NAME else ""
        return f"{name}{gap} <{address.addr_spec}>"


class _SubjectHeader(UniqueUnstructuredHeader, BaseHeader):  # type: ignore[misc]
    """Says what it was given, also if that looks like an encoded word: mail programs would decode it."""

    @classmethod
    def parse(cls, value: str, kwds: dict[str, Any]) -> None:
        super().parse(value, kwds)
        kwds["decoded"] = value

    def fold(self, *, policy: Policy) -> str:
        if self.isascii() and "=?" not in self:
            return super().fold(policy=policy)
        return f"{self.name}: {_encoded(str(self), self.name, policy.linesep)}{policy.linesep}"


def _encoded(text: str, header: str, linesep: str) -> str:
    """As encoded words (RFC 2047), a line each if there are several."""
    return Header(text, "utf-8", header_name=header).encode(linesep=linesep)


MAX_PLAIN_NAME = 60
"""Characters of a name that stands as it is, before an address in the same line."""

_WORDS = re.compile(r"[\w!#$%&'*+/^`{|}~-]+( [\w!#$%&'*+/^`{|}~-]+)*", re.ASCII)
"""Of a name that needs neither quotes nor encoding (RFC 5322, 3.2.3), and is no encoded word."""

_HEADERS = HeaderRegistry(default_class=_PlainHeader)
"""Headers of which Python does not know what is in them are for programs."""

for _name in ("from", "to", "reply-to"):
    _HEADERS.map_to_type(_name, _AddressesHeader)
_HEADERS.map_to_type("subject", _SubjectHeader)

_POLICY = SMTP.clone(header_factory=_HEADERS)


def to_mime(
    parts: Parts,
    *,
    sender: str,
    recipient: str,
    unsubscribe_url: str,
    sent_at: int,
    reply_to: str | None = None,
    message_id: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> EmailMessage:
    """A `multipart/alternative` of text, AMP and HTML, in this order: a client shows the last it can.

    `sender`, `recipient` and `reply_to` are addresses with or without a name (`Alder <hi@alder.example>`).
    `unsubscribe_url` must take a POST for one-click unsubscription (RFC 8058). `sent_at` is in
    microseconds. Without `message_id` the Message-ID is made of all the rest, at the domain of the sender: a
    message that is delivered twice can be told for one. All bodies are base64 or quoted-printable, so no line
    is too long for a server, and equal input gives equal bytes.

    Raises `ValueError` for an address, a URL or another value that cannot stand in a header.
    """
    require_url("unsubscribe_url", unsubscribe_url, schemes=("https",))
    if not unsubscribe_url.isascii() or len(unsubscribe_url) > MAX_LINE - len("List-Unsubscribe: <>"):
        raise ValueError("unsubscribe_url must be ASCII and fit a header line")

    message = EmailMessage(policy=_POLICY)
    message["From"] = from_ = _address(sender)
    message["To"] = to = _address(recipient)
    if reply_to is not None:
        message["Reply-To"] = _address(reply_to)
    message["Subject"] = parts.subject
    message["Date"] = format_datetime(clock.to_datetime(sent_at))
    if message_id is None:
        told_apart = _digest(parts, to.addr_spec, unsubscribe_url, str(sent_at))
        message_id = f"<{told_apart}@{from_.domain}>"
    message["Message-ID"] = message_id
    message["List-Unsubscribe"] = f"<{unsubscribe_url}>"
    message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    for name, value in (headers or {}).items():
        if not value.isascii() or len(f"{name}: {value}") > MAX_LINE:
            raise ValueError(f"the header {name} must be ASCII and fit a line")
        message[name] = value

    message.set_content(parts.text, cte=_encoding(parts.text))
    message.add_alternative(parts.amp, subtype=AMP_SUBTYPE, cte=_encoding(parts.amp))
    message.add_alternative(parts.html, subtype="html", cte=_encoding(parts.html))
    # `=_` occurs neither in quoted-printable nor in base64: no line of a body can be taken for it
    message.set_boundary(f"=_{_digest(parts)}")
    return message


def _address(text: str) -> Address:
    found = getaddresses([text])
    name, address = found[0] if len(found) == 1 else ("", "")
    user, _, domain = address.rpartition("@")
    if re.search(r"[\r\n]", text) or not user or not domain or not address.isascii():
        raise ValueError(f"not one email address: {text!r}")
    return Address(display_name=name, addr_spec=address)


def _encoding(body: str) -> str:
    """Quoted-printable stays readable; base64 is shorter once every sixth character is not ASCII."""
    return "quoted-printable" if sum(not c.isascii() for c in body) * 6 <= len(body) else "base64"


def _digest(parts: Parts, *more: str) -> str:
    whole = "\0".join((parts.subject, parts.text, parts.amp, parts.html, *more))
    return hashlib.sha256(whole.encode()).hexdigest()[:32]
