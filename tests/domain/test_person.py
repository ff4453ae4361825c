"""Under which names one person is known, what is held of them, and how it is erased at once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from evermail import clock, erasure, person, suppression
from evermail.consent import Statement
from evermail.documents import (
    PERSONAL,
    Document,
    Erasure,
    Exposure,
    Exposures,
    Feedback,
    Impression,
    Key,
    Opinion,
    Profile,
    Seen,
    Shown,
    Suppression,
    Verdict,
)
from evermail.links import Link
from evermail.person import Name
from evermail.privacy import ABOUT, export
from evermail.profiles import to_profile
from evermail.pseudonyms import Pseudonymizer
from evermail.shopper import ShopperState
from evermail.stores import StoreUnavailable, WriteResult
from evermail.stores.base import Outcome
from evermail.stores.sqlite import SqliteStore

NOW = clock.from_rfc3339("2026-11-24T03:00:00Z")
BEFORE = NOW - clock.HOUR
ANNA = "k2.AAAAAAAAAAAAAAAAAAAAAA"
FORMER = "k1.AAAAAAAAAAAAAAAAAAAAAA"
COOKIE = "k2.CCCCCCCCCCCCCCCCCCCCCC"
EXPIRE = NOW + clock.DAY

KEYS = {"k1": "a-former-secret-of-pseudonyms", "k2": "the-current-secret-of-pseudonyms"}


def profile(name: str, **fields: object) -> Profile:
    state = ShopperState(events=1, as_of=BEFORE, version=BEFORE)
    made = to_profile(state, name, BEFORE)
    history = [Seen("SKU1", BEFORE, "view_item")]
    return msgspec.structs.replace(made, **{"history": history, "memory": b"", **fields})  # type: ignore[arg-type]


SAMPLES: dict[type[Document], Callable[[str], Document]] = {
    Profile: profile,
    Impression: lambda name: Impression(
        id=f"spring:{name}",
        version=BEFORE,
        updated_at=BEFORE,
        expire_at=EXPIRE,
        shopper=name,
        campaign="spring",
        source="personal",
        slots=[Shown("SKU1", "because")],
        opened_at=BEFORE,
    ),
    Exposures: lambda name: Exposures(
        id=name,
        version=BEFORE,
        updated_at=BEFORE,
        expire_at=EXPIRE,
        campaigns=(Exposure("spring", BEFORE, ("SKU1",)),),
    ),
    Suppression: lambda name: Suppression(id=name, version=BEFORE, updated_at=BEFORE, reason="page"),
    Feedback: lambda name: Feedback(
        id=name,
        version=BEFORE,
        updated_at=BEFORE,
        expire_at=EXPIRE,
        opinions={"SKU1": Opinion(Verdict.NOT_FOR_ME, BEFORE)},
    ),
}
"""One of everything personal."""

GOES = [kind for kind in PERSONAL if kind is not Suppression]
"""What an erasure takes."""


@pytest.fixture
def store(tmp_path: Path) -> SqliteStore:
    return SqliteStore(tmp_path / "store.sqlite3", clock=lambda: NOW)


def of(name: str) -> list[Document]:
    return [SAMPLES[kind](name) for kind in PERSONAL]


def left(store: SqliteStore) -> dict[Key, Document]:
    """Besides what stays."""
    found = everything(store)
    return {key: one for key, one in found.items() if key.collection != Suppression.COLLECTION}


def everything(store: SqliteStore) -> dict[Key, Document]:
    return {one.key: one for kind in PERSONAL for one in store.scan(kind.COLLECTION)}


# Names


def test_an_identifier_has_a_name_under_every_key() -> None:
    pseudonyms = Pseudonymizer(KEYS, "k2")
    names = person.names_of(pseudonyms, "user", "anna@shop.example")
    assert [name.kind for name in names] == ["user", "user"]
    assert [name.pseudonym[:3] for name in names] == ["k2.", "k1."]
    assert names[0].pseudonym == pseudonyms.pseudonym("user", "anna@shop.example")


def test_profiles_that_moved_are_followed(store: SqliteStore) -> None:
    store.put_many([profile(FORMER, moved_to=ANNA), profile(ANNA)])
    followed = person.followed(store, [Name("user", FORMER)])
    assert followed.names == [Name("user", FORMER), Name("user", ANNA)]
    assert not followed.has_other_user


def test_a_browser_does_not_lead_to_its_user_but_it_is_said_that_there_is_one(store: SqliteStore) -> None:
    linked = ShopperState(version=BEFORE, links=[Link(BEFORE, 1, ANNA)])
    store.put_many([to_profile(linked, COOKIE, BEFORE), profile(ANNA)])
    followed = person.followed(store, [Name("client", COOKIE)])
    assert (followed.names, followed.has_other_user) == ([Name("client", COOKIE)], True)
    both = [Name("user", ANNA), Name("client", COOKIE)]
    assert person.followed(store, both) == person.Followed(both, False)


def test_every_user_of_a_browser_has_to_be_named(store: SqliteStore) -> None:
    shared = ShopperState(
        version=BEFORE, links=[Link(BEFORE, 1, "k2.BBBBBBBBBBBBBBBBBBBBBB"), Link(NOW, 2, ANNA)]
    )
    store.put_many([to_profile(shared, COOKIE, BEFORE)])
    assert person.followed(store, [Name("user", ANNA), Name("client", COOKIE)]).has_other_user


def test_a_browser_under_a_new_name_is_still_a_browser(store: SqliteStore) -> None:
    former = ShopperState(renamed=COOKIE, version=BEFORE)
    store.put_many([to_profile(former, "k1.CCCCCCCCCCCCCCCCCCCCCC", BEFORE)])
    names = person.followed(store, [Name("client", "k1.CCCCCCCCCCCCCCCCCCCCCC")]).names
    assert names[1:] == [Name("client", COOKIE)]


def test_where_a_user_is_named_a_browser_leads_to_nobody_else(store: SqliteStore) -> None:
    store.put_many([profile(COOKIE, moved_to="k2.BBBBBBBBBBBBBBBBBBBBBB"), profile(ANNA)])
    names = [Name("user", ANNA), Name("client", COOKIE)]
    assert person.followed(store, names) == person.Followed(names, True)


def test_profiles_that_lead_in_a_circle_are_followed_once(store: SqliteStore) -> None:
    store.put_many([profile(ANNA, moved_to=FORMER), profile(FORMER, moved_to=ANNA)])
    names = person.followed(store, [Name("user", ANNA)]).names
    assert names == [Name("user", ANNA), Name("user", FORMER)]


# Everything that is held


def test_all_that_is_personal_is_held_and_told(store: SqliteStore) -> None:
    store.put_many([*of(ANNA), *of("k2.BBBBBBBBBBBBBBBBBBBBBB")])
    found = person.held(store, [Name("user", ANNA)])
    assert {document.key for document in found.documents} == {document.key for document in of(ANNA)}
    told = export(found, NOW)
    assert {entry["collection"] for entry in told["held"]} == {kind.COLLECTION for kind in PERSONAL}
    assert b"BBBB" not in msgspec.json.encode(told)


def test_there_are_words_for_everything_personal() -> None:
    assert set(ABOUT) == {kind.COLLECTION for kind in (*PERSONAL, Erasure)}


def test_times_are_told_for_people(store: SqliteStore) -> None:
    store.put_many(of(ANNA))
    told = {
        entry["collection"]: entry for entry in export(person.held(store, [Name("user", ANNA)]), NOW)["held"]
    }
    assert told["profiles"]["content"]["history"] == [
        {"item_id": "SKU1", "event_time": "2026-11-24T02:00:00.000000Z", "event": "view_item"}
    ]
    assert told["exposures"]["since"] == told["profiles"]["since"] == "2026-11-24T02:00:00.000000Z"
    assert told["exposures"]["kept_until"] == "2026-11-25T03:00:00.000000Z"
    assert told["suppressions"]["kept_until"] is None
    assert str(BEFORE).encode() not in msgspec.json.encode(told)


def test_a_number_is_no_time_for_the_name_of_an_item(store: SqliteStore) -> None:
    store.put_many([profile(ANNA, cart={"shown_at": 3}, purchased={"SKU9": BEFORE})])
    [entry] = export(person.held(store, [Name("user", ANNA)]), NOW)["held"]
    assert entry["content"]["cart"] == {"shown_at": 3}
    assert entry["content"]["purchased"] == {"SKU9": "2026-11-24T02:00:00.000000Z"}


def test_what_the_pipeline_remembers_is_told_as_well(store: SqliteStore) -> None:
    state = ShopperState(
        events=2,
        as_of=BEFORE,
        version=BEFORE,
        statements=[Statement(BEFORE // clock.SECOND, 1, False)],
        links=[Link(BEFORE, 1, ANNA)],
    )
    store.put_many([to_profile(state, COOKIE, BEFORE)])
    [entry] = export(person.held(store, [Name("client", COOKIE), Name("user", ANNA)]), NOW)["held"]
    assert entry["content"]["memory"]["consent"] == [
        {"personalization": False, "at": "2026-11-24T02:00:00.000000Z"}
    ]
    assert entry["content"]["memory"]["users"] == [{"user": ANNA, "since": "2026-11-24T02:00:00.000000Z"}]


def test_a_user_who_is_not_asked_about_is_not_named(store: SqliteStore) -> None:
    state = ShopperState(version=BEFORE, links=[Link(BEFORE, 1, ANNA)])
    store.put_many([to_profile(state, COOKIE, BEFORE)])
    told = export(person.held(store, [Name("client", COOKIE)]), NOW)
    assert told["held"][0]["content"]["memory"]["users"] == [
        {"user": None, "since": "2026-11-24T02:00:00.000000Z"}
    ]
    assert ANNA.encode() not in msgspec.json.encode(told)


def damaged(store: SqliteStore, key: Key) -> None:
    with store._transaction() as connection:
        connection.execute(
            "UPDATE documents SET body = '{' WHERE collection = ? AND id = ?", (key.collection, key.id)
        )


def test_what_cannot_be_read_is_told_and_hides_nothing_else(store: SqliteStore) -> None:
    store.put_many(of(ANNA))
    key = Key(Exposures.COLLECTION, ANNA)
    damaged(store, key)
    told = export(person.held(store, [Name("user", ANNA)]), NOW)
    assert told["unreadable"] == [f"exposures/{ANNA}"]
    assert len(told["held"]) == len(PERSONAL) - 1


# Erased at once


def test_nothing_personal_stays(store: SqliteStore) -> None:
    store.put_many([*of(ANNA), *of("k2.BBBBBBBBBBBBBBBBBBBBBB")])
    deleted = erasure.erase(store, ANNA, NOW, NOW)
    assert deleted == {kind.COLLECTION: 1 for kind in GOES}
    assert {key.collection for key in everything(store) if ANNA in key.id} == {Suppression.COLLECTION}
    assert len(everything(store)) == len(PERSONAL) + 1


def test_who_wanted_no_email_is_not_written_to_afterwards(store: SqliteStore) -> None:
    store.put_many(of(ANNA))
    erasure.erase(store, ANNA, NOW, NOW)
    assert suppression.is_suppressed(store, [ANNA]) == {ANNA}


def lifted(version: int = BEFORE) -> Suppression:
    return Suppression(
        id=ANNA,
        version=version,
        updated_at=BEFORE,
        expire_at=EXPIRE,
        reason="page",
        link=f"spring:{ANNA}",
        lifted=True,
    )


def test_who_wants_emails_again_has_not_objected_so_nothing_of_it_stays(store: SqliteStore) -> None:
    store.put_many([lifted()])
    assert erasure.erase(store, ANNA, NOW, NOW) == {Suppression.COLLECTION: 1}
    assert everything(store) == {}
    with store._transaction() as connection:
        bodies = [row[0] for row in connection.execute("SELECT body FROM documents")]
    assert not [body for body in bodies if b"spring" in body or b"page" in body]
    assert not erasure.erase(store, ANNA, NOW, NOW)


def test_an_objection_that_was_taken_back_does_not_return_when_it_was_held_up(store: SqliteStore) -> None:
    """As one that a profile takes along when it moves, with the version that it was said with."""
    before = msgspec.structs.replace(SAMPLES[Suppression](ANNA), version=NOW)
    store.put_many([before, lifted(NOW + 1)])
    erasure.erase(store, ANNA, NOW + 2, NOW + 2)
    [result] = store.put_many([before])
    assert result.outcome is Outcome.STALE
    assert suppression.is_suppressed(store, [ANNA]) == set()


def test_who_objects_right_after_is_heard(store: SqliteStore) -> None:
    store.put_many([lifted(NOW - 1)])
    erasure.erase(store, ANNA, NOW, NOW)
    assert suppression.suppress(store, ANNA, "page", NOW + 1, link="autumn")
    assert suppression.is_suppressed(store, [ANNA]) == {ANNA}


class Objecting(SqliteStore):
    """A shopper objects at the very moment at which what was lifted is to go."""

    objects = False

    def put_many(self, documents: list[Document]) -> list[WriteResult]:  # type: ignore[override]
        if self.objects and Suppression in map(type, documents):
            self.objects = False
            suppression.suppress(self, ANNA, "one_click", NOW, link="autumn")
        return super().put_many(documents)


@pytest.mark.parametrize("version", [BEFORE, NOW - 1, NOW, NOW + clock.HOUR])
def test_who_objects_meanwhile_is_heard(tmp_path: Path, version: int) -> None:
    store = Objecting(tmp_path / "store.sqlite3", clock=lambda: NOW)
    store.put_many([*(one for one in of(ANNA) if not isinstance(one, Suppression)), lifted(version)])
    store.objects = True
    erasure.erase(store, ANNA, NOW, NOW)
    assert not store.objects
    assert left(store) == {}
    assert suppression.is_suppressed(store, [ANNA]) == {ANNA}


def test_that_somebody_was_erased_stays(store: SqliteStore) -> None:
    erasure.erase(store, ANNA, NOW, NOW)
    [stored] = store.scan(Erasure.COLLECTION)
    assert isinstance(stored, Erasure)
    assert (stored.id, stored.erased_at) == (ANNA, NOW)
    assert stored.expire_at is not None


def test_it_may_be_done_again(store: SqliteStore) -> None:
    store.put_many(of(ANNA))
    erasure.erase(store, ANNA, NOW, NOW)
    assert not erasure.erase(store, ANNA, NOW, NOW)
    assert not erasure.erase(store, ANNA, NOW + clock.SECOND, NOW + clock.SECOND)
    [stored] = store.scan(Erasure.COLLECTION)
    assert isinstance(stored, Erasure)
    assert stored.erased_at == NOW + clock.SECOND


def test_an_older_erasure_does_not_replace_a_newer_one(store: SqliteStore) -> None:
    erasure.erase(store, ANNA, NOW + clock.HOUR, NOW + clock.HOUR)
    erasure.erase(store, ANNA, NOW, NOW)
    [stored] = store.scan(Erasure.COLLECTION)
    assert isinstance(stored, Erasure)
    assert stored.erased_at == NOW + clock.HOUR


@pytest.mark.parametrize("kind", GOES)
@pytest.mark.parametrize("step", [-1, 0, 1])
def test_a_write_that_was_held_up_comes_too_late(store: SqliteStore, kind: type[Document], step: int) -> None:
    """Made of what was there before the erasure, by whoever had read it."""
    before = msgspec.structs.replace(SAMPLES[kind](ANNA), version=NOW + 2 * clock.HOUR)
    store.put_many([before])
    erasure.erase(store, ANNA, NOW, NOW)
    [result] = store.put_many([msgspec.structs.replace(before, version=before.version + step)])
    assert result.outcome is Outcome.STALE
    assert everything(store) == {}


@pytest.mark.parametrize("kind", [Profile, Exposures, Feedback])
def test_so_does_a_first_write_that_was_held_up(store: SqliteStore, kind: type[Document]) -> None:
    erasure.erase(store, ANNA, NOW, NOW)
    [result] = store.put_many([msgspec.structs.replace(SAMPLES[kind](ANNA), version=NOW)])
    assert result.outcome is Outcome.STALE
    assert everything(store) == {}


def test_what_has_expired_and_is_still_there_goes_too(store: SqliteStore) -> None:
    expired = [
        msgspec.structs.replace(SAMPLES[kind](ANNA), version=NOW, expire_at=NOW - 1)
        for kind in (Impression, Exposures, Feedback)
    ]
    store.put_many(expired)
    assert not erasure.erase(store, ANNA, NOW, NOW)
    with store._transaction() as connection:
        bodies = [row[0] for row in connection.execute("SELECT body FROM documents")]
    assert not [body for body in bodies if b"SKU1" in body]


def test_a_profile_of_a_version_ahead_of_the_clock_goes_too(store: SqliteStore) -> None:
    store.put_many([profile(ANNA, version=NOW + clock.HOUR)])
    assert erasure.erase(store, ANNA, NOW, NOW)["profiles"] == 1
    assert everything(store) == {}


def test_what_came_later_stays(store: SqliteStore) -> None:
    state = ShopperState(
        events=1, as_of=NOW, version=NOW, statements=[Statement(NOW // clock.SECOND + 5, 1, True)]
    )
    store.put_many([to_profile(state, ANNA, NOW)])
    erasure.erase(store, ANNA, NOW, NOW)
    [kept] = everything(store).values()
    told = person.memory_of(store.get_many([kept.key], with_memory=True)[kept.key])  # type: ignore[arg-type]
    assert [said.allowed for said in told.statements] == [True]


def test_a_refusal_outlives_it(store: SqliteStore) -> None:
    refused = ShopperState(version=BEFORE, statements=[Statement(BEFORE // clock.SECOND, 1, False)])
    store.put_many([to_profile(refused, ANNA, BEFORE)])
    erasure.erase(store, ANNA, NOW, NOW)
    [kept] = everything(store).values()
    stored = store.get_many([kept.key], with_memory=True)[kept.key]
    assert isinstance(stored, Profile)
    assert [said.allowed for said in person.memory_of(stored).statements] == [False]
    assert person.memory_of(stored).erased_second == NOW // clock.SECOND


def test_a_browser_is_nobodys_afterwards(store: SqliteStore) -> None:
    linked = ShopperState(version=BEFORE, links=[Link(BEFORE, 1, ANNA)])
    store.put_many([to_profile(linked, COOKIE, BEFORE)])
    assert erasure.erase(store, COOKIE, NOW, NOW)["profiles"] == 1
    assert everything(store) == {}


def test_what_cannot_be_read_goes_too(store: SqliteStore) -> None:
    store.put_many(of(ANNA))
    for key in (Key(Profile.COLLECTION, ANNA), Key(Feedback.COLLECTION, ANNA)):
        damaged(store, key)
    assert erasure.erase(store, ANNA, NOW, NOW) == {kind.COLLECTION: 1 for kind in GOES}
    assert left(store) == {}


def test_a_suppression_that_cannot_be_read_holds(store: SqliteStore) -> None:
    store.put_many([lifted()])
    damaged(store, Key(Suppression.COLLECTION, ANNA))
    assert not erasure.erase(store, ANNA, NOW, NOW)
    assert suppression.is_suppressed(store, [ANNA]) == {ANNA}


class Overtaken(SqliteStore):
    """The job writes the profile anew whenever somebody is about to."""

    times = 0

    def put_many(self, documents: list[Document]) -> list[WriteResult]:  # type: ignore[override]
        if self.times and isinstance(documents[0], Profile):
            self.times -= 1
            super().put_many([msgspec.structs.replace(profile(ANNA), version=documents[0].version + 1)])
        return super().put_many(documents)


@pytest.mark.parametrize("times", [1, erasure.TRIES - 1])
def test_a_profile_that_is_written_meanwhile_goes_too(tmp_path: Path, times: int) -> None:
    store = Overtaken(tmp_path / "store.sqlite3", clock=lambda: NOW)
    store.put_many(of(ANNA))
    store.times = times
    assert erasure.erase(store, ANNA, NOW, NOW)["profiles"] == 1
    assert left(store) == {}


def test_it_is_not_said_to_be_done_while_others_keep_writing(tmp_path: Path) -> None:
    store = Overtaken(tmp_path / "store.sqlite3", clock=lambda: NOW)
    store.times = 100
    with pytest.raises(StoreUnavailable, match="again and again"):
        erasure.erase(store, ANNA, NOW, NOW)
    assert list(store.scan(Erasure.COLLECTION)) == []


class FailsAt(SqliteStore):
    """A store of which one call fails."""

    def __init__(self, path: Path, failing: str) -> None:
        super().__init__(path, clock=lambda: NOW)
        self.failing = failing

    def put_many(self, documents: list[Document]) -> list[WriteResult]:  # type: ignore[override]
        if self.failing == f"put {documents[0].COLLECTION}":
            return [WriteResult(one.key, Outcome.TRANSIENT, "a fault for the test") for one in documents]
        return super().put_many(documents)

    def about(self, shopper: str) -> list[Key]:
        self._fail("about")
        return super().about(shopper)

    def _fail(self, call: str) -> None:
        if self.failing == call:
            raise StoreUnavailable("a fault for the test")


@pytest.mark.parametrize("failing", ["about", "put feedback", "put profiles", "put erasures"])
def test_whatever_fails_it_is_not_said_to_be_done_and_can_be_done_again(tmp_path: Path, failing: str) -> None:
    store = FailsAt(tmp_path / "store.sqlite3", "")
    store.put_many(of(ANNA))
    store.failing = failing
    with pytest.raises(StoreUnavailable):
        erasure.erase(store, ANNA, NOW, NOW)
    store.failing = ""
    assert list(store.scan(Erasure.COLLECTION)) == []
    erasure.erase(store, ANNA, NOW, NOW)
    assert left(store) == {}
