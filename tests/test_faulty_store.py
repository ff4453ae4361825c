"""The faults that other tests rely on happen as they say."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from faulty_store import BAD_DAY, DOWN, NONE, Fault, Faults, UnreliableStore, unreliable

from evermail.documents import Key, Suppression
from evermail.stores import Outcome, StoreUnavailable
from evermail.stores.sqlite import SqliteStore
from pipeline.stores import shared_store

KEY = Key("suppressions", "a")
TOLD = {"raising": 0.0}


def suppression(id: str = "a", version: int = 1) -> Suppression:
    return Suppression(id=id, version=version, updated_at=1, reason="asked")


@pytest.fixture
def real(tmp_path: Path) -> Iterator[SqliteStore]:
    opened = SqliteStore(tmp_path / "s.sqlite3")
    yield opened
    opened.close()


def test_before_nothing_is_done(real: SqliteStore) -> None:
    store = UnreliableStore(real, Faults(before=1.0, **TOLD))
    [result] = store.put_many([suppression()])
    assert (result.key, result.outcome) == (KEY, Outcome.TRANSIENT)
    with pytest.raises(StoreUnavailable):
        store.get_many([KEY])
    assert real.get_many([KEY]) == {}
    assert store.happened == {Fault.BEFORE: 2}


def test_after_all_is_done_and_nobody_is_told(real: SqliteStore) -> None:
    store = UnreliableStore(real, Faults(after=1.0, **TOLD))
    assert [result.outcome for result in store.put_many([suppression()])] == [Outcome.TRANSIENT]
    assert real.get_many([KEY]) == {KEY: suppression()}
    with pytest.raises(StoreUnavailable):
        store.delete_many([KEY])
    assert real.get_many([KEY]) == {}


def test_an_exception_may_tell_of_it(real: SqliteStore) -> None:
    store = UnreliableStore(real, Faults(after=1.0, raising=1.0))
    with pytest.raises(StoreUnavailable, match="after"):
        store.put_many([suppression()])
    assert real.get_many([KEY]) == {KEY: suppression()}


def test_a_part_is_done_and_a_part_of_that_is_told(real: SqliteStore) -> None:
    store = UnreliableStore(real, Faults(partial=1.0, **TOLD))
    documents = [suppression(f"{n}") for n in range(100)]
    results = store.put_many(documents)
    told = {result.key for result in results if result.outcome is Outcome.WRITTEN}
    done = set(real.get_many([document.key for document in documents]))
    assert [result.key for result in results] == [document.key for document in documents]
    assert 0 < len(told) < len(done) < 100
    assert told < done


def test_a_slow_call_sleeps_and_is_done(real: SqliteStore) -> None:
    pauses: list[float] = []
    store = UnreliableStore(real, Faults(slow=1.0, slow_s=7.0), sleep=pauses.append)
    assert [result.outcome for result in store.put_many([suppression()])] == [Outcome.WRITTEN]
    assert store.get_many([KEY]) == {KEY: suppression()}
    assert pauses == [7.0, 7.0]
    assert store.happened == {Fault.SLOW: 2}


def test_a_slow_call_may_fail_as_well(real: SqliteStore) -> None:
    pauses: list[float] = []
    store = UnreliableStore(real, Faults(before=1.0, slow=1.0, **TOLD), sleep=pauses.append)
    assert [result.outcome for result in store.put_many([suppression()])] == [Outcome.TRANSIENT]
    assert real.get_many([KEY]) == {}
    assert pauses == [1.0]
    assert store.happened == {Fault.BEFORE: 1, Fault.SLOW: 1}


def test_the_same_seed_brings_the_same_faults(real: SqliteStore) -> None:
    def day(seed: int) -> list[list[Outcome]]:
        store = UnreliableStore(real, Faults(**{**vars(BAD_DAY), **TOLD}), seed=seed)
        calls = [[suppression(f"{n}", version) for n in range(5)] for version in range(1, 40)]
        real.delete_many([suppression(f"{n}").key for n in range(5)])
        return [[result.outcome for result in store.put_many(call)] for call in calls]

    assert day(1) == day(1)
    assert day(1) != day(2)


def test_faults_can_end(real: SqliteStore) -> None:
    store = UnreliableStore(real, DOWN)
    with pytest.raises(StoreUnavailable):
        store.ping(timeout_s=1)
    store.faults = NONE
    store.ping(timeout_s=1)


def test_a_pipeline_opens_it_by_its_url(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/s.sqlite3"
    with unreliable(url, DOWN) as store:
        assert shared_store(url) is store
        assert not isinstance(shared_store(f"sqlite:///{tmp_path}/other.sqlite3"), UnreliableStore)
    assert isinstance(shared_store(url), SqliteStore)
