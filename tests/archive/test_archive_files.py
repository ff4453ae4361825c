"""Batches into files: whole or not at all, once however often they are tried, durable once they are told."""

from __future__ import annotations

import gzip
import io
import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from apache_beam.io.filesystems import FileSystems
from archive_support import TODAY, row
from streaming_support import Sleeper, config

from evermail.archive.folder import ArchiveError, files, hash_of, lines_of
from evermail.archive.location import Folder
from evermail.archive.record import Row, to_line
from evermail.stores import StoreUnavailable
from pipeline.archive_files import WriteFileFn

BUDGET_S = 60
ONE = b"".join(to_line(row(f"e{n}", user="u")) for n in range(3))
TWO = to_line(row("e9", user="u"))


@pytest.fixture
def sleeper() -> Sleeper:
    return Sleeper()


@pytest.fixture
def write(tmp_path: Path, sleeper: Sleeper) -> Callable[..., None]:
    """Writes batches of today, as one bundle would."""
    settings = config(store_retry_us=BUDGET_S * 1_000_000, store_backoff=sleeper.backoff())
    fn = WriteFileFn(Folder(str(tmp_path)), settings)

    def write_(*batches: bytes) -> None:
        for lines in batches:
            fn.process((TODAY, lines))

    return write_


def rows_of(folder: Path) -> list[Row | None]:
    return [line.row for file in files(folder) for line in lines_of(file)]


@contextmanager
def failing(name: str, monkeypatch: pytest.MonkeyPatch, *, times: int, after: int = 0) -> Iterator[list[Any]]:
    """A call of the file system that fails a few times, after it has worked a few times."""
    real = getattr(FileSystems, name)
    calls: list[Any] = []

    def call(*arguments: Any, **keywords: Any) -> Any:
        calls.append(arguments)
        if after < len(calls) <= after + times:
            raise OSError(5, "Input/output error")
        return real(*arguments, **keywords)

    with monkeypatch.context() as patch:
        patch.setattr(FileSystems, name, staticmethod(call))
        yield calls


def test_a_batch_is_a_file_of_its_day_named_by_its_lines(tmp_path: Path, write: Callable[..., None]) -> None:
    write(ONE)
    path = tmp_path / f"received={TODAY}" / f"{hash_of(ONE)}.ndjson.gz"
    assert [file.path for file in files(tmp_path)] == [path]
    assert gzip.decompress(path.read_bytes()) == ONE


def test_a_bundle_that_is_tried_again_leaves_its_files_once(
    tmp_path: Path, write: Callable[..., None]
) -> None:
    write(ONE, TWO)
    before = {file.path: file.path.read_bytes() for file in files(tmp_path)}
    write(ONE, TWO)
    assert {file.path: file.path.read_bytes() for file in files(tmp_path)} == before


@pytest.mark.parametrize("step", ["create", "rename"])
class TestBadDays:
    def test_they_are_tried_again_until_they_pass(
        self,
        step: str,
        tmp_path: Path,
        write: Callable[..., None],
        sleeper: Sleeper,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        with failing(step, monkeypatch, times=2):
            write(ONE)
        assert len(rows_of(tmp_path)) == 3
        assert sleeper.pauses == pytest.approx([0.1, 0.2])
        assert list(tmp_path.rglob("*.tmp")) == []

    def test_a_second_file_that_fails_leaves_the_first_whole_and_nothing_torn(
        self,
        step: str,
        tmp_path: Path,
        write: Callable[..., None],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        with failing(step, monkeypatch, times=1000, after=1), pytest.raises(StoreUnavailable):
            write(ONE, TWO)
        assert len(rows_of(tmp_path)) == 3
        assert [path.suffix for path in (tmp_path / f"received={TODAY}").iterdir()] == [".gz"]
        write(ONE, TWO)  # the runner tries the bundle again
        assert len(files(tmp_path)) == 2
        assert len(rows_of(tmp_path)) == 4

    def test_when_the_time_is_up_the_bundle_fails(
        self,
        step: str,
        tmp_path: Path,
        write: Callable[..., None],
        sleeper: Sleeper,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        told = rf"has not taken \d+ bytes for {tmp_path}/received={TODAY} within 60 s: .*Input/output"
        with failing(step, monkeypatch, times=1000), pytest.raises(StoreUnavailable, match=told):
            write(ONE)
        assert sum(sleeper.pauses) == pytest.approx(BUDGET_S)

    def test_the_log_says_where(
        self,
        step: str,
        tmp_path: Path,
        write: Callable[..., None],
        monkeypatch: pytest.MonkeyPatch,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        with caplog.at_level(logging.ERROR), failing(step, monkeypatch, times=1):
            write(ONE)
        assert str(tmp_path) in caplog.text


def test_a_disk_that_fills_up_in_the_middle_leaves_nothing_that_a_reader_sees(
    tmp_path: Path, write: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    real = FileSystems.create

    class Full(io.BufferedWriter):
        def write(self, data: Any, /) -> int:
            super().write(bytes(data)[: len(data) // 2])
            raise OSError(28, "No space left on device")

    def create(path: str, **_: Any) -> Any:
        real(path, compression_type="uncompressed").close()
        return Full(io.FileIO(path, "wb"))

    with monkeypatch.context() as patch:
        patch.setattr(FileSystems, "create", staticmethod(create))
        with pytest.raises(StoreUnavailable, match="No space left"):
            write(ONE)
    with pytest.raises(ArchiveError):
        files(tmp_path)
    write(ONE)
    assert len(rows_of(tmp_path)) == 3


def test_whoever_is_killed_in_the_middle_leaves_nothing_that_a_reader_sees(
    tmp_path: Path, write: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is cleaned up then: the rename has not come, and nobody deletes."""

    class Killed(BaseException):
        pass

    def die(*_: Any) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(FileSystems, "rename", staticmethod(die))
        patch.setattr(FileSystems, "delete", staticmethod(die))
        with pytest.raises(Killed):
            write(ONE)
    assert len(list(tmp_path.rglob("*.tmp"))) == 1
    with pytest.raises(ArchiveError):
        files(tmp_path)
    write(ONE)
    assert len(rows_of(tmp_path)) == 3


def test_two_at_work_on_one_batch_do_not_meet(
    tmp_path: Path, write: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A zombie of the same bundle comes in between writing and renaming."""
    real = FileSystems.rename
    temporary: list[str] = []

    def rename(sources: list[str], targets: list[str]) -> None:
        temporary.extend(sources)
        if len(temporary) == 1:
            write(ONE)
        real(sources, targets)

    with monkeypatch.context() as patch:
        patch.setattr(FileSystems, "rename", staticmethod(rename))
        write(ONE)
    assert len(set(temporary)) == 2
    assert len(rows_of(tmp_path)) == 3


def test_a_file_is_on_the_disk_before_it_has_its_name_and_its_name_before_it_is_reported(
    tmp_path: Path, write: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[str] = []
    real = os.fsync

    def fsync(handle: int) -> None:
        path = Path(os.readlink(f"/proc/self/fd/{handle}"))
        synced.append(path.name if path.is_dir() else f"{path.suffix} of {path.stat().st_size} bytes")
        real(handle)

    if not Path("/proc/self/fd").is_dir():
        pytest.skip("there is no /proc here")
    monkeypatch.setattr(os, "fsync", fsync)
    write(ONE)
    (file,) = files(tmp_path)
    assert synced == [f".tmp of {file.size} bytes", f"received={TODAY}", tmp_path.name]
