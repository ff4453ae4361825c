"""The closed set of reasons to refuse an event, and what a refused one leaves behind."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class Code(StrEnum):
    """Why an event or a document was refused. The set is closed: dashboards and alerts name these, and
    `evermail.dead_letters.advice` says what to do about each."""

    EMPTY_PAYLOAD = "empty_payload"
    OVERSIZE_PAYLOAD = "oversize_payload"
    INVALID_UTF8 = "invalid_utf8"
    MALFORMED_JSON = "malformed_json"
    NOT_AN_OBJECT = "not_an_object"
    MISSING_FIELD = "missing_field"
    WRONG_TYPE = "wrong_type"
    OUT_OF_RANGE = "out_of_range"
    INVALID_IDENTIFIER = "invalid_identifier"
    UNKNOWN_EVENT_NAME = "unknown_event_name"
    INVALID_EVENT_TIME = "invalid_event_time"
    EVENT_TIME_IN_FUTURE = "event_time_in_future"
    MISSING_SHOPPER = "missing_shopper"
    MISSING_ITEMS = "missing_items"
    ID_COLLISION = "id_collision"
    LATE = "late"
    IDS_FORGOTTEN = "ids_forgotten"
    STORE_REFUSED = "store_refused"
    INTERNAL_ERROR = "internal_error"


class Rejected(msgspec.Struct, frozen=True):
    """An input that could not be used, whole, with the reason: enough to explain and replay it.

    `first_seen` is when it was first refused and `received_at` when Pub/Sub first took it, in microseconds
    since the epoch, the latter 0 where that is not known. `attempts` counts how often it was tried.
    """

    stage: str
    code: Code
    message: str
    data: bytes
    attributes: dict[str, str]
    pipeline_version: str
    first_seen: int
    attempts: int = 1
    received_at: int = 0
    key_id: str = ""
    """The pseudonym key whose secret opens `data` (see `evermail.dead_letters.seal`); empty where `data` is
    in the clear and has pseudonyms for identifiers."""
    letter_id: str = ""
    """The id of its dead letter, where that cannot be made of `data` as it is here."""
    cut: bool = False
    """Whether `data` is only the beginning of an original too large for any message."""


class Refusal(Exception):
    """Raised inside a check and turned into a `Rejected` by `parse`; else only a caller that answers a person
    sees it. `message` quotes nothing of what was sent: whatever that is, it may name somebody."""

    def __init__(self, code: Code, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
