"""Whether the tokens of an email open what they should, for as long as it is read."""

from __future__ import annotations

import re
from collections.abc import Iterator
from email.message import EmailMessage

from itsdangerous import BadData
from itsdangerous.encoding import base64_decode, bytes_to_int

from evermail import clock
from evermail.campaigns.check.addresses import Address, addresses
from evermail.campaigns.check.draft import Draft
from evermail.campaigns.check.finding import Finding, Kind, error, warning
from evermail.tokens import DEFAULT_MAX_AGE_US, MAX_AGE_US, InvalidToken, Purpose, TokenSigner

TOKEN_MISSING = error(
    "token_missing",
    "An address of the functions has no token: they cannot know whose email it is.",
    "Build the campaign again; if you send it by a mail service, upload the columns that "
    "`evermail campaign tokens` makes.",
)
TOKEN_WRONG_PURPOSE = error(
    "token_wrong_purpose",
    "An address has a token for something else: the functions refuse it.",
    "See that each column of tokens is put in where its name belongs.",
)
TOKEN_FORGED = error(
    "token_forged",
    "A token is not signed with your keys, or was cut off: the functions refuse it.",
    "Make the tokens with the EVERMAIL_TOKEN_KEYS that the functions have.",
)
TOKEN_EXPIRED = error(
    "token_expired",
    "A token is no longer good when the email is sent.",
    "Make the tokens anew, shortly before sending: `evermail campaign tokens` or `build`.",
)
TOKEN_EXPIRES_SOON = warning(
    "token_expires_soon",
    "A token is old when the email is sent: its live part ends before the 30 days for which Gmail shows it.",
    "Make the tokens anew, shortly before sending: `evermail campaign tokens` or `build`.",
)
TOKEN_FROM_LATER = error(
    "token_from_later",
    "A token is made later than the email is sent: the functions do not take it before.",
    "Look at the date after --send-at, and at the clock of the computer that made the tokens.",
)

TOKEN_LEAKED = error(
    "token_leaked",
    "A token stands in an address that is none of the functions: whoever is there can use it.",
    "Take it out of this address; only those of the functions need one.",
)
TOKEN_FORWARDED = warning(
    "token_forwarded",
    "The HTML or text part has a token that does more than show pictures and follow links.",
    "People forward these parts: let them have slot_image, slot_click and unsubscribe only.",
)

PURPOSES = {
    "recommendations": Purpose.RECOMMENDATIONS,
    "slot_image": Purpose.SLOTS,
    "slot_click": Purpose.SLOTS,
    "wishlist": Purpose.ACTIONS,
    "feedback": Purpose.ACTIONS,
    "unsubscribe": Purpose.UNSUBSCRIBE,
}
"""What the token at each endpoint is for."""

WORN_US = 7 * clock.DAY
"""Age of a token from which on the email lives noticeably shorter."""

LEAVING_US = 60 * clock.DAY
"""For how long a link to unsubscribe must be good: the law of the USA says 30 days, of sending."""


_FORWARDED = frozenset((Purpose.SLOTS, Purpose.UNSUBSCRIBE))
"""What the token in a part that people forward may be for. AMP is left out of what is forwarded."""


def find(draft: Draft) -> Iterator[Finding]:
    found = list(addresses(draft))
    tokens = {address.token for address in found if address.endpoint in PURPOSES and address.token}
    said: set[tuple[str, str]] = set()
    for address in found:
        purpose = PURPOSES.get(address.endpoint)
        if purpose is None:
            if any(token in address.url for token in tokens):
                yield TOKEN_LEAKED.at(
                    address.part, address.line, f"{address.where} has a token of the functions"
                )
            continue
        if not address.token:
            # A shop may have a page called unsubscribe; what AMP asks, and slots, are always ours
            if address.endpoint.startswith("slot_") or (
                address.element is not None and address.element.tag in ("amp-list", "form")
            ):
                yield TOKEN_MISSING.at(address.part, address.line, f"/{address.endpoint} has no token (t=…)")
            continue
        if address.part in ("html", "text") and purpose not in _FORWARDED:
            yield TOKEN_FORWARDED.at(address.part, address.line, f"there is a link to /{address.endpoint}")
        if (address.token, purpose) not in said:
            said.add((address.token, purpose))
            for kind, what in _judged(draft, address.token, purpose):
                yield kind.at(address.part, address.line, f"the token of /{address.endpoint} {what}")


def find_in_header(draft: Draft, message: EmailMessage) -> Iterator[Finding]:
    """The same of the address that mail programs unsubscribe by."""
    for url in re.findall(r"<\s*(https://[^<>]+?)\s*>", str(message.get("List-Unsubscribe", ""))):
        address = Address(url, "message", 0, "List-Unsubscribe")
        if address.endpoint == Purpose.UNSUBSCRIBE and address.token:
            for kind, what in _judged(draft, address.token, Purpose.UNSUBSCRIBE):
                yield kind.at("message", 0, f"the token of List-Unsubscribe {what}")


def _judged(draft: Draft, token: str, purpose: Purpose) -> Iterator[tuple[Kind, str]]:
    """What is wrong with a token, with the rest of a sentence about it."""
    signed_us = signed_at_us(token)
    if signed_us is None:
        yield TOKEN_FORGED, "is none: it was cut off, or is another column"
        return
    if draft.token_keys and not _opens(draft.token_keys, token, purpose, signed_us):
        other = next((one for one in Purpose if _opens(draft.token_keys, token, one, signed_us)), None)
        if other is None:
            yield TOKEN_FORGED, "is not signed with these keys"
        else:
            yield TOKEN_WRONG_PURPOSE, f"is one for {other}, not for {purpose}"
        return
    max_age_us = MAX_AGE_US.get(purpose, DEFAULT_MAX_AGE_US)
    age_us = draft.send_at_us - signed_us
    days = age_us // clock.DAY
    if age_us < -clock.DAY:
        yield TOKEN_FROM_LATER, f"is made {-days} days after the email is sent"
    elif age_us > max_age_us:
        yield (
            TOKEN_EXPIRED,
            f"is {days} days old when the email is sent; {max_age_us // clock.DAY} are allowed",
        )
    elif age_us > (max_age_us - LEAVING_US if purpose is Purpose.UNSUBSCRIBE else WORN_US):
        left = (max_age_us - age_us) // clock.DAY
        yield TOKEN_EXPIRES_SOON, f"is {days} days old when the email is sent: it is good for {left} more"


def _opens(keys: tuple[str, ...], token: str, purpose: Purpose, signed_us: int) -> bool:
    """Whether a token is signed with one of the keys for a purpose, whatever its age."""
    try:
        TokenSigner(keys, clock=clock.Stopped(signed_us)).verify(token, purpose=purpose)
    except InvalidToken:
        return False
    return True


def signed_at_us(token: str) -> int | None:
    """When a token says it was signed, in microseconds: anybody can read that. None if it is no token."""
    payload, _, rest = token.rpartition(".")[0].partition(".")
    try:
        return bytes_to_int(base64_decode(rest)) * clock.SECOND if payload and rest else None
    except BadData:
        return None
