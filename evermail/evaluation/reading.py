"""Reads data sets from files: sessions with times, sessions by line, cases. Gzip is told by the suffix.

What is wrong with a file is said with its name and line: `DataError`.
"""

from __future__ import annotations

import gzip
import math
import zlib
from collections.abc import Callable, Iterable, Iterator
from enum import StrEnum
from itertools import accumulate, pairwise
from pathlib import Path
from typing import NamedTuple, NoReturn, TextIO, cast

import numpy as np

from evermail import clock
from evermail.evaluation.datasets import Case, DataSet, Sessions
from evermail.evaluation.progress import Track

COLUMNS = ("SessionId", "ItemId", "Time")

_UNITS = (("seconds", 1e11, 1_000_000.0), ("milliseconds", 1e14, 1_000.0), ("microseconds", 1e17, 1.0))
"""Name, what no time in this unit reaches (the year 5138), and its microseconds."""


class Format(StrEnum):
    SESSIONS = "sessions"
    LINES = "lines"
    CASES = "cases"


class DataError(Exception):
    """A file that cannot be used: which, where, and what to do."""


class _Session(NamedTuple):
    items: list[str]
    times: list[int]


class Training(NamedTuple):
    """What a training file holds. `numbers` are the items' by their own ids."""

    sessions: Sessions
    numbers: dict[str, int]
    timed: bool
    notes: list[str]


def read_training(train: Path, form: Format, track: Track, *, days: float = 0.0) -> Training:
    """The sessions to learn from, oldest first. Where only the order is known they are spread evenly over so
    many `days`; else nothing would fade. Raises `DataError`."""
    notes: list[str] = []
    timed = form is Format.SESSIONS
    if timed:
        trained = _timed(train, track, notes)
        trained.sort(key=lambda session: session.times[-1])
    else:
        trained = _lines(train, track)
        notes.append(_no_times(days))
    occurring = {item for session in trained for item in session.items}
    # Shorter ids first, so that whole numbers are in their order
    ordered = sorted(occurring, key=lambda item: (len(item), item))
    numbers = {item: number for number, item in enumerate(ordered)}
    lengths = [len(session.items) for session in trained]
    times = np.array([time for session in trained for time in session.times], np.int64)
    if not timed:
        times = np.repeat(np.arange(1, len(trained) + 1) * round(days * clock.DAY / len(trained)), lengths)
    sessions = Sessions(
        np.array([numbers[item] for session in trained for item in session.items], np.int64),
        times,
        np.cumsum([0, *lengths], dtype=np.int64),
    )
    return Training(sessions, numbers, timed, notes)


def read(train: Path, test: Path, form: Format, track: Track, *, days: float = 0.0) -> DataSet:
    """The data set of two files, `days` as in `read_training`. Raises `DataError`."""
    sessions, numbers, timed, notes = read_training(train, form, track, days=days)
    known = len(numbers)
    end_us = int(sessions.times.max())

    def number(names: Iterable[str]) -> list[int]:
        return [numbers.setdefault(name, len(numbers)) for name in names]

    if form is Format.CASES:
        cases = _cases(test, track, number, end_us)
    else:
        tested = _timed(test, track, notes) if timed else _lines(test, track)
        cases = [
            Case(at, items, times, end)
            for at, session in enumerate(tested)
            for items in [number(session.items)]
            for times in [session.times if timed else [end_us] * len(items)]
            for end in range(1, len(items))
        ]
    if not cases:
        raise DataError(f"{test} holds no case: a session needs two items, so that there is a next one")
    unknown = sum(case.target >= known for case in cases)
    if unknown:
        notes.append(f"training lacks {unknown:,} of {len(cases):,} next items: nobody can hit them")
    return DataSet(list(numbers), known, sessions, cases, timed, notes)


def _no_times(days: float) -> str:
    told = "no times in these files: the order of lines is the order of sessions"
    return f"{told}, spread over {days:g} day{'' if days == 1 else 's'}" if days else f"{told}, nothing fades"


def _timed(path: Path, track: Track, notes: list[str]) -> list[_Session]:
    """The sessions of a table with `COLUMNS`, in order of appearance, clicks by time."""
    clicks: dict[str, list[tuple[float, str]]] = {}
    latest = 0.0
    lines = _text(path, track)
    _, header = next(lines, (1, ""))
    if not header:
        raise DataError(f"{path} is empty: it needs a header and lines of {', '.join(COLUMNS)}")
    places = _places(path, header)
    wide = len(header.split("\t"))
    for at, line in lines:
        fields = line.split("\t")
        if len(fields) != wide:
            what = f"{line[:60]!r} has {len(fields)} columns, the header {wide}"
            _wrong(path, at, what, "separate them by single tabs")
        session, item, written = (fields[place].strip() for place in places)
        if not session or not item:
            _wrong(path, at, "a session or item id is empty", "give both or leave the line out")
        try:
            time = float(written)
        except ValueError:
            time = math.nan
        if not 0 <= time < _UNITS[-1][1]:
            _wrong(path, at, f"{written[:60]!r} is no time", "write seconds or milliseconds since 1970")
        latest = max(latest, time)
        clicks.setdefault(session, []).append((time, item))
    if not clicks:
        raise DataError(f"{path} holds no click: it needs lines of {', '.join(COLUMNS)} below the header")
    unit, factor = next((name, factor) for name, most, factor in _UNITS if latest < most)
    notes.append(f"{path.name}: times are read as {unit}, by their size")
    for session_clicks in clicks.values():
        session_clicks.sort(key=lambda click: click[0])  # clicks of one moment stay in the file's order
    return [
        _Session([item for _, item in one], [round(time * factor) for time, _ in one])
        for one in clicks.values()
    ]


def _places(path: Path, header: str) -> list[int]:
    names = [name.strip() for name in header.split("\t")]
    wanted = ", ".join(COLUMNS)
    for column in COLUMNS:
        if names.count(column) > 1:
            _wrong(
                path, 1, f"{names.count(column)} columns are called {column}", "give one of them this name"
            )
    missing = ", ".join(column for column in COLUMNS if column not in names)
    if missing:
        remedy = f"begin with a header of {wanted}, separated by tabs, or choose another --format"
        _wrong(path, 1, f"no column {missing}", remedy)
    return [names.index(column) for column in COLUMNS]


def _lines(path: Path, track: Track) -> list[_Session]:
    """The sessions of a file with one on each line, items separated by spaces."""
    sessions = []
    for at, line in _text(path, track):
        if "\t" in line:
            _wrong(path, at, "a tab", "separate items by spaces, or choose another --format")
        items = line.split()
        sessions.append(_Session(items, [0] * len(items)))
    if not sessions:
        raise DataError(f"{path} is empty: it needs one session a line, items separated by spaces")
    return sessions


def _cases(path: Path, track: Track, number: Callable[[Iterable[str]], list[int]], now_us: int) -> list[Case]:
    """`items so far<TAB>next item` lines, all of them at `now_us`. Lines that shorten the one before by its
    last item are taken as the same session; or else lines that lengthen it by one, if the file has more."""
    whole = []
    for at, line in _text(path, track):
        before, tab, target = line.partition("\t")
        history, target = before.split(), target.strip()
        if not tab or not history or len(target.split()) != 1:
            _wrong(path, at, f"{line[:60]!r} is no case", "write the items so far, a tab and the next item")
        whole.append(number([*history, target]))
    shortened = [after == before[:-1] for before, after in pairwise(whole)]
    lengthened = [after[:-1] == before for before, after in pairwise(whole)]
    # One way for the whole file: a session may begin with just what another one ended with
    continued = max(shortened, lengthened, key=sum)
    sessions = accumulate((not same for same in continued), initial=0)
    return [
        Case(session, items, [now_us] * len(items), len(items) - 1)
        for session, items in zip(sessions, whole, strict=False)
    ]


def _text(path: Path, track: Track) -> Iterator[tuple[int, str]]:
    """The lines of a file that are not blank, with their numbers."""
    at = 0
    try:
        with _open(path) as file:
            for at, line in enumerate(track(file, f"reading {path.name}"), start=1):
                if line.strip():
                    yield at, line.rstrip("\r\n")
    except UnicodeDecodeError:
        if path.suffix != ".gz" and _is_gzip(path):
            raise DataError(f"{path} is gzip: give it a name that ends in .gz") from None
        _wrong(path, _undecodable(path), "this is not UTF-8", "save it as UTF-8 text")
    except (gzip.BadGzipFile, zlib.error, EOFError):
        if not _is_gzip(path):
            raise DataError(f"{path} is no gzip: compress it, or give it a name without .gz") from None
        raise DataError(
            f"{path}, after line {at}: the gzip data is damaged or cut off; fetch it again"
        ) from None
    except OSError as problem:
        raise DataError(f"{path} cannot be read: {problem.strerror}; check the path") from None


def _open(path: Path) -> TextIO:
    opened = gzip.open if path.suffix == ".gz" else open
    return cast(TextIO, opened(path, "rt", encoding="utf-8-sig"))


def _is_gzip(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(2) == b"\x1f\x8b"


def _undecodable(path: Path) -> int:
    """The first line that is not UTF-8, which whoever reads by blocks does not know."""
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "rb") as file:
        for at, line in enumerate(file, start=1):
            try:
                line.decode("utf-8")
            except UnicodeDecodeError:
                return at
    return 1


def _wrong(path: Path, line: int, what: str, remedy: str) -> NoReturn:
    raise DataError(f"{path}, line {line}: {what}; {remedy}")
