"""By which name an email goes: what the store holds decides, the oldest where it does not tell."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evermail.campaigns.addressing import Addressing, Wrong, people
from evermail.campaigns.aliases import chosen, with_profiles
from evermail.campaigns.context import Tokens
from evermail.campaigns.snapshot import Snapshot
from evermail.documents import Profile
from evermail.person import Name
from evermail.pseudonyms import Pseudonymizer
from evermail.stores import StoreUnavailable
from evermail.stores.sqlite import SqliteStore
from evermail.suppression import MAX_ASKED
from evermail.tokens import Recipient

PSEUDONYMS = Pseudonymizer({"k0": "o" * 16, "k1": "p" * 16}, "k1")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    opened = SqliteStore(tmp_path / "s.sqlite3")
    yield opened
    opened.close()


def profile(name: str, **more: object) -> Profile:
    return Profile(id=name, version=1, updated_at=1, as_of=1, events=1, **more)


def tokens(recipient: Recipient) -> Tokens:
    return Tokens(recommendations="r", slots="s", actions="a", unsubscribe=f"uns-{recipient.shopper}")


def called(number: int, keys: int) -> list[Name]:
    return [Name("user", f"k{key}.{number}") for key in range(keys)]


def test_many_are_asked_for_in_few_reads(store: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    names = [f"k1.{number}" for number in range(2 * MAX_ASKED)]
    store.put_many([profile(name) for name in names[::3]])
    reads: list[int] = []
    really = store.get_many

    def counting(keys: list[object], **how: object) -> object:
        reads.append(len(keys))
        return really(keys, **how)

    monkeypatch.setattr(store, "get_many", counting)
    assert with_profiles(store, names, timeout_s=1) == set(names[::3])
    assert reads == [MAX_ASKED, MAX_ASKED]


def test_an_erased_profile_is_none(store: SqliteStore) -> None:
    store.put_many([Profile.erased("k0.1", 1, 1)])
    assert with_profiles(store, ["k0.1"], timeout_s=1) == set()


def test_where_the_store_does_not_tell_it_is_the_oldest(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unavailable(*_: object, **__: object) -> None:
        raise StoreUnavailable("out to lunch")

    monkeypatch.setattr(store, "get_many", unavailable)
    asked = [called(1, 2), called(2, 3)]
    found = chosen(asked, lambda names: with_profiles(store, names, timeout_s=1))
    assert found == [asked[0][0], asked[1][0]] == chosen(asked, None)


@given(st.lists(st.integers(1, 3), max_size=6), st.sets(st.tuples(st.integers(0, 2), st.integers(0, 5))))
def test_it_is_the_newest_name_that_has_a_profile(keys: list[int], held: set[tuple[int, int]]) -> None:
    asked = [called(number, count) for number, count in enumerate(keys)]
    profiles = {f"k{key}.{number}" for key, number in held}
    for names, name in zip(asked, chosen(asked, lambda _: profiles), strict=True):
        newer = names[names.index(name) + 1 :]
        assert not profiles & {one.pseudonym for one in newer}
        assert name.pseudonym in profiles or (
            name == names[-1] and not profiles & {n.pseudonym for n in names}
        )


def test_nobody_is_asked_for_who_has_one_name() -> None:
    assert chosen([called(1, 1)], lambda _: pytest.fail("it was asked")) == called(1, 1)


def test_everybody_is_addressed_by_the_name_that_the_store_knows(tmp_path: Path, store: SqliteStore) -> None:
    file = tmp_path / "a.csv"
    file.write_text("email,user_id\n" + "".join(f"{who}@x.example,{who}\n" for who in ("old", "met")))
    old, met = (
        [PSEUDONYMS.pseudonym("user", who, key_id=key) for key in ("k0", "k1")] for who in ("old", "met")
    )
    store.put_many([profile(old[0]), profile(met[0], moved_to=met[1], renamed=True), profile(met[1])])
    for snapshot, expected in ((Snapshot(store), [old[0], met[1]]), (Snapshot(None), [old[0], met[0]])):
        addressing = Addressing(snapshot, tokens, Wrong(), about=False)
        found = list(addressing.addressed(people(file, "autumn", PSEUDONYMS, Wrong())))
        assert [one.person.recipient for one in found] == [Recipient(n, "autumn") for n in expected]
        assert [one.tokens.unsubscribe for one in found] == [f"uns-{name}" for name in expected]
