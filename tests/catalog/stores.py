"""Stores that do not do what they are asked."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from evermail.documents import Document, Key
from evermail.stores import Outcome, Store, StoreError, StoreUnavailable, WriteResult


class Faulty:
    """A store that fails by plan. `faults` are what befalls its next calls, one each, None for no fault; what
    comes after them goes well. `calls` has the names of all calls."""

    def __init__(self, store: Store, *faults: StoreError | None) -> None:
        self._store = store
        self._faults = list(faults)
        self.calls: list[str] = []
        self.written: list[Document] = []

    def get_many(self, keys: Sequence[Key], *, timeout_s: float | None = None) -> dict[Key, Document]:
        self._called("get_many")
        return self._store.get_many(keys, timeout_s=timeout_s)

    def put_many(self, documents: Sequence[Document]) -> list[WriteResult]:
        try:
            self._called("put_many")
        except StoreUnavailable as problem:
            return [WriteResult(one.key, Outcome.TRANSIENT, str(problem)) for one in documents]
        except StoreError as problem:
            return [WriteResult(one.key, Outcome.PERMANENT, str(problem)) for one in documents]
        self.written += documents
        return self._store.put_many(documents)

    def scan(self, collection: str) -> Iterator[Document]:
        self._called("scan")
        return self._store.scan(collection)

    def delete_many(self, keys: Sequence[Key]) -> None:
        raise AssertionError("an import deletes nothing")

    def about(self, shopper: str) -> list[Key]:
        raise AssertionError("an import is not about shoppers")

    def ping(self, *, timeout_s: float) -> None:
        self._store.ping(timeout_s=timeout_s)

    def close(self) -> None:
        self._store.close()

    def _called(self, name: str) -> None:
        self.calls.append(name)
        fault = self._faults.pop(0) if self._faults else None
        if fault is not None:
            raise fault


class Lossy(Faulty):
    """Writes, and loses the first answer."""

    def put_many(self, documents: Sequence[Document]) -> list[WriteResult]:
        results = super().put_many(documents)
        if self.calls.count("put_many") == 1:
            return [WriteResult(one.key, Outcome.TRANSIENT, "the answer was lost") for one in documents]
        return results


class Rivalled(Faulty):
    """Somebody else writes right before each of our writes."""

    def __init__(self, store: Store, rival: Callable[[Document], Document]) -> None:
        super().__init__(store)
        self._rival = rival

    def put_many(self, documents: Sequence[Document]) -> list[WriteResult]:
        self._store.put_many([self._rival(document) for document in documents])
        return super().put_many(documents)
