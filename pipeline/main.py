"""Starts the job: `python -m pipeline.main --runner=... --events_subscription=...`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from contextlib import nullcontext
from typing import NoReturn

import apache_beam as beam
import google.auth.exceptions
from apache_beam.io.gcp.pubsub import ReadFromPubSub, WriteToPubSub
from apache_beam.options.pipeline_options import PipelineOptions, StandardOptions, WorkerOptions
from apache_beam.runners.runner import PipelineResult

from evermail.archive.location import Folder, location
from pipeline import preflight, rebuild_report
from pipeline.archive import WriteArchive
from pipeline.config import JobConfig
from pipeline.dataflow import checks
from pipeline.job import Sinks, build, rebuild
from pipeline.keys import KeysUnavailable, SecretKeys
from pipeline.known_options import check_known
from pipeline.local_counters import every_bundle_counted
from pipeline.options import EvermailOptions, OptionError
from pipeline.read_archive import ReadArchive
from pipeline.rotation import keys_of

NO_CREDENTIALS = (
    "No Google credentials on this machine. `gcloud auth application-default login` gets yours, and "
    "GOOGLE_APPLICATION_CREDENTIALS names a file of others. A local run can do with emulators: see --help."
)


def assemble(arguments: Sequence[str]) -> beam.Pipeline:
    """The job that command-line arguments describe, on the runner they name, ready to run.

    Touches no store; for Dataflow, Beam looks at the buckets. Raises `OptionError` for arguments that cannot
    be used.
    """
    return _pipeline(_checked(arguments))


def start(arguments: Sequence[str]) -> PipelineResult:
    """Assembles the job and starts it, once `pipeline.preflight` has found what it needs."""
    options = _checked(arguments)
    preflight.check(options)
    pipeline = _pipeline(options)
    _say_what_begins(options)
    return pipeline.run()


def _checked(arguments: Sequence[str]) -> PipelineOptions:
    check_known(arguments)
    options = PipelineOptions(list(arguments))
    ours = options.view_as(EvermailOptions)
    config = ours.job_config()
    options.view_as(StandardOptions).streaming = not ours.rebuild_from
    if checks.on_dataflow(options):
        _check_reach_of_workers(config, options)
        checks.check(options)
    else:
        _check_keys_here(config)
    return options


def _pipeline(options: PipelineOptions) -> beam.Pipeline:
    ours = options.view_as(EvermailOptions)
    config = ours.job_config()
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
        id_label="event_digest" if checks.on_dataflow(options) else None,
    )
    triggers = WriteToPubSub(topic=ours.triggers_topic, with_attributes=True) if ours.triggers_topic else None
    archive = WriteArchive(ours.archive, config) if ours.archive else None
    build(pipeline, source, Sinks(dead_letters, triggers, archive), config)
    return pipeline


EXAMPLE = """
example:
  python -m pipeline.main --runner=DataflowRunner --project=P --region=R --temp_location=gs://B/tmp \\
    --setup_file=./setup.py --events_subscription=projects/P/subscriptions/events \\
    --dead_letter_topic=projects/P/topics/dead-letters --store=firestore://P \\
    --pseudonym_keys=secret:projects/P/secrets/pseudonyms/versions/1

  python -m pipeline.main --rebuild_from=gs://B/archive ... makes every document again, in a batch.

on this machine, beside an emulator of Pub/Sub that has the topics and the subscription (docs/dataflow.md):
  export PUBSUB_EMULATOR_HOST=localhost:8085 EVERMAIL_PSEUDONYM_KEYS=k1:a-secret-of-sixteen-bytes-or-more
  python -m pipeline.main --events_subscription=projects/local-shop/subscriptions/events \\
    --dead_letter_topic=projects/local-shop/topics/dead-letters --store=sqlite:///shop.sqlite3

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
    arguments = sys.argv[1:]
    try:
        check_known(arguments)
        ours = PipelineOptions(arguments).view_as(EvermailOptions)
        with every_bundle_counted() if ours.rebuild_from else nullcontext():
            result = start(arguments)
            result.wait_until_finish()
    except OptionError as problem:
        _end(str(problem), code=2)
    except google.auth.exceptions.DefaultCredentialsError:
        _end(NO_CREDENTIALS, code=1)
    except KeyboardInterrupt:
        _end("Interrupted: a local job has ended, one on Dataflow goes on.", code=130)
    if ours.rebuild_from:
        _say_what_was_rebuilt(result, ours)


def _say_what_begins(options: PipelineOptions) -> None:
    """Of a local streaming job, which says nothing more while all is well."""
    ours = options.view_as(EvermailOptions)
    if ours.rebuild_from or checks.on_dataflow(options):
        return
    line = f"Reading from {ours.events_subscription}, writing to {ours.store}; Ctrl-C ends it"
    print(line, file=sys.stderr, flush=True)


def _say_what_was_rebuilt(result: PipelineResult, ours: EvermailOptions) -> None:
    totals = rebuild_report.totals(result)
    print(rebuild_report.report(totals, ours.rebuild_from, ours.dead_letter_topic))
    nothing = rebuild_report.why_nothing(totals, ours.rebuild_from)
    if nothing:
        _end(nothing, code=1)


def _end(message: str, code: int) -> NoReturn:
    print(message, file=sys.stderr)
    sys.exit(code)


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
    for name in ("archive", "rebuild_from"):
        url = getattr(options.view_as(EvermailOptions), name)
        place = location(url) if url else None
        if isinstance(place, Folder) and place.is_local:
            raise OptionError(f"--{name}: workers on Dataflow share no folder of a machine, got {url!r}")
    own_image = options.view_as(WorkerOptions).sdk_container_image
    if not (own_image or isinstance(config.pseudonym_keys, SecretKeys)):
        raise OptionError(
            "--pseudonym_keys: on Dataflow, give secret:projects/PROJECT/secrets/NAME/versions/NUMBER, "
            "or a --sdk_container_image whose environment or files hold the keys"
        )


if __name__ == "__main__":
    main()
