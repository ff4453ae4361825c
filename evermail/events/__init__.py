"""A shop's events: the shape on the wire, the checks, and the closed set of reasons to refuse one.

- `event`     what a valid event is
- `reading`   bytes -> `Event`, or a `Refusal`, or a `Rejected`: `parse` never raises, whatever the bytes are
- `plain`     the quick way for most events, of which `reading` is the thorough one
- `checks`    what a text, a time, a nesting may be
- `writing`   `Event` -> bytes, as a publisher would send them
- `refusals`  the codes, and what a refused event leaves behind

Identifiers are still as the sender gave them here: `evermail.identities` replaces them.
"""

from evermail.events.checks import (
    EARLIEST_TIME_US,
    MAX_CATEGORY_CHARS,
    MAX_DEPTH,
    MAX_FUTURE_US,
    MAX_ITEM_ID_CHARS,
    MAX_ITEMS,
    MAX_SEARCH_TERM_CHARS,
    check_item_category,
    check_item_id,
)
from evermail.events.event import NEEDS_ITEMS, Accepted, Consent, Event, EventName, Item, Receipt
from evermail.events.reading import MAX_PAYLOAD_BYTES, from_fields, parse, parse_or_refuse, rejection
from evermail.events.refusals import Code, Refusal, Rejected
from evermail.events.writing import digest, to_json, to_wire

__all__ = [
    "EARLIEST_TIME_US",
    "MAX_CATEGORY_CHARS",
    "MAX_DEPTH",
    "MAX_FUTURE_US",
    "MAX_ITEMS",
    "MAX_ITEM_ID_CHARS",
    "MAX_PAYLOAD_BYTES",
    "MAX_SEARCH_TERM_CHARS",
    "NEEDS_ITEMS",
    "Accepted",
    "Code",
    "Consent",
    "Event",
    "EventName",
    "Item",
    "Receipt",
    "Refusal",
    "Rejected",
    "check_item_category",
    "check_item_id",
    "digest",
    "from_fields",
    "parse",
    "parse_or_refuse",
    "rejection",
    "to_json",
    "to_wire",
]
