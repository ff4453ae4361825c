"""Whether a message is put together as mail programs expect it: its parts, their order, their encodings."""

from __future__ import annotations

import email
from collections.abc import Iterator
from email.message import EmailMessage
from email.policy import default

from evermail.campaigns.check.finding import Finding, error, warning
from evermail.campaigns.message import AMP_SUBTYPE, MAX_LINE
from evermail.campaigns.render import Parts

MESSAGE_BROKEN = error(
    "message_broken",
    "This is no email message, or a part of one.",
    "Build the campaign again with `evermail campaign build`, and send the files as they are.",
)
NOT_ALTERNATIVE = error(
    "not_alternative",
    "The message does not offer its parts as alternatives: mail programs show one, or all below each other.",
    "Put text, AMP and HTML into one multipart/alternative.",
)
PARTS_ORDER = error(
    "parts_order",
    "The parts are not in the order text, AMP, HTML: some mail programs show the wrong one.",
    "Put text/plain first, then text/x-amp-html, then text/html.",
)
AMP_PARTS = error(
    "amp_parts",
    "The message has more than one AMP part, or none: nothing is live in it.",
    "Send exactly one part of type text/x-amp-html. Some mail services offer a switch for AMP: turn it on.",
)
CHARSET = error(
    "charset",
    "A part does not say that it is UTF-8: letters beyond A to Z come out wrong, and AMP is not shown.",
    'Send it as charset="utf-8".',
)
ENCODING = warning(
    "encoding",
    "A part is sent as plain bytes: some mail servers on the way change them, which breaks signatures.",
    "Send it as quoted-printable or base64.",
)
LINE_TOO_LONG = error(
    "line_too_long",
    f"A line has more than {MAX_LINE} bytes: mail servers break it, or refuse the message.",
    "Send the part as quoted-printable or base64; header lines must be folded.",
)

_PARTS = {"text/plain": "text", f"text/{AMP_SUBTYPE}": "amp", "text/html": "html"}
_ORDER = ["text", "amp", "html"]


def parsed(source: bytes) -> EmailMessage:
    """A message as it would be sent."""
    return email.message_from_bytes(source, policy=default)


def parts_of(message: EmailMessage) -> Parts:
    """Its parts, decoded; those it has not are empty."""
    texts = {"text": "", "amp": "", "html": ""}
    for part in message.walk():
        name = _PARTS.get(part.get_content_type(), "")
        if name and not texts[name] and not part.is_attachment():
            texts[name] = _decoded(part)
    return Parts(subject=" ".join(str(message.get("Subject", "")).split()), **texts)


def find(message: EmailMessage, source: bytes) -> Iterator[Finding]:
    if not message.keys() or not (message.is_multipart() or message.get_content_type() in _PARTS):
        yield MESSAGE_BROKEN.at("message", 1, "there are no headers of an email, or no parts of one")
        return
    alternatives = next(
        (one for one in message.walk() if one.get_content_type() == "multipart/alternative"), None
    )
    if alternatives is None:
        yield NOT_ALTERNATIVE.at("message", 0, f"the message is {message.get_content_type()}")
    else:
        names = [_PARTS.get(part.get_content_type(), "") for part in alternatives.iter_parts()]
        if sorted(names, key=lambda name: _ORDER.index(name) if name in _ORDER else 3) != names:
            yield PARTS_ORDER.at("message", 0, f"the order is {', '.join(name or 'other' for name in names)}")
    amp_parts = sum(part.get_content_type() == f"text/{AMP_SUBTYPE}" for part in message.walk())
    if amp_parts != 1:
        yield AMP_PARTS.at(
            "message", 0, f"there are {amp_parts} AMP parts" if amp_parts else "there is no AMP part"
        )
    for part in message.walk():
        name = _PARTS.get(part.get_content_type(), "")
        if name:
            yield from _encoding(part, name)
    for number, line in enumerate(source.split(b"\n"), start=1):
        if len(line.rstrip(b"\r")) > MAX_LINE:
            yield LINE_TOO_LONG.at("message", number, f"a line has {len(line):,} bytes")
            break


def _encoding(part: EmailMessage, name: str) -> Iterator[Finding]:
    charset = (part.get_content_charset() or "us-ascii").lower()
    is_ascii = charset in ("us-ascii", "ascii")
    plain = part.get_payload(decode=True)
    only_ascii = isinstance(plain, bytes) and plain.isascii()
    if not (charset in ("utf-8", "utf8") or (is_ascii and only_ascii and name != "amp")):
        yield CHARSET.at(name, 0, f"the charset of the {name} part is {charset}")
    encoding = str(part.get("Content-Transfer-Encoding", "7bit")).strip().lower()
    if encoding not in ("quoted-printable", "base64") and not (encoding == "7bit" and only_ascii):
        yield ENCODING.at(name, 0, f"the {name} part is sent as {encoding}")


def _decoded(part: EmailMessage) -> str:
    try:
        content = part.get_content()
    except (LookupError, ValueError):  # a charset that nobody knows, or that it is not in
        payload = part.get_payload(decode=True)
        content = payload.decode("utf-8", "replace") if isinstance(payload, bytes) else ""
    return str(content).replace("\r\n", "\n")
