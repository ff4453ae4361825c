"""Folders of an archive: files that are whole or not there, and one change at a time."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import pytest
from archive_support import NOW, TODAY, row, write

from evermail import clock
from evermail.archive import folder as folders
from evermail.archive.folder import (
    ArchiveError,
    changing,
    compress,
    day_in,
    day_of,
    files,
    hash_of,
    lines_of,
    new_file,
    temporary_files,
)


def test_a_row_belongs_to_its_day_of_receipt_in_utc() -> None:
    midnight = clock.from_datetime(clock.to_datetime(NOW).replace(hour=0, minute=0, second=0, microsecond=0))
    assert (day_of(midnight - 1), day_of(midnight)) == ("2026-09-20", TODAY)
    assert day_of(0) == "1970-01-01"


@pytest.mark.parametrize(
    ("name", "day"),
    [
        (f"received={TODAY}", TODAY),
        (TODAY, None),
        ("received=2026-9-1", None),
        ("received=20260921", None),
        ("received=", None),
        ("received=2026-02-30", None),
    ],
)
def test_a_directory_is_of_a_day_by_its_name(name: str, day: str | None) -> None:
    assert day_in(name) == day


def test_the_same_lines_compress_to_the_same_file() -> None:
    assert compress(b"a\n") == compress(b"a\n")
    assert gzip.decompress(compress(b"a\n")) == b"a\n"


class TestFiles:
    def test_they_come_by_day_and_name(self, tmp_path: Path) -> None:
        write(tmp_path, [row("e1", user="u")], [row("e0", user="u", at=-100_000)], [row("e2", user="u")])
        found = files(tmp_path)
        assert [file.day for file in found] == ["2026-09-20", TODAY, TODAY]
        assert [file.path for file in found] == sorted(file.path for file in found)
        assert all(file.size == file.path.stat().st_size for file in found)
        assert {line.row.event_id for file in found for line in lines_of(file) if line.row} == {
            "e0",
            "e1",
            "e2",
        }

    def test_nothing_else_is_one(self, tmp_path: Path) -> None:
        (path,) = write(tmp_path, [row("e1", user="u")])
        for other in (
            path.with_name("abc.ndjson.gz.0123.tmp"),
            path.with_name("notes.txt"),
            tmp_path / "loose.ndjson",
            tmp_path / "other" / "abc.ndjson",
        ):
            other.parent.mkdir(exist_ok=True)
            other.write_bytes(b"?")
        (path.parent / "directory.ndjson").mkdir()
        assert [file.path for file in files(tmp_path)] == [path]

    @pytest.mark.parametrize("place", ["nowhere", ".", "file"])
    def test_a_folder_that_is_no_archive_says_so(self, tmp_path: Path, place: str) -> None:
        (tmp_path / "file").touch()
        with pytest.raises(ArchiveError, match="is no"):
            files(tmp_path / place)


class TestNewFiles:
    @pytest.mark.parametrize("suffix", [".ndjson", ".ndjson.gz"])
    def test_its_name_says_what_is_in_it(self, tmp_path: Path, suffix: str) -> None:
        with new_file(tmp_path, suffix) as file:
            file.write(b"a\n")
            file.write(b"b\n")
            path = file.commit()
        assert path == tmp_path / f"{hash_of(b'a' + bytes([10]) + b'b' + bytes([10]))}{suffix}"
        data = path.read_bytes()
        assert (gzip.decompress(data) if suffix.endswith(".gz") else data) == b"a\nb\n"
        assert list(tmp_path.iterdir()) == [path]

    def test_until_it_is_committed_no_reader_sees_it(self, tmp_path: Path) -> None:
        day = tmp_path / f"received={TODAY}"
        day.mkdir()
        with new_file(day, ".ndjson") as file:
            file.write(b"a\n")
            with pytest.raises(ArchiveError):
                files(tmp_path)
            file.commit()
            assert len(files(tmp_path)) == 1

    @pytest.mark.parametrize("problem", [KeyboardInterrupt, OSError])
    @pytest.mark.parametrize("suffix", [".ndjson", ".ndjson.gz"])
    def test_whoever_is_interrupted_leaves_nothing(
        self, tmp_path: Path, problem: type[BaseException], suffix: str
    ) -> None:
        def interrupted() -> None:
            with new_file(tmp_path, suffix) as file:
                file.write(b"a\n")
                raise problem

        with pytest.raises(problem):
            interrupted()
        assert list(tmp_path.iterdir()) == []

    def test_it_is_on_the_disk_before_it_has_its_name(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        synced: list[list[str]] = []
        monkeypatch.setattr(
            folders.os, "fsync", lambda handle: synced.append([path.name[:3] for path in tmp_path.iterdir()])
        )
        with new_file(tmp_path, ".ndjson") as file:
            file.write(b"a\n")
            path = file.commit()
        assert synced == [[f"{os.getpid()}"[:3]], [path.name[:3]]]


class TestAbandonedFiles:
    def test_only_what_nobody_has_touched_for_long_is_one(self, tmp_path: Path) -> None:
        day = tmp_path / f"received={TODAY}"
        day.mkdir()
        for name, age_s in (("old.tmp", 100), ("new.tmp", 1), ("old.ndjson", 100)):
            (day / name).touch()
            os.utime(day / name, (NOW / 1e6 - age_s,) * 2)
        found = temporary_files(tmp_path, before_us=NOW - 50 * clock.SECOND)
        assert [path.name for path in found] == ["old.tmp"]


class TestChanging:
    def test_one_at_a_time(self, tmp_path: Path) -> None:
        another = pytest.raises(ArchiveError, match="another `evermail archive` command")
        with changing(tmp_path), another, changing(tmp_path):
            pass
        with changing(tmp_path):
            pass

    def test_it_ends_with_a_failure(self, tmp_path: Path) -> None:
        with pytest.raises(KeyError), changing(tmp_path):
            raise KeyError
        with changing(tmp_path):
            pass
