"""Who wants no email: triggers about them are dropped, and the word of it follows whoever gets another name.

Whether somebody is suppressed is asked of the store right before a trigger is published, once for a bundle,
and never remembered: an unsubscription holds from the moment that it was confirmed. While the store does not
answer nothing is published: the bundle waits, and is tried again.
"""

from __future__ import annotations

from collections.abc import Iterator

import apache_beam as beam
from apache_beam.io.gcp.pubsub import PubsubMessage
from apache_beam.metrics import Metrics
from apache_beam.transforms.window import BoundedWindow, GlobalWindows
from apache_beam.utils.timestamp import Timestamp
from apache_beam.utils.windowed_value import WindowedValue

from evermail import suppression
from evermail.documents import Document, Profile
from evermail.suppression import MAX_ASKED
from pipeline import names
from pipeline.config import JobConfig
from pipeline.stores import answered, shared_store

SHOPPER = "shopper"
"""The attribute of a trigger that says whom it is about."""


class DropSuppressed(beam.PTransform):  # type: ignore[misc]
    """Triggers, as messages with the attribute `shopper` -> those about shoppers who want emails."""

    def __init__(self, config: JobConfig) -> None:
        super().__init__()
        self._config = config

    def expand(self, triggers: beam.PCollection[PubsubMessage]) -> beam.PCollection[PubsubMessage]:
        return triggers | "Ask" >> beam.ParDo(DropFn(self._config)).with_output_types(PubsubMessage)


class CarrySuppressions(beam.PTransform):  # type: ignore[misc]
    """Profiles -> the suppressions of those that have moved, under their new names.

    Somebody may unsubscribe under a name at the very moment at which the profile moves: then neither sees the
    other, until the word of the move is written again, which is when they are met after 30 days.
    """

    def __init__(self, config: JobConfig) -> None:
        super().__init__()
        self._config = config

    def expand(self, profiles: beam.PCollection[Document]) -> beam.PCollection[Document]:
        return profiles | "OfMoved" >> beam.ParDo(CarryFn(self._config)).with_output_types(Document)


class DropFn(beam.DoFn):  # type: ignore[misc]
    """Raises `StoreUnavailable` if the store does not answer for longer than the configuration allows: the
    runner then tries the bundle again, as often as it takes."""

    def __init__(self, config: JobConfig) -> None:
        self._config = config
        self._suppressed = Metrics.counter(names.NAMESPACE, names.TRIGGERS_SUPPRESSED)
        self._retries = Metrics.counter(names.NAMESPACE, names.STORE_RETRIES)

    def setup(self) -> None:
        self._store = shared_store(self._config.store_url)

    def start_bundle(self) -> None:
        self._waiting: list[WindowedValue] = []

    def process(
        self,
        trigger: PubsubMessage,
        timestamp: Timestamp = beam.DoFn.TimestampParam,
        within: BoundedWindow = beam.DoFn.WindowParam,
    ) -> Iterator[WindowedValue]:
        self._waiting.append(WindowedValue(trigger, timestamp, (within,)))
        if len(self._waiting) >= MAX_ASKED:
            yield from self._ask()

    def finish_bundle(self) -> Iterator[WindowedValue]:
        yield from self._ask()

    def _ask(self) -> Iterator[WindowedValue]:
        waiting, self._waiting = self._waiting, []
        if not waiting:
            return
        shoppers = [one.value.attributes[SHOPPER] for one in waiting]
        suppressed = answered(
            self._config, lambda: suppression.is_suppressed(self._store, shoppers), self._retries
        )
        for one, shopper in zip(waiting, shoppers, strict=True):
            if shopper in suppressed:
                self._suppressed.inc()
            else:
                yield one


class CarryFn(beam.DoFn):  # type: ignore[misc]
    """Asks for all of a bundle at its end. Raises as `DropFn` does."""

    def __init__(self, config: JobConfig) -> None:
        self._config = config
        self._made = Metrics.counter(names.NAMESPACE, names.DOCUMENTS_MADE)
        self._retries = Metrics.counter(names.NAMESPACE, names.STORE_RETRIES)

    def setup(self) -> None:
        self._store = shared_store(self._config.store_url)

    def start_bundle(self) -> None:
        self._moved: dict[str, str] = {}

    def process(self, profile: Document) -> Iterator[Document]:
        if isinstance(profile, Profile) and profile.moved_to:
            self._moved[profile.id] = profile.moved_to
            if len(self._moved) >= MAX_ASKED:
                yield from self._ask()

    def finish_bundle(self) -> Iterator[WindowedValue]:
        for document in self._ask():
            yield GlobalWindows.windowed_value(document)

    def _ask(self) -> list[Document]:
        moved, self._moved = self._moved, {}
        if not moved:
            return []
        found = answered(self._config, lambda: suppression.carried(self._store, moved), self._retries)
        self._made.inc(len(found))
        return [*found]
