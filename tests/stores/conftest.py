"""The stores that the contract is held against."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from evermail.stores import Store
from evermail.stores.firestore import FirestoreStore
from evermail.stores.sqlite import SqliteStore

NOW = 1_790_000_000_000_000
_projects = itertools.count()


@pytest.fixture(params=["sqlite", "firestore", "firestore, nothing remembered"])
def store(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    """An empty store whose clock stands at NOW."""
    opened: Store
    if request.param == "sqlite":
        opened = SqliteStore(tmp_path / "store.sqlite3", clock=lambda: NOW)
    else:
        monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", request.getfixturevalue("firestore_emulator_endpoint"))
        remembered = 0 if "nothing" in request.param else 1_000
        opened = FirestoreStore(
            f"contract-{next(_projects)}", remembered=remembered, clock=lambda: NOW, timeout_s=30
        )
    yield opened
    opened.close()
