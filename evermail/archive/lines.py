"""Files of the archive, line by line. What cannot be read is told, with its place, and stops nothing."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from typing import IO, NamedTuple

from evermail.archive.record import Row, Unreadable, from_line
from evermail.events import Code

MAX_LINE_BYTES = 2 * 1024 * 1024
"""An event is 1 MB at most, as `evermail.decoding` takes them in; a longer line than this was never ours."""

KEPT_OF_OVERSIZE_BYTES = 1024
"""How much of such a line is shown."""


class Line(NamedTuple):
    """A line of a file, numbered from 1: a row, or why it is none.

    `data` is the line with its end; if it is not `whole`, the line is longer or the file breaks off there.
    """

    file: str
    number: int
    data: bytes
    row: Row | None
    code: Code = Code.MALFORMED_JSON
    problem: str = ""
    whole: bool = True


def read_lines(stream: IO[bytes], file: str) -> Iterator[Line]:
    """The lines of a file, decompressed if its name says so. Empty ones are left out.

    A compressed file that is damaged or breaks off ends with a line of no data that says so. Raises `OSError`
    when the file cannot be read now.
    """
    lines = gzip.GzipFile(fileobj=stream) if file.endswith(".gz") else stream
    number = 0
    try:
        while data := lines.readline(MAX_LINE_BYTES + 1):
            number += 1
            if len(data) > MAX_LINE_BYTES:
                while data[-1:] != b"\n" and (rest := lines.readline(MAX_LINE_BYTES)):
                    data = data[:KEPT_OF_OVERSIZE_BYTES] + rest[-1:]
                problem = f"the line is longer than {MAX_LINE_BYTES} bytes"
                start = data[:KEPT_OF_OVERSIZE_BYTES]
                yield Line(file, number, start, None, Code.OVERSIZE_PAYLOAD, problem, whole=False)
            elif not data.isspace():
                yield _read(file, number, data)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        problem = f"the compressed file breaks off or is damaged here: {error}"
        yield Line(file, number + 1, b"", None, Code.MALFORMED_JSON, problem, whole=False)


def _read(file: str, number: int, data: bytes) -> Line:
    try:
        return Line(file, number, data, from_line(data))
    except Unreadable as problem:
        return Line(file, number, data, None, problem.code, str(problem))
