"""A shopper who was erased, or withdrew consent: what others wrote of this shopper goes from the store too.

The shoppers stage lets go of its state and replaces the profile by an empty one. Here go what emails have
shown and what was said of it, as `evermail.erasure` says, which tells as well why a suppression stays. Last
the `Erasure` is written, so that it stands for work that was done: where the store holds it, an erasure of
the same time or an earlier one finds nothing left to delete. When it comes again, by a bundle that is tried
again or out of the archive, it spares what the shopper has done since.

A withdrawal takes less: what was shown before it, by which nothing may be chosen any more. It comes as
`Exposures` without any (`evermail.shelf.exposures.withdrawn`).
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace

import apache_beam as beam
from apache_beam.metrics import Metrics

from evermail import clock
from evermail.documents import Document, Erasure, Exposures
from evermail.erasure import clear
from evermail.events import Rejected
from evermail.shelf import exposures
from evermail.stores import StoreUnavailable, UnreadableDocument
from pipeline import names
from pipeline.config import JobConfig
from pipeline.store_writer import WriteDocuments
from pipeline.stores import shared_store

_LOG = logging.getLogger(__name__)


class EraseShoppers(beam.PTransform):  # type: ignore[misc]
    """Erasure -> the store, without anything else of that shopper but a suppression; Exposures that a
    withdrawal leaves -> the store. What could not be written comes out as `Rejected`. It may be done any
    number of times."""

    def __init__(self, config: JobConfig) -> None:
        super().__init__()
        self._config = config

    def expand(self, erasures: beam.PCollection[Document]) -> beam.PCollection[Rejected]:
        # A ramp-up is for the many; an erasure need not stand in line.
        at_once = replace(self._config, store_ramp_up=False)
        return (
            erasures
            | "Delete" >> beam.ParDo(DeleteFn(self._config)).with_output_types(Document)
            | "Remember" >> WriteDocuments(at_once)
        )


class DeleteFn(beam.DoFn):  # type: ignore[misc]
    """Gives on each erasure once there is nothing left for it to delete, but those of which the store knows
    a newer one. Gives on for each withdrawal what is left to be stored, unless it is.

    Raises `StoreUnavailable` if that takes longer than the configuration allows: the runner then tries the
    bundle again, as often as it takes.
    """

    def __init__(self, config: JobConfig) -> None:
        self._config = config
        self._deleted = Metrics.counter(names.NAMESPACE, names.DOCUMENTS_DELETED)
        self._stale = Metrics.counter(names.NAMESPACE, names.DOCUMENTS_STALE)
        self._retries = Metrics.counter(names.NAMESPACE, names.STORE_RETRIES)

    def setup(self) -> None:
        self._store = shared_store(self._config.store_url)

    def process(self, asked: Erasure | Exposures) -> Iterator[Document]:
        config = self._config
        for last_try in config.store_backoff.tries(config.store_retry_us / clock.SECOND):
            try:
                if isinstance(asked, Erasure):
                    document: Document | None = asked if self._delete(asked) else None
                else:
                    document = self._take_out(asked)
                break
            except Exception as problem:  # whatever it is, nothing of this shopper may stay
                if last_try:
                    raise StoreUnavailable(
                        "the store has not let go of what it holds of a shopper who asked for it within "
                        f"{config.store_retry_us // clock.SECOND} s: {type(problem).__name__}: {problem}"
                    ) from problem
                if not isinstance(problem, StoreUnavailable):
                    _LOG.exception("the store failed while a shopper was erased, or what was shown to one")
                self._retries.inc()
        if document is not None:
            yield document
        else:
            self._stale.inc()

    def _delete(self, erasure: Erasure) -> bool:
        """Returns whether it is the newest erasure of its shopper, of which the store has to know."""
        try:
            done = self._store.get_many([erasure.key]).get(erasure.key)
        except UnreadableDocument as problem:
            _LOG.warning("an erasure is done again: %s", problem)
            done = None
        if isinstance(done, Erasure) and done.erased_at >= erasure.erased_at:
            return done.erased_at == erasure.erased_at
        cleared = clear(self._store, erasure.id, erasure.updated_at)
        self._deleted.inc(cleared.total())
        return True

    def _take_out(self, word: Exposures) -> Exposures | None:
        try:
            stored = self._store.get_many([word.key]).get(word.key)
        except UnreadableDocument as problem:
            _LOG.warning("all that was shown to a shopper goes with a withdrawal: %s", problem)
            stored = None
        return exposures.without_withdrawn(stored if isinstance(stored, Exposures) else None, word)
