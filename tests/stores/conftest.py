"""The stores that the contract is held against."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from evermail.stores import Store
from evermail.stores.firestore import FirestoreStore
from evermail.stores.sqlite import SqliteStore

NOW = 1_790_000_000_000_000
_projects = itertools.count()

Opener = Callable[[], Store]


@pytest.fixture(params=["sqlite", "firestore", "firestore, nothing remembered"])
def open_another(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Opener]:
    """Opens a store, always the same, empty at first: as another process would, with a memory of its own.

    Its clock stands at NOW.
    """
    if request.param == "sqlite":

        def opener() -> Store:
            return SqliteStore(tmp_path / "store.sqlite3", clock=lambda: NOW)
    else:
        monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", request.getfixturevalue("firestore_emulator_endpoint"))
        remembered = 0 if "nothing" in request.param else 1_000
        project = f"contract-{next(_projects)}"

        def opener() -> Store:
            return FirestoreStore(project, remembered=remembered, clock=lambda: NOW, timeout_s=30)

    opened: list[Store] = []

    def open_and_remember() -> Store:
        opened.append(opener())
        return opened[-1]

    yield open_and_remember
    for store in opened:
        store.close()


@pytest.fixture
def store(open_another: Opener) -> Store:
    """An empty store whose clock stands at NOW."""
    return open_another()
