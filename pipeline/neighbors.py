"""Rows of neighbours: for each item, the items that shoppers see with it, fading with time."""

from __future__ import annotations

import apache_beam as beam
from apache_beam.metrics import Metrics

from evermail import repeats
from evermail.decay import DecayedRow
from evermail.documents import SHARED_RETENTION_US, Document, Neighbor, Neighbors
from evermail.interest import HALF_LIFE_US, unpack_all
from pipeline import names
from pipeline.config import JobConfig
from pipeline.rows import RowsFn

STATE_FACTOR = 8
"""A row in state holds this many times what is stored of it: newcomers get time to grow."""


class CountNeighbors(beam.PTransform):  # type: ignore[misc]
    """(item id, packed changes) -> Neighbors documents, at most one an interval for each item."""

    def __init__(self, config: JobConfig) -> None:
        super().__init__()
        self._config = config

    def expand(self, updates: beam.PCollection[tuple[str, bytes]]) -> beam.PCollection[Document]:
        return updates | "AddUp" >> beam.ParDo(NeighborsFn(self._config)).with_output_types(Document)


class NeighborsFn(RowsFn):
    STORED = Neighbors

    def __init__(self, config: JobConfig) -> None:
        super().__init__(
            config,
            half_life_us=HALF_LIFE_US,
            capacity=max(STATE_FACTOR * config.neighbors_kept, repeats.KEPT // 2),  # it is cut at twice that
            flush_us=config.neighbors_flush_us,
        )
        self._taken = Metrics.counter(names.NAMESPACE, names.ROW_UPDATES_TAKEN)

    def pack(self, change: bytes) -> bytes:
        return change

    def take(self, row: DecayedRow, packed: bytes) -> None:
        updates = unpack_all(packed)
        self._taken.inc(len(updates))
        for update in updates:
            update.apply(row)

    def document(self, key: str, row: DecayedRow, version: int, now_us: int) -> Neighbors:
        kept = repeats.KEPT if key == repeats.ROW_ID else self._config.neighbors_kept
        return Neighbors(
            id=key,
            version=version,
            updated_at=now_us,
            expire_at=now_us + SHARED_RETENTION_US,
            as_of=row.as_of,
            total=row.total(),
            neighbors=[Neighbor(item_id, weight) for item_id, weight in row.top(kept)],
        )

    def weights(self, document: Neighbors) -> tuple[list[Neighbor], int]:
        return document.neighbors, document.as_of
