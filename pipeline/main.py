"""Starts the job: `python -m pipeline.main --runner=... --events_subscription=...`."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import apache_beam as beam
from apache_beam.io.gcp.pubsub import ReadFromPubSub, WriteToPubSub
from apache_beam.options.pipeline_options import PipelineOptions, StandardOptions
from apache_beam.runners.runner import PipelineResult

from pipeline.job import Sinks, build
from pipeline.options import EvermailOptions


def start(arguments: Sequence[str]) -> PipelineResult:
    """Builds the job from command-line arguments and starts it on the runner they name."""
    options = PipelineOptions(list(arguments), streaming=True)
    ours = options.view_as(EvermailOptions)
    # Dataflow drops redelivered copies at the read by this attribute; the local runner cannot.
    on_dataflow = "Dataflow" in (options.view_as(StandardOptions).runner or "")
    source = ReadFromPubSub(
        subscription=ours.events_subscription,
        with_attributes=True,
        id_label="event_id" if on_dataflow else None,
    )
    sinks = Sinks(dead_letters=WriteToPubSub(topic=ours.dead_letter_topic, with_attributes=True))
    pipeline = beam.Pipeline(options=options)
    build(pipeline, source, sinks, ours.job_config())
    return pipeline.run()


def main() -> None:
    start(sys.argv[1:]).wait_until_finish()


if __name__ == "__main__":
    main()
