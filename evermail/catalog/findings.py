"""What can be wrong with an item of a feed, in words that do not change, and with this one."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class Code(StrEnum):
    """Why an item was refused. The set is closed: dashboards and alerts name these."""

    MALFORMED_ITEM = "malformed_item"
    MISSING_ATTRIBUTE = "missing_attribute"
    INVALID_ID = "invalid_id"
    DUPLICATE_ID = "duplicate_id"
    INVALID_TEXT = "invalid_text"
    INVALID_URL = "invalid_url"
    INVALID_PRICE = "invalid_price"
    INVALID_AVAILABILITY = "invalid_availability"
    STORE_REFUSED = "store_refused"


class Remark(StrEnum):
    """What was done to an item that was taken in."""

    SHORTENED = "shortened"
    LEFT_OUT = "left_out"


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """What was found wrong with one item. `line` and `position` as in `Item`; `attribute` is one of Google's
    names, empty where the item as a whole is meant."""

    line: int
    position: int
    id: str
    attribute: str
    message: str


class Refused(Finding, frozen=True, kw_only=True):
    code: Code


class Remarked(Finding, frozen=True, kw_only=True):
    code: Remark
