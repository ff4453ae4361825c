"""Documents into the store: the newest of each, in batches, with every answer looked at.

The store keeps the highest version, so a bundle that is tried again changes nothing. What the
store cannot take now is tried again with backoff, then by the runner: nothing is given up, and what waits
holds back what comes. What the store will never take becomes a dead letter.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator

import apache_beam as beam
from apache_beam.metrics import Metrics
from apache_beam.transforms.window import GlobalWindows
from apache_beam.utils.windowed_value import WindowedValue

from evermail import clock
from evermail.documents import Document, Key, to_json
from evermail.events import Code, Rejected
from evermail.stores import Outcome, StoreUnavailable, WriteResult
from pipeline import names
from pipeline.config import JobConfig
from pipeline.stores import shared_store

BATCH = 500
"""Firestore's limit of writes in one call."""

_LOG = logging.getLogger(__name__)


class WriteDocuments(beam.PTransform):  # type: ignore[misc]
    """Document -> the store; what could not be written comes out as `Rejected`."""

    def __init__(self, config: JobConfig) -> None:
        super().__init__()
        self._config = config

    def expand(self, documents: beam.PCollection[Document]) -> beam.PCollection[Rejected]:
        return documents | "Write" >> beam.ParDo(WriteFn(self._config)).with_output_types(Rejected)


class WriteFn(beam.DoFn):  # type: ignore[misc]
    def __init__(self, config: JobConfig) -> None:
        self._config = config
        self._counters = {
            Outcome.WRITTEN: Metrics.counter(names.NAMESPACE, names.DOCUMENTS_WRITTEN),
            Outcome.STALE: Metrics.counter(names.NAMESPACE, names.DOCUMENTS_STALE),
            Outcome.PERMANENT: Metrics.counter(names.NAMESPACE, names.DOCUMENTS_REFUSED),
        }
        self._retries = Metrics.counter(names.NAMESPACE, names.STORE_RETRIES)

    def setup(self) -> None:
        self._store = shared_store(self._config.store_url)

    def start_bundle(self) -> None:
        self._newest: dict[Key, Document] = {}

    def process(self, document: Document) -> Iterator[Rejected]:
        waiting = self._newest.get(document.key)
        if waiting is not None:
            self._counters[Outcome.STALE].inc()
        if waiting is None or waiting.version < document.version:
            self._newest[document.key] = document
        if len(self._newest) >= BATCH:
            yield from self._write()

    def finish_bundle(self) -> Iterator[WindowedValue]:
        for rejected in self._write():
            yield GlobalWindows.windowed_value(rejected)

    def _write(self) -> Iterator[Rejected]:
        """Writes what waits. Raises `StoreUnavailable` if that takes longer than the configuration allows:
        the runner then tries the bundle again, as often as it takes."""
        pending, self._newest = self._newest, {}
        if not pending:
            return
        for last_try in self._config.store_backoff.tries(self._config.store_retry_us / clock.SECOND):
            waiting = ""
            for result in self._try(pending):
                if result.outcome is Outcome.TRANSIENT:
                    waiting = result.message
                    continue
                document = pending.pop(result.key)
                self._counters[result.outcome].inc()
                if result.outcome is Outcome.PERMANENT:
                    yield self._refuse(document, result)
            if not pending:
                return
            self._retries.inc(len(pending))
            if last_try:
                raise StoreUnavailable(
                    f"the store has not taken {len(pending)} documents within "
                    f"{self._config.store_retry_us // clock.SECOND} s: {waiting}"
                )

    def _try(self, pending: dict[Key, Document]) -> list[WriteResult]:
        """One answer for each document. A store that raises or leaves one out cannot take it now."""
        try:
            given = {result.key: result for result in self._store.put_many(list(pending.values()))}
            missing = "the store gave no answer for it"
        except Exception as problem:  # whatever it is, these documents must end up written
            _LOG.exception("the store raised while writing %d documents", len(pending))
            given, missing = {}, f"{type(problem).__name__}: {problem}"
        return [given.get(key) or WriteResult(key, Outcome.TRANSIENT, missing) for key in pending]

    def _refuse(self, document: Document, result: WriteResult) -> Rejected:
        return Rejected(
            stage="store_writer",
            code=Code.STORE_REFUSED,
            message=f"{document.COLLECTION}/{document.id}: {result.message}",
            data=to_json(document),
            attributes={"collection": document.COLLECTION},
            pipeline_version=self._config.version,
            first_seen=self._config.wall_clock(),
        )
