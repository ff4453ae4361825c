"""Stored documents: one definition for writer and reader."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evermail import clock, documents
from evermail.documents import (
    Campaign,
    Document,
    Erasure,
    Exposure,
    Exposures,
    Feedback,
    Impression,
    Key,
    Neighbor,
    Neighbors,
    Opinion,
    Product,
    Profile,
    Rules,
    Seen,
    Shown,
    Suppression,
    Trending,
    Verdict,
)
from evermail.shelf.policy import Policy, Rule, Where

SHARED = {"id": "x", "version": 3, "updated_at": 5}
EXAMPLES: list[Document] = [
    Profile(**SHARED, expire_at=9, as_of=4, events=2, history=[Seen("a", 4, "view_item")], cart={"a": 1}),
    Neighbors(**SHARED, as_of=4, total=1.5, neighbors=[Neighbor("b", 1.5)]),
    Trending(**SHARED, as_of=4, items=[Neighbor("b", 2.0)]),
    Product(**SHARED, title="Töpfe", url="u", image_url="i", price=19.9, currency="EUR", sale_price=9.9),
    Impression(**SHARED, shopper="s", source="personal", slots=[Shown("a", "why")], opens=2),
    Exposures(**SHARED, campaigns=(Exposure("spring", 4, ("a", "b")),)),
    Rules(
        **SHARED,
        policy=Policy(rules=(Rule(name="n", where=Where(label=("l",)), pin=2, start=clock.to_datetime(3)),)),
        file="rules.yaml",
    ),
    Suppression(**SHARED, reason="unsubscribed"),
    Feedback(**SHARED, opinions={"a": Opinion(Verdict.NOT_FOR_ME, 4)}),
    Erasure(**SHARED, erased_at=4),
    Campaign(**SHARED, name="n", template="t"),
]


def test_there_is_an_example_of_every_collection() -> None:
    assert {type(document) for document in EXAMPLES} == set(documents.TYPES.values())
    assert set(documents.PERSONAL) <= set(documents.TYPES.values())


@pytest.mark.parametrize("document", EXAMPLES, ids=lambda document: document.COLLECTION)
def test_is_read_as_it_was_written(document: Document) -> None:
    assert documents.from_json(document.COLLECTION, documents.to_json(document)) == document
    assert document.key == Key(document.COLLECTION, "x")


@pytest.mark.parametrize("document", EXAMPLES, ids=lambda document: document.COLLECTION)
def test_fields_of_a_later_version_do_not_disturb_an_older_reader(document: Document) -> None:
    later = documents.to_json(document)[:-1] + b',"added_later":{"a":1}}'
    assert documents.from_json(document.COLLECTION, later) == document


@pytest.mark.parametrize("document", EXAMPLES, ids=lambda document: document.COLLECTION)
@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"id": 1}', b"\xff", b'{"id":"x","version":"3"}'])
def test_what_is_none_of_its_collection_is_told(document: Document, body: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        documents.from_json(document.COLLECTION, body)


@given(st.builds(Profile, id=st.text(), version=st.integers(0, 2**63 - 1), updated_at=st.just(1)))
def test_every_profile_comes_back_equal(profile: Profile) -> None:
    assert documents.from_json("profiles", documents.to_json(profile)) == profile


def test_an_erased_profile_says_nothing_and_has_expired() -> None:
    erased = Profile.erased("x", version=9, now_us=5)
    assert erased == Profile(id="x", version=9, updated_at=5, expire_at=5, as_of=0, events=0)


def test_the_writers_memory_is_no_part_of_the_json() -> None:
    without = Profile(**SHARED, as_of=4, events=2)
    remembering = msgspec.structs.replace(without, memory=b"what only the writer needs")
    assert documents.to_json(remembering) == documents.to_json(without)
    assert remembering.memory == b"what only the writer needs"
