"""What tests of the archive share: events of all shapes, rows, folders with rows in them.

In a module of its own, on the import path (see conftest.py): what a DoFn refers to is pickled by name.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import msgspec
from hypothesis import strategies as st

from evermail import clock
from evermail.archive.folder import DAY_PREFIX, compress, day_of, hash_of
from evermail.archive.record import Row, Verdict, row_of, to_line
from evermail.events import EARLIEST_TIME_US, Consent, Event, EventName, Item, Receipt

NOW = 1_790_000_040_000_000
"""2026-09-21T14:14:00Z."""
TODAY = "2026-09-21"

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
identifiers = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=20)
optional = st.none() | identifiers
times = st.integers(EARLIEST_TIME_US, NOW)
_json = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)


def extras(struct: type[msgspec.Struct]) -> st.SearchStrategy[dict[str, Any]]:
    """Fields that a struct does not know, `extra` and `receipt` among their names."""
    known = set(struct.__struct_fields__) - {"extra", "receipt"}
    names = (texts | st.sampled_from(["extra", "receipt"])).filter(lambda name: name not in known)
    return st.dictionaries(names, _json, max_size=3)


items = st.builds(
    Item,
    identifiers,
    st.integers(1, 1_000_000),
    st.none() | st.floats(0, 1e12),
    optional,
    extras(Item),
)
receipts = st.builds(
    Receipt,
    received_at=st.just(0) | times,
    attempts=st.integers(1, 9),
    first_seen=st.just(0) | times,
    user_aliases=st.lists(identifiers, max_size=2).map(tuple),
    client_aliases=st.lists(identifiers, max_size=2).map(tuple),
)
events = st.builds(
    Event,
    event_id=st.just("") | identifiers,
    event_name=st.sampled_from(EventName),
    event_time=times,
    client_id=optional,
    user_id=optional,
    items=st.lists(items, max_size=3).map(tuple),
    value=st.none() | st.floats(-1e12, 1e12),
    currency=st.none() | st.sampled_from(["EUR", "JPY"]),
    search_term=st.none() | texts.filter(bool),
    campaign_id=optional,
    consent=st.none() | st.builds(Consent, st.booleans(), extras(Consent)),
    source=optional,
    extra=extras(Event),
    receipt=receipts,
)


def event(
    event_id: str,
    *,
    at: float = -60,
    received: float | None = None,
    name: str = "view_item",
    user: str | None = None,
    client: str | None = None,
    item: str = "A",
    **receipt: Any,
) -> Event:
    """An event `at` seconds from NOW, received a second later unless `received` says when."""
    received_us = NOW + round((at + 1 if received is None else received) * clock.SECOND)
    return Event(
        event_id=event_id,
        event_name=EventName(name),
        event_time=NOW + round(at * clock.SECOND),
        client_id=client,
        user_id=user,
        items=(Item(item),) if name == "view_item" else (),
        receipt=Receipt(received_at=received_us, **receipt),
    )


def row(
    event_id: str, *, shopper: str | None = None, verdict: Verdict = Verdict.ACCEPTED, **fields: Any
) -> Row:
    """The row of `event(...)`, of the shopper that the event itself names unless one is given."""
    made = event(event_id, **fields)
    return row_of(made, shopper=made.shopper if shopper is None else shopper, verdict=verdict, version="test")


def write(folder: Path, *files: Sequence[Row], raw: Iterable[bytes] = ()) -> list[Path]:
    """Files of rows, each in the day of its first row; `raw` lines are added to the last one."""
    paths = []
    for place, rows in enumerate(files):
        lines = b"".join(to_line(row) for row in rows)
        if place == len(files) - 1:
            lines += b"".join(raw)
        day = day_of(clock.from_datetime(rows[0].received_at)) if rows else TODAY
        path = folder / f"{DAY_PREFIX}{day}" / f"{hash_of(lines)}.ndjson.gz"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(compress(lines))
        paths.append(path)
    return paths


def no_progress(what: str, done: int, total: int) -> None:
    assert 0 <= done <= total, what
