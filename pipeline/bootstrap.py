"""Where a key without state goes on from: what the store holds of it.

A new job beside an old store, or a job that lost its state, must not begin from nothing: its first write
would replace a rich document by a poor one. Documents carry the writer's own memory for this
(`evermail.documents.Document.memory`).

What cannot be read, damaged or of a newer version, must not hold up everybody else for ever: it is told, in
the log and by a counter, and what can be read of it serves.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import TypeVar

import msgspec
from apache_beam.metrics import Metrics

from evermail.documents import Document, Key
from evermail.stores import Store, UnreadableDocument
from pipeline import names
from pipeline.config import JobConfig
from pipeline.stores import answered, shared_store

D = TypeVar("D", bound=Document)
T = TypeVar("T")

_LOG = logging.getLogger(__name__)


class Stored:
    """Reads documents with their memory. Raises `StoreUnavailable` when the store does not answer for longer
    than the configuration allows: the runner then tries the bundle again."""

    def __init__(self, config: JobConfig) -> None:
        self._config = config
        self._reads = Metrics.counter(names.NAMESPACE, names.BOOTSTRAP_READS)
        self._found = Metrics.counter(names.NAMESPACE, names.BOOTSTRAPPED)
        self._unreadable = Metrics.counter(names.NAMESPACE, names.DOCUMENTS_UNREADABLE)
        self._retries = Metrics.counter(names.NAMESPACE, names.STORE_RETRIES)

    def read(self, keys: Sequence[Key]) -> dict[Key, Document]:
        """The documents that exist and can be read, or none at all where the job is to begin from nothing."""
        if not self._config.bootstrap:
            return {}
        store = shared_store(self._config.store_url)
        self._reads.inc(len(keys))
        found = self._readable(store, keys)
        if found:
            self._found.inc(len(found))
        return found

    def recalled(self, document: D, recall: Callable[[D], T]) -> T:
        """What `recall` makes of a document: by its memory, or else by what the document itself says."""
        try:
            return recall(document)
        except (msgspec.DecodeError, UnicodeDecodeError) as problem:
            self._tell(document.key, "its memory cannot be read: only what it shows is known", problem)
            return recall(msgspec.structs.replace(document, memory=b""))

    def _readable(self, store: Store, keys: Sequence[Key]) -> dict[Key, Document]:
        """Halves what is asked for until what cannot be read stands alone."""
        try:
            return answered(self._config, lambda: store.get_many(keys, with_memory=True), self._retries)
        except UnreadableDocument as problem:
            if len(keys) == 1:
                self._tell(keys[0], "it cannot be read and is taken for absent", problem)
                return {}
            half = len(keys) // 2
            return self._readable(store, keys[:half]) | self._readable(store, keys[half:])

    def _tell(self, key: Key, what: str, problem: Exception) -> None:
        """The next one that is written takes its place: this is the only trace. Names are pseudonyms."""
        self._unreadable.inc()
        _LOG.warning("stored document %s/%s: %s: %s", key.collection, key.id, what, problem)
