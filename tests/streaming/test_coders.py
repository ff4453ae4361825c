"""Elements as they cross from worker to worker: back as they were, and never by pickle."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from apache_beam import coders
from streaming_support import NOW, event

from evermail.documents import TYPES, Document, Impression, Neighbor, Neighbors, Product, Profile, Seen, Shown
from evermail.events import Code, Consent, Event, Item, Rejected

FULL_EVENT = event(
    [Item("A", quantity=2, price=1.5, item_category="chairs"), Item("ü\u2028")],
    name="purchase",
    value=3.0,
    currency="EUR",
    consent=Consent(personalization=False),
    extra={"n": [1, -1, 2**63, 1.5, None, True, {"k": "v"}]},
)


@pytest.mark.parametrize(
    "value",
    [
        event("A"),
        FULL_EVENT,
        Rejected("decode", Code.INVALID_UTF8, "why", bytes(range(256)), {"a": "b"}, "1", NOW, 3),
    ],
)
def test_structs_come_back_equal_by_the_coder_of_their_type(value: Any) -> None:
    coder = coders.registry.get_coder(type(value))
    assert coder.to_type_hint() is type(value)
    assert coder.decode(coder.encode(value)) == value


@pytest.mark.parametrize(
    "document",
    [
        Profile(
            id="k1.x",
            version=NOW,
            updated_at=NOW,
            expire_at=NOW + 1,
            as_of=NOW,
            events=2,
            history=[Seen("A", NOW, "view_item")],
            cart={"A": 1},
            purchased={"B": NOW},
            moved_to="k2.x",
            memory=bytes(range(256)),
        ),
        Neighbors(id="A", version=1, updated_at=2, as_of=3, total=1.5, neighbors=[Neighbor("B", 1.5)]),
        Product(
            id="A", version=1, updated_at=2, title="t", url="u", image_url="i", price=1.0, currency="EUR"
        ),
        Impression(
            id="c:s", shopper="s", version=1, updated_at=2, source="personal", slots=[Shown("A", "seen")]
        ),
    ],
)
def test_documents_come_back_as_what_they_are(document: Document) -> None:
    coder = coders.registry.get_coder(Document)
    read_back = coder.decode(coder.encode(document))
    assert type(read_back) is type(document)
    assert read_back == document


def test_every_collection_has_a_type() -> None:
    assert all(name == kind.COLLECTION for name, kind in TYPES.items())


def test_what_is_no_event_does_not_pass_for_one() -> None:
    with pytest.raises(msgspec.ValidationError):
        coders.registry.get_coder(Event).decode(msgspec.msgpack.encode({"event_id": 7}))
