"""A batch of the archive into a file, local or in Cloud Storage, by Beam's own file systems.

The file is written under a temporary name and renamed when it is complete. Its name is a hash of its lines,
so a batch that is written twice is there once. A writer that is killed leaves a temporary file, which no
reader looks at.
"""

from __future__ import annotations

import io
import logging
import os
import uuid
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import apache_beam as beam
from apache_beam.io.filesystem import CompressionTypes
from apache_beam.io.filesystems import FileSystems
from apache_beam.metrics import Metrics

from evermail import clock
from evermail.archive.folder import (
    DAY_PREFIX,
    SUFFIXES,
    TEMPORARY_SUFFIX,
    compress,
    hash_of,
    sync_directory,
)
from evermail.archive.location import Folder
from evermail.stores import StoreUnavailable
from pipeline import names
from pipeline.config import JobConfig

_LOG = logging.getLogger(__name__)


def random_name() -> str:
    """32 hexadecimal digits, never the same twice."""
    return uuid.uuid4().hex


class WriteFileFn(beam.DoFn):  # type: ignore[misc]
    """(day, lines) -> a file of the folder. Whatever the disk says, the lines end up written."""

    def __init__(self, folder: Folder, config: JobConfig, unique: Callable[[], str] = random_name) -> None:
        """`unique` gives each try a temporary name of its own: a zombie may be at work on the same batch."""
        self._folder = folder
        self._config = config
        self._unique = unique
        self._written = Metrics.counter(names.NAMESPACE, names.ARCHIVE_ROWS_WRITTEN)
        self._retries = Metrics.counter(names.NAMESPACE, names.ARCHIVE_RETRIES)

    def process(self, batch: tuple[str, bytes]) -> None:
        """Raises `StoreUnavailable` if it takes longer than the configuration allows: the runner then tries
        the bundle again, as often as it takes."""
        day, lines = batch
        directory = FileSystems.join(self._folder.path, f"{DAY_PREFIX}{day}")
        name = hash_of(lines) + SUFFIXES[1]
        data = compress(lines)
        for last_try in self._config.store_backoff.tries(self._config.store_retry_us / clock.SECOND):
            try:
                write_file(directory, name, data, f"{name}.{self._unique()}{TEMPORARY_SUFFIX}")
            except Exception as problem:  # of a disk, a network, a bucket: all of them may pass
                _LOG.exception("an archive file could not be written to %s", directory)
                self._retries.inc()
                if last_try:
                    why = f"{type(problem).__name__}: {problem}"
                    raise StoreUnavailable(
                        f"the archive has not taken {len(data)} bytes for {directory} within "
                        f"{self._config.store_retry_us // clock.SECOND} s: {why}"
                    ) from problem
            else:
                self._written.inc(lines.count(b"\n"))
                return


def try_folder(folder: Path) -> None:
    """Makes a local folder unless it is there, and a file in it that does not stay. Raises `OSError`."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{random_name()}{TEMPORARY_SUFFIX}"
    try:
        path.write_bytes(b"\n")
    finally:
        path.unlink(missing_ok=True)


def write_file(directory: str, name: str, data: bytes, temporary_name: str) -> None:
    """Writes a file whole or not at all; afterwards it is durable. Raises what the file system raises."""
    path, temporary = FileSystems.join(directory, name), FileSystems.join(directory, temporary_name)
    try:
        with FileSystems.create(temporary, compression_type=CompressionTypes.UNCOMPRESSED) as handle:
            handle.write(data)
            is_local = isinstance(handle, io.BufferedWriter)
            if is_local:
                handle.flush()
                os.fsync(handle.fileno())
        FileSystems.rename([temporary], [path])
    except BaseException:
        with suppress(Exception):  # a file that is not there, a file system that is down
            FileSystems.delete([temporary])
        raise
    if is_local:
        sync_directory(Path(directory))
        sync_directory(Path(directory).parent)
