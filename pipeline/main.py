"""Starts the job: `python -m pipeline.main --runner=... --events_subscription=...`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

import apache_beam as beam
from apache_beam.io.gcp.pubsub import ReadFromPubSub, WriteToPubSub
from apache_beam.options.pipeline_options import PipelineOptions, StandardOptions, WorkerOptions
from apache_beam.runners.runner import PipelineResult

from pipeline.archive import WriteArchive
from pipeline.config import JobConfig
from pipeline.dataflow import checks
from pipeline.job import Sinks, build, rebuild
from pipeline.keys import KeysUnavailable, SecretKeys
from pipeline.options import EvermailOptions, OptionError
from pipeline.read_archive import ReadArchive
from pipeline.rotation import keys_of

_DATAFLOW = ("dataflow", "dataflowrunner")
"""What Beam takes for Dataflow, in any case of letters."""


def assemble(arguments: Sequence[str]) -> beam.Pipeline:
    """The job that command-line arguments describe, on the runner they name, ready to run.

    Touches no store; for Dataflow, Beam looks at the buckets. Raises `OptionError` for arguments that cannot
    be used.
    """
    options = PipelineOptions(list(arguments))
    ours = options.view_as(EvermailOptions)
    config = ours.job_config()
    options.view_as(StandardOptions).streaming = not ours.rebuild_from
    on_dataflow = (options.view_as(StandardOptions).runner or "").lower() in _DATAFLOW
    if on_dataflow:
        _check_reach_of_workers(config, options)
        checks.check(options)
    else:
        _check_keys_here(config)
    pipeline = _empty_pipeline(options)
    dead_letters = WriteToPubSub(topic=ours.dead_letter_topic, with_attributes=True)
    if ours.rebuild_from:
        archive = ReadArchive(ours.rebuild_from, config, **ours.rebuild_span())
        rebuild(pipeline, archive, Sinks(dead_letters), config)
        return pipeline
    source = ReadFromPubSub(
        subscription=ours.events_subscription,
        with_attributes=True,
        # Dataflow drops redelivered copies at the read by this attribute (see `evermail.events.digest`), or
        # by Pub/Sub's own id of a message without it; the local runner cannot.
        id_label="event_digest" if on_dataflow else None,
    )
    triggers = WriteToPubSub(topic=ours.triggers_topic, with_attributes=True) if ours.triggers_topic else None
    archive = WriteArchive(ours.archive, config) if ours.archive else None
    build(pipeline, source, Sinks(dead_letters, triggers, archive), config)
    return pipeline


def start(arguments: Sequence[str]) -> PipelineResult:
    """Assembles the job and starts it."""
    return assemble(arguments).run()


EXAMPLE = """
example:
  python -m pipeline.main --runner=DataflowRunner --project=P --region=R --temp_location=gs://B/tmp \\
    --setup_file=./setup.py --events_subscription=projects/P/subscriptions/events \\
    --dead_letter_topic=projects/P/topics/dead-letters --store=firestore://P \\
    --pseudonym_keys=secret:projects/P/secrets/pseudonyms/versions/1

  python -m pipeline.main --rebuild_from=gs://B/archive ... makes every document again, in a batch.

Beam's own options, such as those of the runner, are in Beam's documentation.
"""


def _print_help() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m pipeline.main",
        description="Starts the job.",
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    EvermailOptions._add_argparse_args(parser)
    parser.print_help()


def main() -> None:
    if {"-h", "--help"} & set(sys.argv[1:]):
        _print_help()
        return
    try:
        result = start(sys.argv[1:])
    except OptionError as problem:
        print(problem, file=sys.stderr)
        sys.exit(2)
    result.wait_until_finish()


def _empty_pipeline(options: PipelineOptions) -> beam.Pipeline:
    try:
        return beam.Pipeline(options=options)
    except ValueError as problem:  # Beam names what its own options lack, in several lines
        raise OptionError(" ".join(str(problem).split())) from None


def _check_keys_here(config: JobConfig) -> None:
    """The workers are this machine: what they will not find should be said now, and once."""
    if isinstance(config.pseudonym_keys, SecretKeys):
        return
    try:
        keys_of(config)
    except KeysUnavailable as problem:
        raise OptionError(f"--pseudonym_keys: {problem}") from None


def _check_reach_of_workers(config: JobConfig, options: PipelineOptions) -> None:
    """Workers see no file and no environment variable of this machine, only those of their own image."""
    if config.store_url.startswith("sqlite"):
        raise OptionError(f"--store: workers on Dataflow share no file, got {config.store_url!r}")
    own_image = options.view_as(WorkerOptions).sdk_container_image
    if not (own_image or isinstance(config.pseudonym_keys, SecretKeys)):
        raise OptionError(
            "--pseudonym_keys: on Dataflow, give secret:projects/PROJECT/secrets/NAME/versions/NUMBER, "
            "or a --sdk_container_image whose environment or files hold the keys"
        )


if __name__ == "__main__":
    main()
