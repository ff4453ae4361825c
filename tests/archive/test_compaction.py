"""Many small files into few: every row stays, once, whatever happens on the way."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import pytest
from archive_support import NOW, TODAY, no_progress, row, write
from hypothesis import given
from hypothesis import strategies as st

from evermail import clock
from evermail.archive.compaction import Compacted, compact
from evermail.archive.folder import ArchiveError, changing, files, lines_of
from evermail.archive.record import Row

YESTERDAY = -100_000.0


def rows_of(folder: Path) -> Counter[str]:
    return Counter(line.row.row_id for file in files(folder) for line in lines_of(file) if line.row)


def run(folder: Path, target_bytes: int = 10**9) -> Compacted:
    return compact(folder, no_progress, target_bytes=target_bytes, now_us=NOW)


def test_a_day_becomes_a_file_and_days_stay_apart(tmp_path: Path) -> None:
    rows = [row(f"{n}", user="u", at=at) for n in range(4) for at in (YESTERDAY, -60)]
    write(tmp_path, *([one] for one in rows))
    assert run(tmp_path) == Compacted(files_before=8, files_after=2, rows=8)
    assert [file.day for file in files(tmp_path)] == ["2026-09-20", TODAY]
    assert rows_of(tmp_path) == Counter(one.row_id for one in rows)


def test_of_copies_one_stays(tmp_path: Path) -> None:
    one, two = row("1", user="u"), row("2", user="u")
    write(tmp_path, [one], [one, two, two])
    assert run(tmp_path) == Compacted(files_before=2, files_after=1, rows=2, copies=2)
    assert rows_of(tmp_path) == {one.row_id: 1, two.row_id: 1}


def test_files_stop_growing_at_the_target(tmp_path: Path) -> None:
    paths = write(tmp_path, *([row(f"{n}", user="u")] for n in range(9)))
    run(tmp_path, target_bytes=3 * max(path.stat().st_size for path in paths))
    assert len(files(tmp_path)) == 3


def test_large_files_are_left_alone(tmp_path: Path) -> None:
    large, *_ = write(
        tmp_path, [row(f"{n}", user="u") for n in range(200)], [row("a", user="u")], [row("b", user="u")]
    )
    before = large.stat()
    assert run(tmp_path, target_bytes=large.stat().st_size).files_after == 2
    assert large.stat() == before


def test_to_do_it_again_does_nothing(tmp_path: Path) -> None:
    write(tmp_path, *([row(f"{n}", user="u")] for n in range(5)))
    run(tmp_path)
    before = {file.path: file.path.stat() for file in files(tmp_path)}
    assert run(tmp_path) == Compacted(files_before=1, files_after=1)
    assert {file.path: file.path.stat() for file in files(tmp_path)} == before


@given(
    st.lists(st.lists(st.sampled_from(range(6)), max_size=4), min_size=1, max_size=6), st.integers(1, 2_000)
)
def test_no_row_is_lost_however_they_lie(
    tmp_path_factory: pytest.TempPathFactory, placed: list[list[int]], target_bytes: int
) -> None:
    folder = tmp_path_factory.mktemp("archive")
    pool: list[Row] = [row(f"{n}", user="u", at=-60 if n % 2 else YESTERDAY) for n in range(6)]
    write(folder, *([pool[n] for n in ns] for ns in placed))
    before = set(rows_of(folder))
    run(folder, target_bytes)
    run(folder, target_bytes)
    assert set(rows_of(folder)) == before


class TestWhatCannotBeRead:
    def test_a_bad_line_is_kept(self, tmp_path: Path) -> None:
        bad = b'{"row_id": "?"}'  # without an end
        write(tmp_path, [row("1", user="u")], [row("2", user="u")], raw=[bad])
        write(tmp_path, [row("3", user="u")])
        run(tmp_path)
        (file,) = files(tmp_path)
        assert bad + b"\n" in [line.data for line in lines_of(file)]
        assert len(rows_of(tmp_path)) == 3

    def test_a_file_that_breaks_off_is_left_and_told(self, tmp_path: Path) -> None:
        broken, *_ = write(tmp_path, *([row(f"{n}", user="u")] for n in range(3)))
        data = broken.read_bytes()[:-9]
        broken.write_bytes(data)
        report = run(tmp_path)
        assert broken.read_bytes() == data
        assert report.files_after == 2
        assert str(broken) in report.problems[0]


class TestInterruptions:
    @pytest.mark.parametrize("survivors", range(4))
    def test_no_row_is_lost_and_none_is_torn(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, survivors: int
    ) -> None:
        """Interrupted while the small files go, after 0, 1, ... of them."""
        write(tmp_path, *([row(f"{n}", user="u")] for n in range(4)))
        before = set(rows_of(tmp_path))
        unlink, removed = Path.unlink, []

        def interrupted(self: Path, missing_ok: bool = False) -> None:
            if self.suffix == ".gz":
                if len(removed) == survivors:
                    raise KeyboardInterrupt
                removed.append(self)
            unlink(self, missing_ok)

        monkeypatch.setattr(Path, "unlink", interrupted)
        with pytest.raises(KeyboardInterrupt):
            run(tmp_path)
        monkeypatch.undo()
        assert set(rows_of(tmp_path)) == before
        run(tmp_path)
        assert rows_of(tmp_path) == Counter(before)

    def test_before_the_large_file_is_complete_nothing_has_changed(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        write(tmp_path, *([row(f"{n}", user="u")] for n in range(4)))
        before = {file.path: file.path.read_bytes() for file in files(tmp_path)}

        def full(handle: int) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space"):
            run(tmp_path)
        assert {file.path: file.path.read_bytes() for file in files(tmp_path)} == before
        assert list(tmp_path.rglob("*.tmp")) == []


def test_what_killed_writers_left_is_removed_after_a_day(tmp_path: Path) -> None:
    (path,) = write(tmp_path, [row("1", user="u")])
    for name, age_us in (("old.tmp", clock.DAY + clock.MINUTE), ("new.tmp", clock.HOUR)):
        path.with_name(name).touch()
        os.utime(path.with_name(name), ((NOW - age_us) / 1e6,) * 2)
    assert run(tmp_path).temporary_removed == 1
    assert [left.name for left in tmp_path.rglob("*.tmp")] == ["new.tmp"]


def test_not_while_another_changes_it(tmp_path: Path) -> None:
    write(tmp_path, [row("1", user="u")])
    with changing(tmp_path), pytest.raises(ArchiveError, match="another"):
        run(tmp_path)
