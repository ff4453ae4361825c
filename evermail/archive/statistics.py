"""What an archive holds, counted."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from itertools import groupby
from pathlib import Path

import msgspec

from evermail.archive.folder import files, lines_of
from evermail.archive.forgetting import MAX_PROBLEMS, Progress
from evermail.archive.record import Row


class Statistics(msgspec.Struct):
    """Rows are counted once, their copies apart. Times are of the earliest and the latest row."""

    files: int = 0
    bytes: int = 0
    rows: int = 0
    copies: int = 0
    anonymous: int = 0
    """Rows that may feed aggregates only."""
    verdicts: dict[str, int] = {}
    names: dict[str, int] = {}
    days: dict[str, int] = {}
    """Rows by day of receipt."""
    event_time: tuple[datetime, datetime] | None = None
    received_at: tuple[datetime, datetime] | None = None
    lines_unreadable: int = 0
    problems: list[str] = []


def count(folder: Path, progress: Progress) -> Statistics:
    """Reads all of it. Raises `ArchiveError` if there is no archive, and `OSError`."""
    found = files(folder)
    report = Statistics(files=len(found), bytes=sum(file.size for file in found))
    verdicts, names, days = Counter[str](), Counter[str](), Counter[str]()
    done = 0
    for day, of_day in groupby(found, key=lambda file: file.day):
        seen: set[str] = set()  # copies of a row have its time of receipt, so its day
        for file in of_day:
            for line in lines_of(file):
                row = line.row
                if row is None:
                    report.lines_unreadable += 1
                    if len(report.problems) < MAX_PROBLEMS:
                        report.problems.append(f"{line.file}, line {line.number}: {line.problem}")
                elif row.row_id in seen:
                    report.copies += 1
                else:
                    seen.add(row.row_id)
                    verdicts[row.verdict] += 1
                    names[row.event_name] += 1
                    days[day] += 1
                    _add(report, row)
            done += file.size
            progress("reading", done, report.bytes)
    report.verdicts, report.names = dict(verdicts.most_common()), dict(names.most_common())
    report.days = dict(sorted(days.items()))
    return report


def _add(report: Statistics, row: Row) -> None:
    report.rows += 1
    report.anonymous += not row.shopper
    report.event_time = _widened(report.event_time, row.event_time)
    report.received_at = _widened(report.received_at, row.received_at)


def _widened(span: tuple[datetime, datetime] | None, time: datetime) -> tuple[datetime, datetime]:
    return (time, time) if span is None else (min(span[0], time), max(span[1], time))
