"""Every kind of document comes back from every store as it went in."""

from __future__ import annotations

from datetime import UTC
from enum import Enum
from typing import Any, get_args, get_origin, get_type_hints

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evermail.documents import TYPES, Document
from evermail.shelf.policy import MAX_SLOT, Policy, Rule, Where
from evermail.stores import Outcome, Store

NOW = 1_790_000_000_000_000
"""The time of the stores' clock."""


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
some_texts = st.none() | st.lists(texts.filter(bool), min_size=1, max_size=3).map(tuple)
moments = st.none() | st.datetimes(timezones=st.just(UTC))
policies = st.builds(
    Policy,
    diversity=st.floats(0, 1),
    max_per_category=st.none() | st.integers(1, MAX_SLOT),
    repurchase_after_days=st.dictionaries(texts.filter(bool), st.integers(0, 3650), max_size=3),
    rules=st.lists(
        st.builds(
            Rule,
            name=texts.filter(bool),
            where=st.builds(Where, items=some_texts, brand=some_texts, price=st.none()),
            pin=st.none() | st.integers(1, MAX_SLOT),
            boost=st.none() | st.floats(1, 100),
            campaigns=some_texts,
            start=moments,
            end=moments,
        ),
        max_size=3,
    ).map(tuple),
)
"""Not by its fields' types, as readers refuse what is out of bounds."""


def values_of(hint: Any) -> st.SearchStrategy[Any]:
    """Values of a field's type that any store must keep."""
    kinds: dict[Any, st.SearchStrategy[Any]] = {
        str: texts,
        int: st.integers(-(2**63), 2**63 - 1),
        float: st.floats(allow_nan=False, allow_infinity=False),
        bool: st.booleans(),
        bytes: st.binary(max_size=20),
        type(None): st.none(),
        Policy: policies,
    }
    parts = [values_of(part) for part in get_args(hint) if part is not ...]
    match get_origin(hint):
        case None if hint in kinds:
            return kinds[hint]
        case None if issubclass(hint, Enum):
            return st.sampled_from(hint)
        case None:
            return st.builds(hint, **fields_of(hint))
        case origin if origin is list:
            return st.lists(*parts, max_size=5)
        case origin if origin is dict:
            return st.dictionaries(*parts, max_size=5)
        case origin if origin is tuple:
            return st.lists(*parts, max_size=5).map(tuple)
        case _:
            return st.one_of(*parts)


def fields_of(struct: type[msgspec.Struct]) -> dict[str, st.SearchStrategy[Any]]:
    hints = get_type_hints(struct)
    return {name: values_of(hints[name]) for name in struct.__struct_fields__}


def documents_of(kind: type[Document]) -> st.SearchStrategy[Document]:
    fields = fields_of(kind)
    fields["id"] = fields["id"].filter(bool)
    fields["updated_at"] = st.integers(-(10**15), 10**16)
    fields["expire_at"] = st.none() | st.integers(NOW + 1, 10**16)
    return st.builds(kind, **fields)


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(documents=st.tuples(*map(documents_of, TYPES.values())))
def test_every_type_survives_the_round_trip(store: Store, documents: tuple[Document, ...]) -> None:
    store.delete_many([d.key for d in documents])
    assert {result.outcome for result in store.put_many(documents)} == {Outcome.WRITTEN}
    assert store.get_many([d.key for d in documents], with_memory=True) == {d.key: d for d in documents}
