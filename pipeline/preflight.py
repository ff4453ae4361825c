"""What a job needs in the world, looked at from here before it starts, rather than by each worker in turn."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import google.auth
from apache_beam.io.filesystem import BeamIOError
from apache_beam.io.filesystems import FileSystems
from apache_beam.options.pipeline_options import PipelineOptions, TestOptions
from google.api_core.exceptions import (
    DeadlineExceeded,
    Forbidden,
    GoogleAPIError,
    MethodNotImplemented,
    NotFound,
    RetryError,
    ServiceUnavailable,
)
from google.api_core.retry import Retry, if_exception_type
from google.cloud.pubsub_v1 import PublisherClient, SubscriberClient

from evermail.archive.location import Folder, location
from evermail.stores import StoreError, open_store, sqlite_file
from pipeline.archive_files import try_folder
from pipeline.dataflow.checks import on_dataflow
from pipeline.options import EvermailOptions, OptionError
from pipeline.read_archive import files_of

ANSWER_S = 10.0
"""How long Pub/Sub and the store get to answer, each question for itself."""


def check(options: PipelineOptions) -> None:
    """Raises `OptionError` for an archive that cannot be read or written to, and google.auth's
    `DefaultCredentialsError` where Google will ask for credentials and there are none; of a local job also
    for a subscription, a topic or a store that is not there or does not answer.

    Writes to no archive but a local one, and makes no store but in a file. A dry run asks nobody for
    anything. Workers on Dataflow may reach what this machine does not.
    """
    if options.view_as(TestOptions).dry_run:
        return
    ours = options.view_as(EvermailOptions)
    if on_dataflow(options) or _asks_google(ours):
        google.auth.default()  # Beam would try for half a minute, and then go on as nobody
    if ours.rebuild_from:
        FileSystems.set_options(options)
        _check_readable(location(ours.rebuild_from))
    if ours.archive and not on_dataflow(options):
        _check_writable(location(ours.archive))
    if not on_dataflow(options):
        if not ours.rebuild_from:  # which may never have a dead letter
            _check_pubsub(ours)
        _check_store(ours.store)


def _asks_google(ours: EvermailOptions) -> bool:
    """Whether anything that a local job talks to is Google's and not an emulator."""
    places = (ours.store, ours.pseudonym_keys, ours.archive or ours.rebuild_from or "")
    emulators = {
        "firestore:": "FIRESTORE_EMULATOR_HOST",
        "gs:": "STORAGE_EMULATOR_HOST",
        "bigquery:": "",
        "secret:": "",
    }
    used = [emulators[scheme] for scheme in emulators if any(place.startswith(scheme) for place in places)]
    return any(not os.environ.get(variable) for variable in ["PUBSUB_EMULATOR_HOST", *used])


def _check_readable(place: object) -> None:
    if not isinstance(place, Folder):
        return
    try:
        files_of(place.path)
    except ValueError as problem:
        raise OptionError(f"--rebuild_from: {problem}") from None
    except Exception as problem:  # of a network, a bucket, a library below Beam's: any stops us
        raise OptionError(f"--rebuild_from: cannot read {place}: {_reason(problem)}") from problem


def _reason(problem: Exception) -> str:
    """What Beam's file systems wrap, once for each layer, in one line."""
    while isinstance(problem, BeamIOError) and problem.exception_details:
        problem = next(iter(problem.exception_details.values()))
    return " ".join(str(problem).split()) or type(problem).__name__


def _check_writable(place: object) -> None:
    if not (isinstance(place, Folder) and place.is_local):
        return
    try:
        try_folder(Path(place.path))
    except OSError as problem:
        reason = "it is no folder" if isinstance(problem, FileExistsError) else problem.strerror
        raise OptionError(f"--archive: cannot write to {place}: {reason}") from None


def _check_pubsub(ours: EvermailOptions) -> None:
    with SubscriberClient() as subscriber:
        _check_there("events_subscription", ours.events_subscription, subscriber.get_subscription)
    with PublisherClient() as publisher:
        for name in ("dead_letter_topic", "triggers_topic"):
            topic = getattr(ours, name)
            if topic:
                _check_there(name, topic, publisher.get_topic)


def _check_there(option: str, name: str, look_up: Callable[..., object]) -> None:
    again = Retry(if_exception_type(ServiceUnavailable), initial=0.1, maximum=1.0, timeout=ANSWER_S)
    field = "topic" if option.endswith("_topic") else "subscription"
    try:
        look_up(request={field: name}, retry=again, timeout=ANSWER_S)
    except NotFound:
        raise OptionError(f"--{option}: there is no {name} at {_pubsub()}") from None
    except (Forbidden, MethodNotImplemented):
        pass  # who may use it need not have the right to look it up, and an emulator may not serve that
    except (RetryError, ServiceUnavailable, DeadlineExceeded):
        raise OptionError(f"--{option}: {_pubsub()} does not answer within {ANSWER_S:g} s") from None
    except GoogleAPIError as problem:
        raise OptionError(f"--{option}: {_pubsub()} refuses {name}: {_reason(problem)}") from None


def _pubsub() -> str:
    emulator = os.environ.get("PUBSUB_EMULATOR_HOST")
    return f"the Pub/Sub of PUBSUB_EMULATOR_HOST={emulator}" if emulator else "Pub/Sub"


def _check_store(url: str) -> None:
    file = sqlite_file(url)
    if file and not file.absolute().parent.is_dir():  # a store would make it, and so hide a slip of the pen
        raise OptionError(f"--store: there is no folder {file.absolute().parent}")
    try:
        store = open_store(url)
        try:
            store.ping(timeout_s=ANSWER_S)
        finally:
            store.close()
    except StoreError as problem:
        raise OptionError(f"--store: cannot use {url}: {_reason(problem)}") from None
