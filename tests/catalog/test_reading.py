"""Which format a feed has."""

from __future__ import annotations

import gzip

import pytest

from evermail.catalog.reading import FeedFormat, recognise
from evermail.catalog.source import FeedError
from tests.catalog.feeds import atom, feed_of, ids, lamps, read, rss, tsv


@pytest.mark.parametrize(
    ("data", "format"),
    [
        (rss(lamps(1)), FeedFormat.XML),
        (atom(lamps(1)), FeedFormat.XML),
        (b"\xef\xbb\xbf\r\n  " + atom(lamps(1)), FeedFormat.XML),
        (rss(lamps(1)).decode().replace("UTF-8", "UTF-16").encode("utf-16"), FeedFormat.XML),
        (gzip.compress(rss(lamps(1))), FeedFormat.XML),
        (tsv(lamps(1)), FeedFormat.TSV),
        (tsv(lamps(1)).decode().encode("utf-8-sig"), FeedFormat.TSV),
        (tsv(lamps(1)).decode().encode("utf-16"), FeedFormat.TSV),
    ],
)
def test_the_format_is_told_by_the_content(data: bytes, format: FeedFormat) -> None:
    assert recognise(feed_of(data)) is format


def test_telling_the_format_loses_nothing() -> None:
    feed = feed_of(tsv(lamps(1)))
    recognise(feed)
    assert feed.read() == tsv(lamps(1))


@pytest.mark.parametrize("data", [b"", b"\n \n", b"\xef\xbb\xbf"])
def test_an_empty_feed_has_no_format(data: bytes) -> None:
    with pytest.raises(FeedError, match="feed is empty"):
        recognise(feed_of(data))


@pytest.mark.parametrize("data", [b"id,title\n1,Lamp\n", b'{"items": []}', b"\x89PNG\r\n"])
def test_what_is_neither_is_shown(data: bytes) -> None:
    with pytest.raises(FeedError, match="neither XML nor tab-separated text, as it begins with"):
        recognise(feed_of(data))


def test_a_format_that_is_given_goes_before_the_content() -> None:
    assert ids(read(b"id\nA\nB\n", format=FeedFormat.TSV)) == ["A", "B"]
