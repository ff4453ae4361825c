"""The whole job on one page: a shop's events in, documents and dead letters out."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import apache_beam as beam

from evermail import clock
from pipeline import coders
from pipeline.backfill import RememberAll
from pipeline.carts import WatchCarts
from pipeline.config import JobConfig
from pipeline.dead_letters import ToMessages
from pipeline.decode import Decode
from pipeline.enrich import Enrich, Enriched
from pipeline.erase import EraseShoppers
from pipeline.neighbors import CountNeighbors
from pipeline.shoppers import Shopped, Shoppers
from pipeline.store_writer import WriteDocuments
from pipeline.suppressed import CarrySuppressions, DropSuppressed
from pipeline.trending import CountTrending


class Sinks(NamedTuple):
    """Where the job's outputs go, besides the store. Without a sink, what would go there is not made."""

    dead_letters: beam.PTransform
    triggers: beam.PTransform | None = None
    archive: beam.PTransform | None = None


def build(pipeline: beam.Pipeline, source: beam.PTransform, sinks: Sinks, config: JobConfig) -> None:
    """Adds the streaming graph to a pipeline. `source` gives PubsubMessages, as messages sinks take."""
    coders.register()

    messages = pipeline | "ReadEvents" >> source
    decoded = messages | "Decode" >> Decode(config)

    # Everything known of one shopper meets in one place: only there can a copy be told from an original.
    shopped = decoded.events | "Shoppers" >> Shoppers(config)
    enriched = shopped.accepted | "Enrich" >> Enrich(config)
    refused = [decoded.rejected, shopped.refused, *_store(shopped, enriched, config)]

    if sinks.triggers is not None:
        told = (enriched.events, shopped.heard) | "ToldToCarts" >> beam.Flatten()
        triggers = told | "Carts" >> WatchCarts(config) | "Suppressed" >> DropSuppressed(config)
        triggers | "PublishTriggers" >> sinks.triggers
    if sinks.archive is not None:
        refused.append((shopped.accepted, shopped.late) | "Archive" >> sinks.archive)
    _dead_letters(refused, sinks)


def rebuild(pipeline: beam.Pipeline, archive: beam.PTransform, sinks: Sinks, config: JobConfig) -> None:
    """Adds the batch graph: the same documents, made again from what was archived.

    Whatever the store holds, it begins from nothing but what people said, and announces no carts of the
    past. All it writes is of the time when it was built: what a streaming job has written since is newer, and
    stays.
    """
    coders.register()
    config = replace(config, bootstrap=False, wall_clock=clock.Stopped(config.wall_clock()))

    archived = pipeline | "ReadArchive" >> archive
    shopped = archived.events | "Shoppers" >> RememberAll(config)
    enriched = shopped.accepted | "Enrich" >> Enrich(config)
    _dead_letters([archived.rejected, *_store(shopped, enriched, config)], sinks)


def _store(shopped: Shopped, enriched: Enriched, config: JobConfig) -> list[beam.PCollection]:
    """Documents into the store; what could not be written comes back."""
    neighbors = shopped.row_updates | "Neighbors" >> CountNeighbors(config)
    trending = enriched | "Trending" >> CountTrending(config)
    carried = shopped.profiles | "Suppressions" >> CarrySuppressions(config)
    documents = (shopped.profiles, carried, neighbors, trending) | "Documents" >> beam.Flatten()
    return [
        documents | "StoreWriter" >> WriteDocuments(config),
        shopped.erasures | "Erasures" >> EraseShoppers(config),
    ]


def _dead_letters(refused: list[beam.PCollection], sinks: Sinks) -> None:
    (
        refused
        | "Refused" >> beam.Flatten()
        | "DeadLetters" >> ToMessages()
        | "PublishDeadLetters" >> sinks.dead_letters
    )
