"""One event as it is archived: what is asked for often in columns, and the whole event as JSON beside them.

An event is archived when it has counted, so its identifiers are pseudonyms and `shopper` is whose it was
found to be. It is read back without the checks of `evermail.events`: what was good enough to count once must
be readable however those change.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from hashlib import blake2b
from typing import Annotated, Any

import msgspec

from evermail import clock
from evermail.events import Code, Consent, Event, Item, Receipt, to_json

Time = Annotated[datetime, msgspec.Meta(tz=True)]


class Verdict(StrEnum):
    ACCEPTED = "accepted"
    LATE = "late"
    """Too old to count when Pub/Sub took it. It is judged again, the same way, when documents are rebuilt."""


class Row(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A row of the archive; evermail/archive/schema.json is the same as a table of BigQuery.

    `row_id` is the same however often a row is written: of several rows with one id all but one are copies.
    `shopper` is empty for an event that may feed aggregates only. `event` is the event as it came, in the
    shape of the wire, with pseudonyms for identifiers.
    """

    row_id: str
    verdict: Verdict
    event_name: str
    event_time: Time
    received_at: Time
    """When Pub/Sub took the event; the epoch if that is not known."""
    pipeline_version: str
    event: msgspec.Raw
    shopper: str = ""
    event_id: str = ""
    client_id: str | None = None
    user_id: str | None = None
    user_aliases: tuple[str, ...] = ()
    client_aliases: tuple[str, ...] = ()
    """What the identifiers were called under earlier pseudonym keys: erasure must reach those rows too."""
    attempts: int = 1
    first_seen: Time | None = None
    """When the event first became a dead letter, if it ever was one."""


class Unreadable(ValueError):
    """A row or a line is not what it should be. The message says why and quotes no value."""

    def __init__(self, code: Code, message: str) -> None:
        super().__init__(message)
        self.code = code


def row_of(event: Event, *, shopper: str, verdict: Verdict, version: str, unique: str = "") -> Row:
    """The row of an event. `version` is the pipeline's.

    The id is a hash of what the row says. Two events that have no id of their own may say the same and be
    two all the same: `unique` tells them apart.
    """
    receipt = event.receipt
    body = to_json(event)
    digest = blake2b(digest_size=16)
    for part in (verdict, shopper, str(receipt.received_at), unique):
        digest.update(part.encode() + b"\0")
    digest.update(body)
    return Row(
        row_id=digest.hexdigest(),
        verdict=verdict,
        event_name=event.event_name.value,
        event_time=clock.to_datetime(event.event_time),
        received_at=clock.to_datetime(receipt.received_at),
        pipeline_version=version,
        event=msgspec.Raw(body),
        shopper=shopper,
        event_id=event.event_id,
        client_id=event.client_id,
        user_id=event.user_id,
        user_aliases=receipt.user_aliases,
        client_aliases=receipt.client_aliases,
        attempts=receipt.attempts,
        first_seen=clock.to_datetime(receipt.first_seen) if receipt.first_seen else None,
    )


def event_of(row: Row) -> Event:
    """The event that a row was made of, its receipt included; only whose it is (`linked_at`) is for the job
    to find out again. Raises `Unreadable`."""
    try:
        fields = msgspec.json.decode(row.event)
        if not isinstance(fields, dict):
            raise Unreadable(Code.NOT_AN_OBJECT, "event: not a JSON object")
        known = _parted(fields, Event)
        known["event_time"] = clock.from_datetime(row.event_time)
        known["receipt"] = Receipt(
            received_at=clock.from_datetime(row.received_at),
            attempts=row.attempts,
            first_seen=clock.from_datetime(row.first_seen) if row.first_seen else 0,
            user_aliases=row.user_aliases,
            client_aliases=row.client_aliases,
        )
        if isinstance(known.get("items"), list):
            known["items"] = [_parted(item, Item) for item in known["items"]]
        if known.get("consent") is not None:
            known["consent"] = _parted(known["consent"], Consent)
        return msgspec.convert(known, Event)
    except msgspec.ValidationError as error:
        raise Unreadable(Code.WRONG_TYPE, f"event: {error}") from None
    except (msgspec.DecodeError, RecursionError) as error:
        raise Unreadable(Code.MALFORMED_JSON, f"event: {error}") from None


def to_line(row: Row) -> bytes:
    """One line of JSON, with its end."""
    return _ENCODER.encode(row) + b"\n"


def from_line(line: bytes) -> Row:
    """Reads a line back. Fields that this version does not know are ignored. Raises `Unreadable`."""
    try:
        return _DECODER.decode(line)
    except msgspec.ValidationError as error:
        raise Unreadable(Code.WRONG_TYPE, str(error)) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Unreadable(Code.MALFORMED_JSON, str(error)) from None


def from_columns(columns: dict[str, Any]) -> Row:
    """The row of a record of BigQuery: times are datetimes, `event` is text. Raises `Unreadable`."""
    given = {name: value for name, value in columns.items() if value is not None}
    body = given.get("event")
    if isinstance(body, str):
        given["event"] = msgspec.Raw(body.encode("utf-8", "surrogatepass"))
    try:
        return msgspec.convert(given, Row)
    except msgspec.ValidationError as error:
        raise Unreadable(Code.WRONG_TYPE, str(error)) from None


_ENCODER = msgspec.json.Encoder()
_DECODER = msgspec.json.Decoder(Row)
_KNOWN = {
    struct: frozenset(struct.__struct_fields__) - {"extra", "receipt"} for struct in (Event, Item, Consent)
}


def _parted(fields: Any, struct: type[Event] | type[Item] | type[Consent]) -> Any:
    """The fields of a struct, and apart from them in `extra` those that it does not know."""
    if not isinstance(fields, dict):
        return fields  # for the conversion to refuse
    known = _KNOWN[struct]
    parted = {name: value for name, value in fields.items() if name in known}
    if len(parted) < len(fields):
        parted["extra"] = {name: value for name, value in fields.items() if name not in known}
    return parted
