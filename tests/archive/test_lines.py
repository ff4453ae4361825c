"""Files line by line: rows come out, and for what is no row its place and the reason."""

from __future__ import annotations

import gzip
import io

import pytest
from archive_support import row

from evermail.archive import lines
from evermail.archive.lines import MAX_LINE_BYTES, Line, read_lines
from evermail.archive.record import Verdict, row_of, to_line
from evermail.decoding import MAX_PSEUDONYMIZED_BYTES
from evermail.events import Code, Event, EventName, to_json

ROWS = [row(f"e{n}", user="u") for n in range(3)]
TEXT = b"".join(to_line(row) for row in ROWS)


def read(data: bytes, name: str = "a.ndjson") -> list[Line]:
    return list(read_lines(io.BytesIO(data), name))


@pytest.mark.parametrize(("name", "data"), [("a.ndjson", TEXT), ("a.ndjson.gz", gzip.compress(TEXT))])
def test_rows_come_in_order_with_their_lines(name: str, data: bytes) -> None:
    found = read(data, name)
    assert [line.row for line in found] == ROWS
    assert [(line.file, line.number) for line in found] == [(name, 1), (name, 2), (name, 3)]
    assert b"".join(line.data for line in found) == TEXT


def test_a_last_line_without_an_end_is_a_line() -> None:
    assert [line.row for line in read(TEXT[:-1])] == ROWS


def test_empty_lines_are_no_lines_but_are_counted() -> None:
    assert [line.number for line in read(b"\n \n" + TEXT)] == [3, 4, 5]


def test_an_empty_file_has_none() -> None:
    assert read(b"") == read(gzip.compress(b""), "a.ndjson.gz") == []


def test_a_bad_line_is_told_and_the_next_ones_are_read() -> None:
    good, bad = to_line(ROWS[0]), b'{"row_id": 1}\n'
    first, second, third = read(good + bad + good)
    assert first.row == third.row == ROWS[0]
    assert (second.row, second.number, second.code, second.whole) == (None, 2, Code.WRONG_TYPE, True)
    assert second.data == bad
    assert "row_id" in second.problem


@pytest.mark.parametrize("excess", [1, MAX_LINE_BYTES, 3 * MAX_LINE_BYTES + 7])
def test_a_line_that_is_too_long_is_shown_by_its_beginning(excess: int) -> None:
    good = to_line(ROWS[0])
    first, second, third = read(good + b"x" * (MAX_LINE_BYTES + excess) + b"\n" + good)
    assert (first.row, third.row, third.number) == (ROWS[0], ROWS[0], 3)
    assert (second.row, second.code, second.whole) == (None, Code.OVERSIZE_PAYLOAD, False)
    assert second.data == b"x" * lines.KEPT_OF_OVERSIZE_BYTES


def test_a_line_is_never_read_whole_that_is_too_long() -> None:
    class Endless(io.RawIOBase):
        left = 20
        longest = 0

        def readline(self, size: int | None = -1, /) -> bytes:
            assert size is not None
            self.longest = max(self.longest, size)
            self.left -= 1
            return b"x" * size if self.left > 0 else b""

    stream = Endless()
    assert len(list(read_lines(stream, "a.ndjson"))) == 1  # type: ignore[arg-type]
    assert 0 < stream.longest <= MAX_LINE_BYTES + 1


def test_the_largest_event_is_not_too_long() -> None:
    large = Event("e" * 128, EventName.SEARCH, 10**15, "c" * 256, "u" * 256, extra={"note": "x" * 1_040_000})
    assert MAX_PSEUDONYMIZED_BYTES * 0.99 < len(to_json(large)) <= MAX_PSEUDONYMIZED_BYTES
    made = row_of(large, shopper="u" * 256, verdict=Verdict.ACCEPTED, version="test")
    assert [line.row for line in read(to_line(made))] == [made]


class TestDamage:
    def test_a_compressed_file_that_breaks_off_says_so_after_what_was_there(self) -> None:
        *found, last = read(gzip.compress(TEXT)[:-9], "a.ndjson.gz")
        assert all(line.row for line in found)
        assert (last.row, last.whole, last.data) == (None, False, b"")
        assert "breaks off" in last.problem

    def test_a_byte_that_changed_is_seen(self) -> None:
        data = bytearray(gzip.compress(TEXT))
        data[len(data) // 2] ^= 0xFF
        assert not read(bytes(data), "a.ndjson.gz")[-1].whole

    def test_a_file_that_is_not_compressed_but_should_be_is_damaged(self) -> None:
        (line,) = read(TEXT, "a.ndjson.gz")
        assert not line.whole

    def test_a_disk_that_fails_is_no_damage(self) -> None:
        class Failing(io.BytesIO):
            def readline(self, size: int | None = -1, /) -> bytes:
                raise OSError(5, "Input/output error")

        with pytest.raises(OSError, match="Input/output"):
            list(read_lines(Failing(), "a.ndjson"))
