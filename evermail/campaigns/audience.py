"""Reads an audience, a CSV file of any size, line by line and in constant memory.

Values are divided by `,`, `;` or tabs, as the first line shows, and may stand in quotes as spreadsheets write
them (RFC 4180). What the columns mean is said elsewhere (recipients.py).
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections import deque
from collections.abc import Collection, Iterator
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

from evermail.written_yaml import Problem

DELIMITERS = ",;\t"

MAX_LINE_BYTES = 1_000_000
MAX_LINES_PER_ROW = 64
"""A value in quotes ends within so many lines, or its quote was never closed."""

_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_SAVE = "save the file as UTF-8 (in Excel: CSV UTF-8)"
_UNCLOSED = "unexpected end of data"
"""What `csv` says of it."""


class AudienceRefused(Exception):
    """A file that cannot be used, or a line of it that must not be passed over: `FILE:LINE: what; remedy`."""

    def __init__(self, path: Path, problem: Problem) -> None:
        super().__init__(problem.told(path))
        self.problem = problem


class Line(NamedTuple):
    """The values of a row in the order of the columns, and `raw`, how they stand in the file."""

    number: int
    values: list[str]
    raw: str


class Audience:
    """A CSV file with its first line read. A context manager, which closes it.

    `columns` are the names in the first line as they should be: `first_name` where it says `First name`.
    `expected` are those that a reader knows: they tell which delimiter it is. `header` is the first line
    itself, without `line_end`; `has_bom` is whether a byte order mark stands before it.
    Raises `AudienceRefused`.
    """

    def __init__(self, path: Path, expected: Collection[str]) -> None:
        self.path = path
        try:
            self._file = path.open("rb")
        except OSError as problem:
            raise self.refused(1, f"cannot be read: {problem.strerror}", "give the audience's file") from None
        self._number = 0
        self._ahead: deque[tuple[int, bytes]] = deque()
        try:
            self.has_bom, self.header, self.line_end = self._read_header()
            self.delimiter, written = self._divided(expected)
            self.columns = [re.sub(r"[\s_-]+", "_", name.strip().lower()) for name in written]
            twice = next((name for name in self.columns if name and self.columns.count(name) > 1), None)
            if twice:
                raise self.refused(1, f"two columns are called `{twice}`", "keep one of them")
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> Audience:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def refused(self, line: int, what: str, remedy: str = "") -> AudienceRefused:
        """A mistake of this file, to be raised."""
        return AudienceRefused(self.path, Problem(line, what, remedy))

    @property
    def bytes_read(self) -> int:
        """How far it is read: for progress."""
        return self._file.tell()

    def lines(self) -> Iterator[Line | Problem]:
        """The rows after the first line, each read or told what is wrong with it. Empty ones are none.

        What stands after a wrong line is read as if the wrong one were not there.
        """
        blank = f"{self.delimiter} \t\r\n"
        while (found := self._next()) is not None:
            number, data = found
            text = _decoded(number, data)
            if isinstance(text, Problem):
                yield text
            elif '"' in text:
                yield self._quoted(number, text)
            elif text.strip(blank):
                values = text.rstrip("\r\n").split(self.delimiter)
                even = len(values) == len(self.columns)
                yield Line(number, values, text) if even else self._uneven(number, values)

    def _quoted(self, number: int, text: str) -> Line | Problem:
        """A line with quotes, and the next ones if a value goes on there."""
        for ahead in range(MAX_LINES_PER_ROW):
            try:
                values = _values(text, self.delimiter)
            except csv.Error as error:
                following = self._peek(ahead)
                more = _decoded(number, following) if following is not None else None
                if _UNCLOSED in str(error) and isinstance(more, str):
                    text += more
                    continue
                if ahead == 0 and _UNCLOSED not in str(error):
                    remedy = 'write a quote that belongs to a value twice: ""'
                    return Problem(number, "text stands behind a value's closing quote", remedy)
                break
            if len(values) == len(self.columns):
                for _ in range(ahead):
                    self._ahead.popleft()
                return Line(number, values, text)
            if ahead == 0:
                return self._uneven(number, values)
            break
        return Problem(number, "a quote that opens here is never closed", "close it, or delete it")

    def _uneven(self, number: int, values: list[str]) -> Problem:
        there, named = len(values), len(self.columns)
        what = f"there {'is 1 value' if there == 1 else f'are {there} values'} for {named} columns"
        shown = {"\t": "tab"}.get(self.delimiter, self.delimiter)
        many = f"put a value that holds a {shown} in quotes"
        return Problem(
            number, what, many if there > named else f"write a {shown} for each that is left empty"
        )

    def _next(self) -> tuple[int, bytes] | None:
        return self._ahead.popleft() if self._ahead else self._read()

    def _peek(self, index: int) -> bytes | None:
        """The line `index` lines after the next one, None if the file ends before it."""
        while len(self._ahead) <= index:
            if (found := self._read()) is None:
                return None
            self._ahead.append(found)
        return self._ahead[index][1]

    def _read(self) -> tuple[int, bytes] | None:
        """A line with its number; of one that is too long only the beginning."""
        try:
            data = self._file.readline(MAX_LINE_BYTES + 1)
            end = data[-1:]
            while end and end != b"\n" and len(data) > MAX_LINE_BYTES:
                end = self._file.readline(MAX_LINE_BYTES)[-1:]
        except OSError as problem:
            raise self.refused(self._number + 1, f"cannot be read on: {problem.strerror}") from None
        self._number += 1
        return (self._number, data) if data else None

    def _read_header(self) -> tuple[bool, str, str]:
        found = self._read()
        if found is None:
            raise self.refused(1, "the file is empty", "name the columns in its first line")
        data = found[1]
        if data.startswith(_UTF16):
            raise self.refused(1, "this is UTF-16 text", _SAVE)
        text = _decoded(1, data.removeprefix(codecs.BOM_UTF8))
        if isinstance(text, Problem):
            raise AudienceRefused(self.path, text)
        line_end = "\r\n" if text.endswith("\r\n") else "\n"
        text = text.rstrip("\r\n")
        if "\r" in text:
            raise self.refused(
                1, "its lines end as those of an old Mac", "save it with the line ends of Windows"
            )
        return data.startswith(codecs.BOM_UTF8), text, line_end

    def _divided(self, expected: Collection[str]) -> tuple[str, list[str]]:
        """The delimiter, and the names of the columns as they are written."""
        ways = []
        for delimiter in DELIMITERS:
            try:
                names = _values(self.header, delimiter)
            except csv.Error:
                continue
            known = sum(name.strip().lower() in expected for name in names)
            ways.append((known, len(names), delimiter, names))
        if not ways:
            remedy = "write each name without quotes, or in quotes of its own"
            raise self.refused(1, "a quote in the line of column names is never closed", remedy)
        _, _, delimiter, names = max(ways, key=lambda way: way[:2])
        return delimiter, names


def _values(text: str, delimiter: str) -> list[str]:
    """Those of one row. Raises `csv.Error`."""
    return next(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True), [])


def _decoded(number: int, data: bytes) -> str | Problem:
    if len(data) > MAX_LINE_BYTES:
        return Problem(number, f"the line has more than {MAX_LINE_BYTES:,} bytes", "is this a CSV file?")
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        return Problem(number, f"the byte {data[error.start]:#04x} in this line is not UTF-8", _SAVE)
