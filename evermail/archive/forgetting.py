"""Erasure in the archive: the rows of people who asked for it go, the asking stays.

An `erase_user` reaches back from its second, as it does in the job: what was said of the same person at or
before it is erased. Its own row is kept, so that a rebuild erases again what other parts may still hold.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable
from pathlib import Path

import msgspec

from evermail import clock
from evermail.archive.folder import DayFile, changing, files, lines_of, new_file, sync_directory
from evermail.archive.lines import Line
from evermail.archive.record import Row
from evermail.events import EventName

Progress = Callable[[str, int, int], None]
"""Is told what is being done, how many bytes of files are behind and how many there are in all."""

MAX_PROBLEMS = 100
"""So many are told one by one; all are counted."""


class Forgotten(msgspec.Struct):
    """What became of an archive. `problems` says where lines are that could not be read: they were kept."""

    requests: int = 0
    rows: int = 0
    rows_forgotten: int = 0
    files: int = 0
    files_rewritten: int = 0
    files_removed: int = 0
    lines_unreadable: int = 0
    problems: list[str] = []


class Erasures:
    """Who asked to be erased, and which browser was whose. Hear all rows first, then ask."""

    def __init__(self) -> None:
        self.requests = 0
        self._erased: dict[str, int] = {}
        self._links: dict[str, list[tuple[int, str, tuple[str, ...]]]] = {}

    def hear(self, row: Row) -> None:
        clients, users = _clients(row), _users(row)
        if row.event_name == EventName.ERASE_USER:
            self.requests += 1
            for name in {row.shopper, *clients, *users} - {""}:
                self._erased[name] = max(self._erased.get(name, -1), _time_us(row) // clock.SECOND)
        elif row.event_name == EventName.IDENTIFY and clients and users:
            for client in clients:
                self._links.setdefault(client, []).append((_time_us(row), row.row_id, users))

    def settle(self) -> None:
        """To be called when everything has been heard."""
        for client, links in self._links.items():
            links.sort()
            self._links[client] = [
                link
                for before, link in zip([None, *links], links, strict=False)
                if not before or before[2] != link[2]
            ]

    def cover(self, row: Row) -> bool:
        """Whether a row is to go."""
        if row.event_name == EventName.ERASE_USER or not self._erased:
            return False
        second = _time_us(row) // clock.SECOND
        return any(second <= self._erased.get(name, -1) for name in self._owners(row))

    def _owners(self, row: Row) -> Iterable[str]:
        """Under which names this row may have been asked to be erased.

        A row says itself whose it is, or the job found it out. A row that stands under a browser's name
        belongs to the user of the browser's last `identify` until then, or else of its first one, as in
        `evermail.shopper`.
        """
        users = _users(row)
        if users:
            return (row.shopper, *users)
        clients = _clients(row)
        if row.shopper and row.shopper not in clients:
            return (row.shopper,)
        return (*clients, *(user for client in clients for user in self._users_at(client, _time_us(row))))

    def _users_at(self, client: str, time_us: int) -> tuple[str, ...]:
        links = self._links.get(client)
        if not links:
            return ()
        place = bisect_right(links, time_us, key=lambda link: link[0])
        return links[max(0, place - 1)][2]


def forget(folder: Path, progress: Progress, *, dry_run: bool = False) -> Forgotten:
    """Rewrites the files that hold rows of erased people, each at once and under its old name.

    To be interrupted or repeated does no harm. Files that break off are left as they are. Raises
    `ArchiveError` if there is no archive, or another command is changing it, and `OSError`.
    """
    with changing(folder):
        found = files(folder)
        total = sum(file.size for file in found)
        report, erasures = Forgotten(files=len(found)), Erasures()
        done = 0
        for file in found:
            for line in lines_of(file):
                if line.row is not None:
                    report.rows += 1
                    erasures.hear(line.row)
                else:
                    _note(report, line)
            done += file.size
            progress("looking for requests", done, total)
        erasures.settle()
        report.requests = erasures.requests
        done = 0
        for file in found if erasures.requests else ():
            _forget_in(file, erasures, report, dry_run)
            done += file.size
            progress("forgetting", done, total)
    return report


def _forget_in(file: DayFile, erasures: Erasures, report: Forgotten, dry_run: bool) -> None:
    forgotten = kept = 0
    for line in lines_of(file):
        if not line.whole:
            return  # it could not be written again
        if line.row is not None and erasures.cover(line.row):
            forgotten += 1
        else:
            kept += 1
    if not forgotten:
        return
    report.rows_forgotten += forgotten
    report.files_rewritten += bool(kept)
    report.files_removed += not kept
    if dry_run:
        return
    if not kept:
        file.path.unlink()
        sync_directory(file.path.parent)
        return
    with new_file(file.path.parent, "".join(file.path.suffixes[-2:])) as rewritten:
        for line in lines_of(file):
            if line.row is None or not erasures.cover(line.row):
                rewritten.write(line.data)
        rewritten.commit(file.path)


def _note(report: Forgotten, line: Line) -> None:
    report.lines_unreadable += 1
    if len(report.problems) < MAX_PROBLEMS:
        report.problems.append(f"{line.file}, line {line.number}: {line.problem}")


def _users(row: Row) -> tuple[str, ...]:
    return (row.user_id, *row.user_aliases) if row.user_id else ()


def _clients(row: Row) -> tuple[str, ...]:
    return (row.client_id, *row.client_aliases) if row.client_id else ()


def _time_us(row: Row) -> int:
    """When it happened; no event happens after it was received."""
    event_us, received_us = clock.from_datetime(row.event_time), clock.from_datetime(row.received_at)
    return min(event_us, received_us) if received_us else event_us
