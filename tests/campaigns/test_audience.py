"""A CSV file is read row by row, however a spreadsheet wrote it; a wrong row does not take others with it."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evermail.campaigns.audience import (
    DELIMITERS,
    MAX_LINE_BYTES,
    MAX_LINES_PER_ROW,
    Audience,
    AudienceRefused,
)
from evermail.written_yaml import Problem

EXPECTED = ("email", "user_id")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "people.csv"


def read(file: Path, data: bytes) -> list[tuple[int, list[str]] | str]:
    """Values with their lines, or what is wrong."""
    file.write_bytes(data)
    with Audience(file, EXPECTED) as audience:
        return [
            f"{one.line}: {one.what}" if isinstance(one, Problem) else (one.number, one.values)
            for one in audience.lines()
        ]


@pytest.mark.parametrize("delimiter", DELIMITERS)
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_the_first_line_shows_how_values_are_divided(
    file: Path, delimiter: str, end: str, mark: bytes
) -> None:
    lines = [("E-Mail", "User ID", "note; a, b"), ("a@example.com", "1", "x"), ("b@example.com", "2", "")]
    text = "".join(
        delimiter.join(f'"{one}"' if len(one) > 8 else one for one in line) + end for line in lines
    )
    assert read(file, mark + text.encode()) == [(2, list(lines[1])), (3, list(lines[2]))]
    with Audience(file, EXPECTED) as audience:
        assert (audience.columns[1], audience.delimiter) == ("user_id", delimiter)
        assert (audience.line_end, audience.has_bom) == (end, bool(mark))


def test_values_in_quotes_hold_anything(file: Path) -> None:
    data = b'email,user_id\r\n"a ""b"", c",1\r\n"two\r\nlines",2\r\n5" pipe,3\r\n'
    assert read(file, data) == [(2, ['a "b", c', "1"]), (3, ["two\r\nlines", "2"]), (5, ['5" pipe', "3"])]


def test_a_quote_that_is_never_closed_costs_its_own_line(file: Path) -> None:
    rows = b"".join(b"p%d,%d\n" % (n, n) for n in range(2 * MAX_LINES_PER_ROW))
    found = read(file, b'email,user_id\n"open,1\n' + rows)
    assert found[0] == "2: a quote that opens here is never closed"
    assert len(found) == 1 + 2 * MAX_LINES_PER_ROW
    assert read(file, b'email,user_id\n"open,1\n"b",2\n"c",3') == [
        "2: a quote that opens here is never closed",
        (3, ["b", "2"]),
        (4, ["c", "3"]),
    ]


@pytest.mark.parametrize(
    ("row", "what"),
    [
        (b"a", "there is 1 value for 2 columns"),
        (b"a,b,c", "there are 3 values for 2 columns"),
        (b'"a"b,c', "text stands behind a value's closing quote"),
        (b"\xe4,b", "the byte 0xe4 in this line is not UTF-8"),
        (b"x" * (2 * MAX_LINE_BYTES) + b",b", "the line has more than 1,000,000 bytes"),
    ],
)
def test_a_wrong_row_is_told_and_the_next_is_read(file: Path, row: bytes, what: str) -> None:
    assert read(file, b"email,user_id\n" + row + b"\n\n , \nz,9") == [f"2: {what}", (5, ["z", "9"])]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "1: the file is empty; name the columns"),
        (b"\xff\xfee\x00", "1: this is UTF-16 text; save the file as UTF-8"),
        ("ä\n".encode("latin-1"), "1: the byte 0xe4"),
        (b"email,user_id\ra@example.com,1\r", "1: its lines end as those of an old Mac"),
        (b"email,Email\n", "1: two columns are called `email`"),
        (b'"email\n', "1: a quote in the line of column names"),
    ],
)
def test_a_file_without_columns_is_refused(file: Path, data: bytes, words: str) -> None:
    with pytest.raises(AudienceRefused) as caught:
        read(file, data)
    assert str(caught.value).startswith(f"{file}:{words}")


def test_a_file_that_is_not_there_is_refused(file: Path) -> None:
    with pytest.raises(AudienceRefused, match="cannot be read: No such file"):
        Audience(file, EXPECTED)


cells = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\n\0")) | st.sampled_from(
    ['"', "a\nb", "a\r\nb", ";", "\t", ","]
)


@given(st.lists(st.tuples(cells, cells.filter(str.strip)), max_size=8), st.sampled_from(DELIMITERS))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_a_spreadsheet_writes_is_read(file: Path, rows: list[tuple[str, str]], delimiter: str) -> None:
    out = io.StringIO(newline="")
    csv.writer(out, delimiter=delimiter).writerows([EXPECTED, *rows])
    assert [one[1] for one in read(file, out.getvalue().encode())] == [list(row) for row in rows]


@given(st.binary())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_bytes_follow_a_row_is_values_or_told(file: Path, data: bytes) -> None:
    assert all(isinstance(one, str) or len(one[1]) == 2 for one in read(file, b"email,user_id\n" + data))
