"""Every kind of document comes back from every store as it went in."""

from __future__ import annotations

from typing import Any, get_args, get_origin, get_type_hints

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evermail.documents import TYPES, Document
from evermail.stores import Outcome, Store

NOW = 1_790_000_000_000_000
"""The time of the stores' clock."""


def values_of(hint: Any) -> st.SearchStrategy[Any]:
    """Values of a field's type that any store must keep."""
    kinds: dict[Any, st.SearchStrategy[Any]] = {
        str: st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
        int: st.integers(-(2**63), 2**63 - 1),
        float: st.floats(allow_nan=False, allow_infinity=False),
        bool: st.booleans(),
        bytes: st.binary(max_size=20),
        type(None): st.none(),
    }
    parts = [values_of(part) for part in get_args(hint)]
    match get_origin(hint):
        case None if hint in kinds:
            return kinds[hint]
        case None:
            fields = {name: part for name, part in get_type_hints(hint).items() if name != "COLLECTION"}
            return st.builds(hint, **{name: values_of(part) for name, part in fields.items()})
        case origin if origin is list:
            return st.lists(*parts, max_size=5)
        case origin if origin is dict:
            return st.dictionaries(*parts, max_size=5)
        case _:
            return st.one_of(*parts)


def documents_of(kind: type[Document]) -> st.SearchStrategy[Document]:
    fields = {name: values_of(hint) for name, hint in get_type_hints(kind).items() if name != "COLLECTION"}
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
