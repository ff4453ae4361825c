"""Where a key without state goes on from: what the store holds of it.

A new job beside an old store, or a job that lost its state, must not begin from nothing: its first write
would replace a rich document by a poor one. Documents carry the writer's own memory for this
(`evermail.documents.Document.memory`).
"""

from __future__ import annotations

from collections.abc import Sequence

from apache_beam.metrics import Metrics

from evermail.documents import Document, Key
from pipeline import names
from pipeline.config import JobConfig
from pipeline.stores import answered, shared_store


class Stored:
    """Reads documents with their memory. Raises `StoreUnavailable` when the store does not answer for longer
    than the configuration allows: the runner then tries the bundle again."""

    def __init__(self, config: JobConfig) -> None:
        self._config = config
        self._reads = Metrics.counter(names.NAMESPACE, names.BOOTSTRAP_READS)
        self._found = Metrics.counter(names.NAMESPACE, names.BOOTSTRAPPED)
        self._retries = Metrics.counter(names.NAMESPACE, names.STORE_RETRIES)

    def read(self, keys: Sequence[Key]) -> dict[Key, Document]:
        """The documents that exist, or none at all where the job is to begin from nothing."""
        if not self._config.bootstrap:
            return {}
        store = shared_store(self._config.store_url)
        self._reads.inc(len(keys))
        found = answered(self._config, lambda: store.get_many(keys, with_memory=True), self._retries)
        if found:
            self._found.inc(len(found))
        return found
