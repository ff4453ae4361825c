"""Whatever goes wrong, and however often it is tried again: the newest of each document is stored."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from faulty_store import NONE, Fault, Faults, UnreliableStore
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from streaming_support import NOW, Sleeper, config

from evermail.clock import SECOND
from evermail.documents import Document, Key, Profile
from evermail.stores import Store, StoreUnavailable
from evermail.stores.firestore import FirestoreStore
from evermail.stores.sqlite import SqliteStore
from pipeline import store_writer
from pipeline.store_writer import WriteFn

SHOPPERS = "abcd"
_projects = itertools.count()


@pytest.fixture(params=["sqlite", "firestore"])
def two_clients(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[list[Store]]:
    """The same store, opened by two workers."""
    opened: list[Store]
    if request.param == "firestore":
        monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", request.getfixturevalue("firestore_emulator_endpoint"))
        project = f"replays-{next(_projects)}"
        opened = [FirestoreStore(project, timeout_s=30) for _ in range(2)]
    else:
        opened = [SqliteStore(tmp_path / "store.sqlite3") for _ in range(2)]
    yield opened
    for store in opened:
        store.close()


def profile(shopper: str, version: int) -> Profile:
    memory = f"{shopper} {version}".encode()
    return Profile(id=shopper, version=version, updated_at=NOW, as_of=NOW, events=version, memory=memory)


class Worker:
    """Writes bundles as the runner lets it: one that fails is tried again, until it is done."""

    def __init__(self, store: Store) -> None:
        self.failed = 0
        sleeper = Sleeper()
        self._fn = WriteFn(config(store_retry_us=SECOND, store_backoff=sleeper.backoff()), begun_us=NOW)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(store_writer, "shared_store", lambda url: store)
            self._fn.setup()

    def write(self, bundle: Sequence[Document]) -> None:
        while True:
            self._fn.start_bundle()
            try:
                refused = [rejected for document in bundle for rejected in self._fn.process(document)]
                refused += self._fn.finish_bundle()
            except StoreUnavailable:
                self.failed += 1
                continue
            assert refused == []
            return


documents = st.builds(profile, st.sampled_from(SHOPPERS), st.integers(1, 9))
bundles = st.lists(st.lists(documents, max_size=6), min_size=1, max_size=6)
shares = st.floats(0.0, 0.3)
bad_days = st.builds(Faults, before=shares, after=shares, partial=shares, raising=st.floats(0.0, 1.0))


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(data=st.data(), bundles=bundles, faults=bad_days, seed=st.integers(0, 2**32))
def test_the_store_ends_with_the_highest_version_of_each_document(
    two_clients: list[Store], data: st.DataObject, bundles: list[list[Profile]], faults: Faults, seed: int
) -> None:
    keys = [Key("profiles", shopper) for shopper in SHOPPERS]
    two_clients[0].delete_many(keys)  # whatever the other one still knows of them
    workers = [Worker(UnreliableStore(store, faults, seed=seed + n)) for n, store in enumerate(two_clients)]

    every = range(len(bundles))
    replayed = data.draw(st.lists(st.sampled_from(every), max_size=6), label="replayed")
    for index in data.draw(st.permutations([*every, *replayed]), label="order"):
        workers[data.draw(st.integers(0, 1), label="worker")].write(bundles[index])

    highest: dict[Key, Profile] = {}
    for document in itertools.chain(*bundles):
        if document.key not in highest or highest[document.key].version < document.version:
            highest[document.key] = document
    assert two_clients[0].get_many(keys, with_memory=True) == highest


def test_bundles_do_fail_in_these_tests_after_their_documents_were_written(two_clients: list[Store]) -> None:
    """Or they would show nothing."""
    store = UnreliableStore(two_clients[0], Faults(after=0.9))
    worker = Worker(store)
    for version in range(1, 20):
        worker.write([profile(shopper, version) for shopper in SHOPPERS])
    assert worker.failed > 5
    assert store.happened[Fault.AFTER] > 50
    store.faults = NONE
    found = store.get_many([Key("profiles", shopper) for shopper in SHOPPERS], with_memory=True)
    assert sorted(found.values(), key=lambda one: one.id) == [profile(shopper, 19) for shopper in SHOPPERS]
