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
    """Who asked to be erased, and which browser was whose. Hear all rows first, settle, then ask.

    Whoever has had several names, one under each pseudonym key, is one person: rows that were written while
    two keys were in use say both names, and so lead from the newest to the oldest.
    """

    def __init__(self) -> None:
        self.requests = 0
        self._erased: dict[str, int] = {}
        self._links: dict[str, list[tuple[int, str, str]]] = {}
        self._same: dict[str, str] = {}
        """Names that another one stands for, and that one: see `_person`."""

    def hear(self, row: Row) -> None:
        user, client = row.user_id or "", row.client_id or ""
        for name, aliases in ((user, row.user_aliases), (client, row.client_aliases)):
            for alias in aliases if name else ():
                self._join(name, alias)
        if row.event_name == EventName.ERASE_USER:
            self.requests += 1
            for name in {row.shopper, client, user} - {""}:
                self._erased[name] = max(self._erased.get(name, -1), _time_us(row) // clock.SECOND)
        elif row.event_name == EventName.IDENTIFY and client and user:
            self._links.setdefault(client, []).append((_time_us(row), row.row_id, user))

    def settle(self) -> None:
        """To be called when everything has been heard."""
        heard, self._erased = self._erased, {}
        for name, second in heard.items():
            person = self._person(name)
            self._erased[person] = max(self._erased.get(person, -1), second)
        named, self._links = self._links, {}
        for client, links in named.items():
            of_client = self._links.setdefault(self._person(client), [])
            of_client += [(time_us, row_id, self._person(user)) for time_us, row_id, user in links]
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
        """As whom this row may have been asked to be erased.

        A row says itself whose it is, or the job found it out. A row that stands under a browser's name
        belongs to the user of the browser's last `identify` until then, or else of its first one, as in
        `evermail.shopper`.
        """
        shopper, client = self._person(row.shopper), self._person(row.client_id or "")
        if row.user_id:
            return shopper, self._person(row.user_id)
        if shopper not in ("", client):
            return (shopper,)
        return client, *self._user_at(client, _time_us(row))

    def _user_at(self, client: str, time_us: int) -> tuple[str, ...]:
        links = self._links.get(client)
        if not links:
            return ()
        place = bisect_right(links, time_us, key=lambda link: link[0])
        return (links[max(0, place - 1)][2],)

    def _join(self, name: str, alias: str) -> None:
        one, other = self._person(name), self._person(alias)
        if one != other:
            self._same[one] = other

    def _person(self, name: str) -> str:
        """The name that stands for all of the same person's. There are as many as there were keys: few."""
        while name in self._same:
            name = self._same[name]
        return name


def forget(folder: Path, progress: Progress, *, dry_run: bool = False) -> Forgotten:
    """Rewrites the files that hold rows of erased people, each at once and under its old name.

    To be interrupted or repeated does no harm: the oldest days go first, as rows under a former name alone
    are older than those that say whose it is. Files that break off are left as they are. Raises
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


def _time_us(row: Row) -> int:
    """When it happened; no event happens after it was received."""
    event_us, received_us = clock.from_datetime(row.event_time), clock.from_datetime(row.received_at)
    return min(event_us, received_us) if received_us else event_us
