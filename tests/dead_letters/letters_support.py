"""Letters as decode and the shoppers make them."""

from __future__ import annotations

from typing import Any

import msgspec

from evermail.clock import SECOND
from evermail.dead_letters.letter import Letter, letter_of
from evermail.decoding import Decoder
from evermail.events import Code, Event, Rejected, to_json

NOW = 1_795_489_200 * SECOND  # 2026-11-24T03:00:00Z
KEYS = {"k1": "a-secret-of-sixteen-bytes-or-more"}
EVENT: dict[str, Any] = {
    "event_id": "e1",
    "event_name": "view_item",
    "event_time": "2026-11-24T02:59:00Z",
    "user_id": "ann@example.com",
    "items": [{"item_id": "SKU1"}],
}
BAD = msgspec.json.encode({**EVENT, "event_name": "page_view"})


def decoded(
    data: bytes, attributes: dict[str, str] | None = None, now_us: int = NOW, published_us: int = NOW - SECOND
) -> Event | Rejected:
    return Decoder(KEYS, "1.0").decode(data, attributes, published_us=published_us, now_us=now_us)


def sealed(
    data: bytes = BAD,
    attributes: dict[str, str] | None = None,
    now_us: int = NOW,
    published_us: int = NOW - SECOND,
) -> Letter:
    """The letter of a message that decode refuses."""
    rejected = decoded(data, attributes, now_us, published_us)
    assert isinstance(rejected, Rejected)
    return letter_of(rejected)


def in_the_clear(stage: str = "shoppers", code: Code = Code.LATE, **changes: Any) -> Letter:
    """The letter of an event that a later stage refuses."""
    event = decoded(msgspec.json.encode({**EVENT, **changes}))
    assert isinstance(event, Event)
    return letter_of(
        Rejected(
            stage=stage,
            code=code,
            message="no",
            data=to_json(event),
            attributes={},
            pipeline_version="1.0",
            first_seen=NOW,
            received_at=NOW - SECOND,
        )
    )
