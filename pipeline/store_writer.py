"""Documents into the store: the newest of each, in batches, with every answer looked at.

The store keeps the highest version, so a bundle that is tried again changes nothing. What the
store cannot take now is tried again with backoff, then by the runner: nothing is given up, and what waits
holds back what comes. What the store will never take becomes a dead letter.

Bundles write each for itself, though on Dataflow they are small and many end at once in the threads of a
process. To write them together in one call was tried and given up (`make bench-stores` shows it): it saves a
part of the client's work, but a bundle then waits for the call before its own as well, and a process whose
threads wait for the network gets half as much done.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import replace

import apache_beam as beam
from apache_beam.io.components.adaptive_throttler import ThrottlingSignaler
from apache_beam.metrics import Metrics
from apache_beam.transforms.window import GlobalWindows
from apache_beam.utils.windowed_value import WindowedValue

from evermail import clock
from evermail.documents import Document, Key, to_json
from evermail.events import Code, Rejected
from evermail.stores import Outcome, StoreUnavailable, WriteResult
from pipeline import names
from pipeline.config import JobConfig
from pipeline.ramp_up import RampUp, shared_ramp_up
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
        # The job is built when it is started: that is where a ramp-up begins, for all workers alike.
        fn = WriteFn(self._config, begun_us=self._config.wall_clock())
        return documents | "Write" >> beam.ParDo(fn).with_output_types(Rejected)


class WriteFn(beam.DoFn):  # type: ignore[misc]
    def __init__(self, config: JobConfig, *, begun_us: int) -> None:
        self._config = config
        self._begun_us = begun_us
        self._counters = {
            Outcome.WRITTEN: Metrics.counter(names.NAMESPACE, names.DOCUMENTS_WRITTEN),
            Outcome.STALE: Metrics.counter(names.NAMESPACE, names.DOCUMENTS_STALE),
            Outcome.PERMANENT: Metrics.counter(names.NAMESPACE, names.DOCUMENTS_REFUSED),
        }
        self._retries = Metrics.counter(names.NAMESPACE, names.STORE_RETRIES)
        # By the counter that this increments Dataflow knows that more workers would not help.
        self._throttling = ThrottlingSignaler(names.NAMESPACE)

    def setup(self) -> None:
        config = self._config
        self._store = shared_store(config.store_url)
        self._backoff = replace(config.store_backoff, sleep=self._sleep)
        self._slept_s = 0.0
        self._ramp_up: RampUp | None = None
        if config.store_ramp_up:
            self._ramp_up = shared_ramp_up(
                self._begun_us,
                config.store_workers,
                wall_clock=config.wall_clock,
                monotonic=config.store_backoff.monotonic,
            )

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
        for last_try in self._backoff.tries(self._config.store_retry_us / clock.SECOND):
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

    def _try(self, pending: dict[Key, Document]) -> Iterator[WriteResult]:
        """One answer for each document, at the pace that the store may be written to."""
        documents = list(pending.values())
        if self._ramp_up is None:
            yield from self._put(documents)
        else:
            for portion in self._ramp_up.portions(documents, sleep=self._sleep):
                yield from self._put(portion)

    def _put(self, documents: Sequence[Document]) -> list[WriteResult]:
        """One answer for each document. A store that raises or leaves one out cannot take it now."""
        try:
            given = {result.key: result for result in self._store.put_many(documents)}
            missing = "the store gave no answer for it"
        except Exception as problem:  # whatever it is, these documents must end up written
            _LOG.exception("the store raised while writing %d documents", len(documents))
            given, missing = {}, f"{type(problem).__name__}: {problem}"
        keys = [document.key for document in documents]
        return [given.get(key) or WriteResult(key, Outcome.TRANSIENT, missing) for key in keys]

    def _sleep(self, seconds: float) -> None:
        self._config.store_backoff.sleep(seconds)
        self._slept_s += seconds
        whole = int(self._slept_s)
        if whole:
            self._throttling.signal_throttled(whole)
            self._slept_s -= whole

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
