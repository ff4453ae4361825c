"""What a job needs in the world, looked at from here before it starts, rather than by each worker in turn."""

from __future__ import annotations

import os
from pathlib import Path

import google.auth
from apache_beam.io.filesystem import BeamIOError
from apache_beam.io.filesystems import FileSystems
from apache_beam.options.pipeline_options import PipelineOptions, TestOptions

from evermail.archive.location import Folder, location
from pipeline.archive_files import try_folder
from pipeline.dataflow.checks import on_dataflow
from pipeline.options import EvermailOptions, OptionError
from pipeline.read_archive import files_of


def check(options: PipelineOptions) -> None:
    """Raises `OptionError` for an archive that cannot be read or written to, and google.auth's
    `DefaultCredentialsError` where Google will ask for credentials and there are none.

    Writes to no archive but a local one. A dry run asks nobody for anything.
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
