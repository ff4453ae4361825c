"""The whole job on one page: a shop's events in, documents and dead letters out."""

from __future__ import annotations

from typing import NamedTuple

import apache_beam as beam

from pipeline import coders
from pipeline.config import JobConfig
from pipeline.dead_letters import ToMessages
from pipeline.decode import Decode
from pipeline.neighbors import CountNeighbors
from pipeline.shoppers import Shoppers
from pipeline.store_writer import WriteDocuments
from pipeline.trending import CountTrending


class Sinks(NamedTuple):
    """Where the job's outputs go, besides the store."""

    dead_letters: beam.PTransform


def build(pipeline: beam.Pipeline, source: beam.PTransform, sinks: Sinks, config: JobConfig) -> None:
    """Adds the graph to a pipeline. `source` gives PubsubMessages, `sinks` take them."""
    coders.register()

    messages = pipeline | "ReadEvents" >> source
    decoded = messages | "Decode" >> Decode(config)

    # Everything known of one shopper meets in one place: only there can a copy be told from an original.
    shopped = decoded.events | "Shoppers" >> Shoppers(config)
    neighbors = shopped.row_updates | "Neighbors" >> CountNeighbors(config)
    trending = shopped.accepted | "Trending" >> CountTrending(config)

    documents = (shopped.profiles, neighbors, trending) | "Documents" >> beam.Flatten()
    unwritten = documents | "StoreWriter" >> WriteDocuments(config)

    refused = (decoded.rejected, shopped.refused, unwritten) | "Refused" >> beam.Flatten()
    refused | "DeadLetters" >> ToMessages() | "PublishDeadLetters" >> sinks.dead_letters
