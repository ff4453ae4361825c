"""Reading what the store holds: tried again, and no answer is never taken for nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from faulty_store import DOWN, Faults, unreliable
from streaming_support import NOW, Sleeper, config

from evermail.clock import SECOND
from evermail.documents import Key, Profile
from evermail.stores import StoreUnavailable
from evermail.stores.sqlite import SqliteStore
from pipeline.bootstrap import Stored

KEY = Key("profiles", "anna")


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
