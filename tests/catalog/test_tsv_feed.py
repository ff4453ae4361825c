"""Feeds in tab-separated text: columns, quotes, encodings, and lines that are not as they should be."""

from __future__ import annotations

import gzip
import tracemalloc

import pytest

from evermail.catalog.item import MAX_VALUE_CHARS
from evermail.catalog.source import Feed, FeedBroken, FeedError
from evermail.catalog.tsv_feed import MAX_LINE_CHARS, MAX_LINES_PER_ITEM, read_tsv
from tests.catalog.feeds import Trickle, feed_of, ids, lamp, lamps, read, read_until_broken, tsv


def rows(*lines: str, header: str = "id\ttitle\tprice") -> list[dict[str, str]]:
    return [item.attributes for item in read("\n".join([header, *lines]).encode())]


def test_items_are_read_with_their_attributes() -> None:
    items = read(tsv([lamp("A"), lamp("B", brand="")]))
    assert [item.attributes for item in items] == [lamp("A"), lamp("B", brand="")]
    assert [(item.line, item.position) for item in items] == [(2, 1), (3, 2)]
    assert not any(item.problem for item in items)


@pytest.mark.parametrize("header", ["ID\tImage Link", "g:id\tg:image_link", ' "id" \t"image  link"'])
def test_columns_are_named_for_people_or_for_machines(header: str) -> None:
    assert rows("1\thttps://a.example/1.jpg", header=header) == [
        {"id": "1", "image_link": "https://a.example/1.jpg"}
    ]


def test_columns_that_are_not_read_are_passed_over() -> None:
    assert rows("1\tlong text\tLamp", header="id\tdescription\ttitle") == [{"id": "1", "title": "Lamp"}]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_lines_end_as_every_system_ends_them(end: str) -> None:
    data = tsv(lamps(2)).decode().replace("\n", end).encode()
    assert [item.line for item in read(data)] == [2, 3]
    assert ids(read(data)) == ["LAMP-1", "LAMP-2"]


def test_the_last_line_needs_no_end() -> None:
    assert ids(read(tsv(lamps(2)).rstrip())) == ["LAMP-1", "LAMP-2"]


def test_empty_lines_are_no_items() -> None:
    items = read(b"id\ttitle\n\nA\tLamp\n \t \nB\tLamp\n")
    assert [(item.line, item.position) for item in items] == [(3, 1), (5, 2)]


def test_empty_columns_at_the_end_may_be_missing() -> None:
    assert rows("1\tLamp") == [{"id": "1", "title": "Lamp"}]


def test_a_line_with_too_many_columns_is_told() -> None:
    [item] = read(b"id\ttitle\nA\tLamp\twith a tab\n")
    assert item.problem.startswith("the line has 3 columns, the first line names 2")
    assert item.attributes["id"] == "A"


def test_empty_columns_beyond_the_last_are_no_fault() -> None:
    assert [item.problem for item in read(b"id\ttitle\nA\tLamp\t\t \n")] == [""]


# Quotes


@pytest.mark.parametrize(
    ("written", "title"),
    [
        ('"Salt, and pepper"', "Salt, and pepper"),
        ('"The ""Mill"""', 'The "Mill"'),
        ('"with a\ttab"', "with a\ttab"),
        ('"on two\nlines"', "on two\nlines"),
        ('"an empty\n\nline"', "an empty\n\nline"),
        ('Pipe 5"', 'Pipe 5"'),
        ('"Best" lamp', '"Best" lamp'),
        ('"5 inch pipe', '"5 inch pipe'),
        ('a "good" lamp', 'a "good" lamp'),
    ],
)
def test_quotes_are_read_as_they_were_meant(written: str, title: str) -> None:
    assert rows(f"1\t{written}\t5 EUR", "2\tLamp\t6 EUR") == [
        {"id": "1", "title": title, "price": "5 EUR"},
        {"id": "2", "title": "Lamp", "price": "6 EUR"},
    ]


def test_a_value_over_several_lines_counts_them() -> None:
    items = read(b'id\ttitle\nA\t"one\ntwo\nthree"\nB\tLamp\n')
    assert [(item.line, item.position) for item in items] == [(2, 1), (5, 2)]


def test_inch_signs_swallow_no_items() -> None:
    assert rows('1\t"Wide\t5 EUR', '2\tPipe 5"\t6 EUR', "3\tLamp\t7 EUR") == [
        {"id": "1", "title": '"Wide', "price": "5 EUR"},
        {"id": "2", "title": 'Pipe 5"', "price": "6 EUR"},
        {"id": "3", "title": "Lamp", "price": "7 EUR"},
    ]


def test_a_quote_is_looked_after_for_some_lines_only() -> None:
    lines = ['0\t"never closed\t5 EUR', *(f"{n}\tLamp\t5 EUR" for n in range(1, 3 * MAX_LINES_PER_ITEM))]
    assert [row["id"] for row in rows(*lines)] == [str(n) for n in range(3 * MAX_LINES_PER_ITEM)]


def test_a_quote_that_nothing_closes_holds_up_little() -> None:
    stream = Trickle(b'id\ttitle\nA\t"never closed\n', b"B\tLamp\n")
    items = read_tsv(Feed("feed", stream, None))
    assert next(items).attributes == {"id": "A", "title": '"never closed'}
    assert stream.passed < 3 * 64 * 1024


# Encodings


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_unicode_is_told_by_its_byte_order_mark(encoding: str) -> None:
    data = tsv([lamp(title="Töpfe 🍲")]).decode().encode(encoding)
    assert read(data)[0].attributes["title"] == "Töpfe 🍲"


def test_another_encoding_must_be_named() -> None:
    data = tsv([lamp(title="Töpfe")]).decode().encode("windows-1252")
    assert read(data, encoding="windows-1252")[0].attributes["title"] == "Töpfe"
    assert read(data)[0].attributes["title"] == "T\ufffdpfe"


@pytest.mark.parametrize("encoding", ["klingon", "base64"])
def test_an_encoding_that_is_none_is_told(encoding: str) -> None:
    with pytest.raises(FeedError, match=f"there is no encoding '{encoding}'"):
        read(tsv(lamps(1)), encoding=encoding)


# What is wrong as a whole


@pytest.mark.parametrize("header", ["sku\tname", "\t", "1\tLamp\t5 EUR"])
def test_a_first_line_without_an_id_is_no_header(header: str) -> None:
    with pytest.raises(FeedError, match="its first line must name the attributes"):
        list(read_tsv(feed_of(f"{header}\nA\tLamp\n".encode())))


def test_a_feed_larger_than_the_limit_gives_the_lines_before_it() -> None:
    items, broken = read_until_broken(tsv(lamps(5_000)), max_bytes=200_000)
    assert "the feed is larger than 200,000 bytes" in str(broken)
    assert broken.line == items[-1].line + 1
    assert 500 < len(items) < 2_000
    assert ids(items) == [f"LAMP-{n + 1}" for n in range(len(items))]


def test_what_was_looked_ahead_at_is_not_lost_when_the_feed_breaks_off() -> None:
    head = b'id\ttitle\nA\t"never closed\n'
    body = b"".join(b"B%d\tLamp\n" % n for n in range(10))
    packed = gzip.compress(head + body)
    items, broken = read_until_broken(packed[:-4])
    assert ids(items) == ["A", *(f"B{n}" for n in range(10))]
    assert "the gzip data ends in the middle" in str(broken)


# However large it is


def test_items_come_while_the_feed_is_still_being_read() -> None:
    line = b"1\tLamp\n"
    stream = Trickle(b"id\ttitle\n", line)
    items = read_tsv(Feed("feed", stream, None))
    for position in range(1, 50_000):
        assert next(items).position == position
        assert stream.passed - position * len(line) < 3 * 64 * 1024


def test_a_line_without_end_is_one_refused_item() -> None:
    data = b"id\ttitle\nA\t" + b"x" * (2 * MAX_LINE_CHARS) + b"\nB\tLamp\n"
    long, fine = read(data)
    assert long.problem == "the line has more than 1,000,000 characters"
    assert fine.attributes == {"id": "B", "title": "Lamp"}
    assert fine.line == 3


def test_a_line_without_end_is_not_held() -> None:
    feed = Feed("feed", Trickle(b"id\ttitle\nA\t", b"x" * 1000), None, max_bytes=12_000_000)
    tracemalloc.start()
    try:
        with pytest.raises(FeedBroken, match="larger"):
            list(read_tsv(feed))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 8_000_000


def test_of_a_very_long_value_the_beginning_is_kept() -> None:
    [attributes] = rows(f"1\t{'x' * 100_000}\t5 EUR")
    assert len(attributes["title"]) == MAX_VALUE_CHARS + 1
