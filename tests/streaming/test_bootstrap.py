"""Reading what the store holds: tried again, and no answer is never taken for nothing."""

from __future__ import annotations

import logging
import sqlite3
from pathlib import Path

import pytest
from faulty_store import DOWN, Faults, unreliable
from people_support import Shop, says
from streaming_support import (
    NOW,
    Collected,
    Sleeper,
    Stream,
    config,
    counters,
    event,
    pipeline,
    run,
    totals,
)

from evermail.clock import SECOND
from evermail.decay import UNIT
from evermail.documents import Document, Erasure, Key, Neighbor, Neighbors, Profile
from evermail.interest import RowUpdate, pack_all
from evermail.stores import StoreError, StoreUnavailable
from evermail.stores.sqlite import SqliteStore
from pipeline import names
from pipeline.bootstrap import Stored
from pipeline.erase import DeleteFn
from pipeline.neighbors import CountNeighbors

KEY = Key("profiles", "anna")
UNREADABLE = {"a body": "body = '{\"id\": 1}'", "a memory": "memory = x'c1'"}


@pytest.fixture
def url(tmp_path: Path) -> str:
    store = SqliteStore(tmp_path / "store.sqlite3")
    store.put_many([Profile(id="anna", version=1, updated_at=1, as_of=NOW, events=3, memory=b"all of it")])
    return f"sqlite:///{store.path}"


def test_a_document_comes_with_its_memory(url: str) -> None:
    found = Stored(config(url, bootstrap=True)).read([KEY, Key("profiles", "ben")])
    assert {key: document.memory for key, document in found.items()} == {KEY: b"all of it"}


def test_a_job_that_begins_from_nothing_asks_for_nothing() -> None:
    assert Stored(config("nonsense://", bootstrap=False)).read([KEY]) == {}


def test_a_store_that_fails_now_and_then_is_asked_again(url: str) -> None:
    settings = config(url, bootstrap=True, store_backoff=Sleeper().backoff(), store_retry_us=600 * SECOND)
    with unreliable(url, Faults(before=0.5), seed=1) as store:
        for _ in range(20):
            assert KEY in Stored(settings).read([KEY])
    assert store.happened.total() > 3


def test_a_store_that_is_down_fails_the_bundle(url: str) -> None:
    """To go on without would replace a rich profile by an empty one."""
    sleeper = Sleeper()
    settings = config(url, bootstrap=True, store_backoff=sleeper.backoff(), store_retry_us=60 * SECOND)
    with unreliable(url, DOWN), pytest.raises(StoreUnavailable):
        Stored(settings).read([KEY])
    assert sum(sleeper.pauses) == pytest.approx(60)


def damage(store: SqliteStore, document: Document, how: str) -> None:
    with sqlite3.connect(store.path) as connection:
        where = "WHERE collection = ? AND id = ?"
        changed = connection.execute(
            f"UPDATE documents SET {how} {where}", [document.COLLECTION, document.id]
        )
        assert changed.rowcount == 1


def profile(id: str) -> Profile:
    return Profile(id=id, version=1, updated_at=NOW, as_of=NOW, events=1)


def test_one_that_cannot_be_read_counts_as_absent_and_takes_no_other_with_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = SqliteStore(tmp_path / "store.sqlite3")
    profiles = [profile(f"p{number}") for number in range(9)]
    store.put_many(profiles)
    for number in (3, 7):
        damage(store, profiles[number], UNREADABLE["a body"])
    found = Stored(config(f"sqlite:///{store.path}", bootstrap=True)).read([one.key for one in profiles])
    assert found.keys() == {one.key for number, one in enumerate(profiles) if number not in (3, 7)}
    told = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert [message.split(":")[0] for message in told] == [
        "stored document profiles/p3",
        "stored document profiles/p7",
    ]


def test_a_store_that_fails_as_a_whole_is_not_taken_for_empty(url: str) -> None:
    stored = Stored(config(url, bootstrap=True))
    stored.read([KEY])
    with sqlite3.connect(url.removeprefix("sqlite:///")) as connection:
        connection.execute("DROP TABLE documents")
    with pytest.raises(StoreError, match="no such table"):
        stored.read([KEY])


@pytest.fixture
def shop(collected: Collected, tmp_path: Path, every_bundle_counts: None) -> Shop:
    return Shop(collected, SqliteStore(tmp_path / "shop.sqlite3", clock=lambda: NOW))


@pytest.mark.parametrize(
    ("how", "history"), [(UNREADABLE["a body"], "B"), (UNREADABLE["a memory"], "AB")], ids=UNREADABLE
)
def test_everybody_else_goes_on(shop: Shop, how: str, history: str) -> None:
    shop(Stream().arrives(event("A", shopper="anna", at=-9), event("A", shopper="ben", at=-9)))
    damage(shop.store, shop.profiles()["anna"], how)
    stream = Stream().arrives(event("B", shopper="anna", at=-8), event("B", shopper="ben", at=-8))
    shop(stream, wall_clock=lambda: NOW + SECOND)
    assert shop.history("ben") == "AB"
    assert shop.history("anna") == history
    assert shop.counters[names.DOCUMENTS_UNREADABLE] == 1


def test_who_has_refused_is_not_used_though_nobody_can_read_what_was_said(shop: Shop) -> None:
    shop(Stream().arrives(event("A", at=-9), says(False, at=-8)))
    damage(shop.store, shop.profiles()["anna"], UNREADABLE["a memory"])
    shop(Stream().arrives(event("B", at=-7)), wall_clock=lambda: NOW + SECOND)
    assert shop.history("anna") == ""
    shop(Stream().arrives(says(True, at=1), event("C", at=2)), wall_clock=lambda: NOW + 3 * SECOND)
    assert shop.history("anna") == "C"


@pytest.mark.parametrize(("how", "weight"), [(UNREADABLE["a body"], 1.0), (UNREADABLE["a memory"], 3.0)])
@pytest.mark.usefixtures("every_bundle_counts")
def test_a_row_goes_on_from_what_can_be_read(
    collected: Collected, tmp_path: Path, how: str, weight: float
) -> None:
    store = SqliteStore(tmp_path / "store.sqlite3")
    row = Neighbors(
        id="A", version=1, updated_at=NOW, as_of=NOW, total=2.0, neighbors=[Neighbor("B", 2.0)], memory=b"?"
    )
    store.put_many([row])
    damage(store, row, how)
    p = pipeline()
    changes = Stream().arrives(("A", pack_all([RowUpdate(NOW, True, [("B", UNIT)]).pack()]))).passes()
    job = config(f"sqlite:///{store.path}", bootstrap=True)
    p | changes.source() | CountNeighbors(job) | collected.into("rows")
    counted = counters(run(p))
    assert totals(collected["rows"][-1].neighbors) == {"B": weight}
    assert counted[names.DOCUMENTS_UNREADABLE] == 1


def test_an_erasure_is_done_though_an_earlier_one_cannot_be_read(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "store.sqlite3")
    erasure = Erasure(id="anna", version=1, updated_at=NOW, erased_at=NOW)
    store.put_many([erasure])
    damage(store, erasure, UNREADABLE["a body"])
    delete = DeleteFn(config(f"sqlite:///{store.path}", store_backoff=Sleeper().backoff()))
    delete.setup()
    assert list(delete.process(erasure)) == [erasure]
