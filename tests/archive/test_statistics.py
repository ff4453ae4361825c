"""What an archive holds, counted."""

from __future__ import annotations

from pathlib import Path

from archive_support import NOW, TODAY, no_progress, row, write

from evermail import clock
from evermail.archive.record import Verdict
from evermail.archive.statistics import Statistics, count


def test_rows_are_counted_by_what_people_ask_for(tmp_path: Path) -> None:
    paths = write(
        tmp_path,
        [row("1", user="u", at=-100_000), row("2", user="u", at=-90_000)],
        [row("3", user="u", name="search", at=-60), row("4", at=-50)],
        [row("5", user="u", verdict=Verdict.LATE, at=-100_060, received=0)],
    )
    assert count(tmp_path, no_progress) == Statistics(
        files=3,
        bytes=sum(path.stat().st_size for path in paths),
        rows=5,
        anonymous=1,
        verdicts={"accepted": 4, "late": 1},
        names={"view_item": 4, "search": 1},
        days={"2026-09-20": 2, TODAY: 3},
        event_time=(moment(-100_060), moment(-50)),
        received_at=(moment(-99_999), moment(0)),
    )


def moment(at: float) -> object:
    return clock.to_datetime(NOW + round(at * clock.SECOND))


def test_copies_are_counted_apart(tmp_path: Path) -> None:
    one = row("1", user="u")
    write(tmp_path, [one, one], [one, row("2", user="u")])
    found = count(tmp_path, no_progress)
    assert (found.rows, found.copies, found.names) == (2, 2, {"view_item": 2})


def test_lines_that_cannot_be_read_are_counted_and_told(tmp_path: Path) -> None:
    write(tmp_path, [row("1", user="u")], raw=[b"{\n", b"[]\n"])
    found = count(tmp_path, no_progress)
    assert (found.rows, found.lines_unreadable) == (1, 2)
    assert [", line 2: " in found.problems[0], ", line 3: " in found.problems[1]] == [True, True]
