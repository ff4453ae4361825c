"""Who is named in an event, and pseudonyms in their place: after this, no part of it names anybody.

Replaced are, always in the same way so that copies stay copies:

- `user_id` and `client_id`;
- in unknown fields, however deep, every text and number under a name of `KINDS`;
- email addresses in any text, and as names of unknown fields, also quoted as in URLs and in HTML;
- the event's own `user_id` and `client_id` where they stand as words in any text or as names of unknown
  fields, and as numbers if they have `TELLING_CHARS` digits or more.

Ids and categories of items are left alone: `evermail.events` refuses those that would name a person.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

import msgspec

from evermail.events import Code, Event, Item, Receipt, Refusal
from evermail.events.checks import LIMITS, NESTED, TELLING_CHARS
from evermail.pseudonyms import Pseudonymizer
from evermail.traces import emails, has_email, may_have_email, normal_email, words

KINDS = {
    "user": "user_id uid user customer_id customer_number member_id account_id account_number crm_id"
    " person_id subscriber_id contact_id loyalty_id external_id username user_name login login_name",
    "client": "client_id cookie cookie_id ga_client_id user_pseudo_id anonymous_id visitor_id device_id"
    " advertising_id idfa gaid fingerprint ip ip_address client_ip user_ip remote_addr",
    "email": "email e_mail mail email_address e_mail_address mail_address user_email customer_email"
    " contact_email client_email subscriber_email billing_email shipping_email recipient recipient_email",
    "phone": "phone phone_number telephone telephone_number tel mobile_phone mobile_number msisdn",
    "name": "first_name last_name given_name family_name surname full_name customer_name user_full_name",
}
"""Names of fields that say what stands there is an identity, by the kind of pseudonym that replaces it. Their
letters may be of any case; signs and spaces may stand anywhere or be left out: `userId` is `user_id`. The
list is closed: what a shop calls otherwise is recognised only as described above."""

MAX_REPLACED = 1000
"""Identifiers replaced in one event. A pseudonym is longer than most of them: without a bound, a message
of small size could become one that nothing carries."""

_BACKSLASH, _PERCENT, _HASH = b"\\%#"  # as numbers they are found seven times as fast
_WIDE_AT = "＠".encode()
_WIDE = _WIDE_AT[0]
_EXPONENT = re.compile(rb"\d[eE]")
_ENCODER = msgspec.json.Encoder()
_KIND_OF = {name.replace("_", ""): kind for kind, names in KINDS.items() for name in names.split()}
_LONGEST_NAME = max(map(len, _KIND_OF)) + 16  # with some separators


def pseudonymize(
    event: Event, pseudonyms: Pseudonymizer, receipt: Receipt, *, sent: bytes, again: bool = False
) -> Event:
    """The event with pseudonyms for all that names a person, and with its receipt.

    `sent` are the bytes it was read from: they tell of most unknown fields that nothing has to be looked for
    there. `again` says that this was done before: pseudonyms of ours stay, and user and client must be such.
    Raises `Refusal`.
    """
    user_id, client_id = event.user_id, event.client_id
    if again:
        _check_pseudonyms(event, pseudonyms)
    else:
        user_id = user_id and pseudonyms.pseudonym("user", user_id)
        client_id = client_id and pseudonyms.pseudonym("client", client_id)
    unknown = _unknown_fields(event)
    traced = _may_name(event, unknown, sent)
    if traced or any(map(_names_identity, unknown)):
        event = _Concealer(event, pseudonyms, traced=traced, again=again).conceal(event)
    return msgspec.structs.replace(event, user_id=user_id, client_id=client_id, receipt=receipt)


def _check_pseudonyms(event: Event, pseudonyms: Pseudonymizer) -> None:
    for field, value in (("user_id", event.user_id), ("client_id", event.client_id)):
        if value and not pseudonyms.knows(value):
            raise Refusal(
                Code.INVALID_IDENTIFIER,
                f"the message says it is pseudonymized, and {field} is no pseudonym of a key of this job",
            )


def _unknown_fields(event: Event) -> list[dict[str, Any]]:
    """The unknown fields of the event, of its consent and of its items, where there are any."""
    found = [item.extra for item in event.items if item.extra]
    if event.extra:
        found.append(event.extra)
    if event.consent is not None and event.consent.extra:
        found.append(event.consent.extra)
    return found


def _may_name(event: Event, unknown: list[dict[str, Any]], sent: bytes) -> bool:
    """Whether a text of the event may name somebody, besides user_id and client_id. If in doubt, yes."""
    if not unknown:
        # These alone can change: the items' texts were checked when the event was read.
        texts = event.event_id, event.search_term, event.campaign_id, event.source, event.currency
        text = " ".join(filter(None, texts))
        user_id, client_id = event.user_id, event.client_id
        return (
            "@" in text
            or "%" in text
            or "#" in text
            or "＠" in text
            or (user_id is not None and user_id in text)
            or (client_id is not None and client_id in text)
        )
    if _BACKSLASH in sent:  # an escape may hide anything
        sent = _ENCODER.encode(event)
    addresses = sent.count(b"@")
    for identifier in (event.user_id, event.client_id):
        if identifier is not None:
            if sent.count(identifier.encode()) != 1:
                return True
            if _is_telling_number(identifier) and _EXPONENT.search(sent):  # 1.2345678e7 is 12345678
                return True
            if addresses:
                addresses -= identifier.count("@")
    # The others for an address in a URL or in HTML, and for a full-width sign.
    return addresses != 0 or _PERCENT in sent or _HASH in sent or (_WIDE in sent and _WIDE_AT in sent)


def _is_telling_number(identifier: str) -> bool:
    """Whether a number in an event may be this identifier, and is not by accident."""
    return (
        len(identifier) >= TELLING_CHARS
        and identifier.isascii()
        and identifier.isdigit()
        and identifier[0] != "0"
    )


def _is_address(identifier: str) -> bool:
    return "@" in identifier or has_email(identifier)


def _names_identity(value: Any) -> bool:
    if isinstance(value, dict):
        for name, inner in value.items():
            if kind_of(name) or (isinstance(inner, NESTED) and _names_identity(inner)):
                return True
        return False
    return any(_names_identity(inner) for inner in value if isinstance(inner, NESTED))


def kind_of(name: str) -> str | None:
    """The kind of identity that a field of this name holds, if any."""
    return _kind_of(name) if len(name) <= _LONGEST_NAME else None


@lru_cache(maxsize=4096)
def _kind_of(name: str) -> str | None:
    return _KIND_OF.get("".join([letter for letter in name.lower() if letter.isalnum()]))


class _Concealer:
    """Conceals one event. `traced` says whether texts have to be looked into."""

    def __init__(self, event: Event, pseudonyms: Pseudonymizer, *, traced: bool, again: bool) -> None:
        self._pseudonyms = pseudonyms
        self._again = again
        self._left = MAX_REPLACED
        self._sought: list[tuple[str, str | None]] = []
        self._numbers: dict[int, str] = {}
        if not traced:
            return
        own = [] if again else [("user", event.user_id), ("client", event.client_id)]
        # An identifier may be part of an address, and an address part of an identifier: the whole goes first.
        identifiers = sorted(
            [(kind, value) for kind, value in own if value], key=lambda one: len(one[1]), reverse=True
        )
        self._sought = [
            *[one for one in identifiers if _is_address(one[1])],
            ("email", None),
            *[one for one in identifiers if not _is_address(one[1])],
        ]
        self._numbers = {int(value): kind for kind, value in identifiers if _is_telling_number(value)}

    def conceal(self, event: Event) -> Event:
        changes: dict[str, Any] = {}
        if self._sought:
            for field in ("event_id", "search_term", "campaign_id", "source"):
                value = getattr(event, field)
                if value is not None:
                    changes[field] = self._within(field, value)
            if event.currency is not None and self._text(event.currency) != event.currency:
                changes["currency"] = None  # a pseudonym is none
        if event.extra:
            changes["extra"] = self._value(event.extra)
        if event.consent is not None and event.consent.extra:
            extra = self._value(event.consent.extra)
            changes["consent"] = msgspec.structs.replace(event.consent, extra=extra)
        items = event.items
        if any(item.extra for item in items):
            changes["items"] = tuple([self._item(item) for item in items])
        return msgspec.structs.replace(event, **changes)

    def _item(self, item: Item) -> Item:
        return msgspec.structs.replace(item, extra=self._value(item.extra)) if item.extra else item

    def _within(self, field: str, text: str) -> str:
        """A text of a known field, no longer than that may be: an event can be taken in again."""
        concealed = self._text(text)
        limit = LIMITS[field]
        return concealed if len(concealed) <= limit else self._pseudonyms.pseudonym("text", text)

    def _value(self, value: Any, kind: str | None = None) -> Any:
        """`kind` is that of the name it stands under: all of it is then an identity."""
        if isinstance(value, str):
            return self._identity(kind, value) if kind and value else self._text(value)
        if isinstance(value, dict):
            return {
                self._text(name): self._value(inner, kind or kind_of(name)) for name, inner in value.items()
            }
        if isinstance(value, list):
            return [self._value(inner, kind) for inner in value]
        if isinstance(value, bool) or value is None or not (kind or self._numbers):
            return value
        whole = int(value) if isinstance(value, float) and value.is_integer() else value
        if kind or whole in self._numbers:
            return self._identity(kind or self._numbers[whole], str(whole))
        return value

    def _text(self, text: str, first: int = 0) -> str:
        """A text with pseudonyms for what is sought, from the `first` of it on."""
        for number in range(first, len(self._sought)):
            kind, word = self._sought[number]
            if not (may_have_email(text) if word is None else word in text):
                continue
            spans = emails(text) if word is None else words(text, word)
            parts = []
            at = 0
            for start, end in spans:
                parts += [self._text(text[at:start], number + 1), self._identity(kind, text[start:end])]
                at = end
            if parts:
                return "".join([*parts, self._text(text[at:], number + 1)])
        return text

    def _identity(self, kind: str, identifier: str) -> str:
        if self._again and self._pseudonyms.knows(identifier):
            return identifier
        self._left -= 1
        if self._left < 0:
            raise Refusal(
                Code.OUT_OF_RANGE, f"identifiers of people stand in more than {MAX_REPLACED} places"
            )
        if kind == "email":
            identifier = normal_email(identifier)
        return self._pseudonyms.pseudonym(kind, identifier)
