"""Feeds in XML: RSS and Atom, one item at a time, whatever else is in there."""

from __future__ import annotations

import pytest

from evermail.catalog.item import MAX_VALUE_CHARS
from evermail.catalog.source import Feed
from evermail.catalog.xml_feed import MAX_DEPTH, MAX_TOKEN_BYTES, read_xml
from tests.catalog.feeds import (
    GOOGLE,
    Trickle,
    atom,
    feed_of,
    ids,
    lamp,
    lamps,
    read,
    read_until_broken,
    rss,
)

HEAD = f'<rss xmlns:g="{GOOGLE}"><channel>\n'.encode()
TAIL = b"</channel></rss>"


def one(element: str) -> dict[str, str]:
    """The attributes of the only item of a feed."""
    [item] = read(HEAD + element.encode() + TAIL)
    return item.attributes


@pytest.mark.parametrize("write", [rss, atom])
def test_items_are_read_with_their_attributes(write: object) -> None:
    items = read(write([lamp("A"), lamp("B", brand="")]))  # type: ignore[operator]
    assert [item.attributes for item in items] == [lamp("A"), lamp("B", brand="")]
    assert [item.position for item in items] == [1, 2]
    assert not any(item.problem for item in items)


def test_an_item_knows_its_line() -> None:
    assert [item.line for item in read(rss(lamps(3)))] == [3, 4, 5]


def test_what_rss_itself_has_serves_where_google_s_is_missing() -> None:
    assert one("<item><title>Lamp</title><link>https://a.example</link><g:id>1</g:id></item>") == {
        "id": "1",
        "title": "Lamp",
        "link": "https://a.example",
    }


@pytest.mark.parametrize(
    "element",
    ["<title>old</title><g:title>new</g:title>", "<g:title>new</g:title><title>old</title>"],
)
def test_google_s_attribute_goes_before_that_of_rss(element: str) -> None:
    assert one(f"<item>{element}</item>") == {"title": "new"}


def test_atom_s_link_is_the_one_to_the_page() -> None:
    links = (
        '<link rel="self" href="https://a.example/feed"/><link rel="alternate" href="https://a.example/p"/>'
    )
    entry = f'<entry xmlns="http://www.w3.org/2005/Atom">{links}</entry>'
    assert one(entry) == {"link": "https://a.example/p"}


def test_other_namespaces_are_passed_over() -> None:
    other = '<m:title xmlns:m="http://search.yahoo.com/mrss/">media</m:title>'
    assert one(f"<item>{other}<g:id>1</g:id></item>") == {"id": "1"}


def test_what_stands_inside_an_attribute_is_not_one() -> None:
    shipping = "<g:shipping><g:price>4.90 EUR</g:price></g:shipping>"
    assert one(f"<item>{shipping}<g:price>19.90 EUR</g:price>{shipping}</item>") == {"price": "19.90 EUR"}


def test_of_a_repeated_attribute_the_first_counts() -> None:
    assert one("<item><g:product_type>A</g:product_type><g:product_type>B</g:product_type></item>") == {
        "product_type": "A"
    }


def test_character_data_and_references_are_text() -> None:
    assert one("<item><title><![CDATA[Salt & <Pepper>]]> &#38; &quot;Mill&quot;</title></item>") == {
        "title": 'Salt & <Pepper> & "Mill"'
    }


def test_markup_in_a_value_is_passed_over() -> None:
    assert one("<item><g:title>A <b>big</b> lamp</g:title><g:id>1</g:id></item>") == {
        "title": "A big lamp",
        "id": "1",
    }


def test_of_a_very_long_value_the_beginning_is_kept() -> None:
    attributes = one(f"<item><g:title>{'x' * 100_000}</g:title><g:id>1</g:id></item>")
    assert len(attributes["title"]) == MAX_VALUE_CHARS + 1
    assert attributes["id"] == "1"


# Encodings


@pytest.mark.parametrize("encoding", ["iso-8859-1", "utf-16", "utf-8", "windows-1252"])
def test_the_encoding_is_the_one_that_the_feed_declares(encoding: str) -> None:
    text = rss([lamp(title="Töpfe")]).decode().replace("UTF-8", encoding)
    assert read(text.encode(encoding))[0].attributes["title"] == "Töpfe"


def test_a_byte_order_mark_may_stand_before_it() -> None:
    assert ids(read(b"\xef\xbb\xbf" + rss(lamps(1)))) == ["LAMP-1"]


def test_a_wrong_declaration_can_be_overruled() -> None:
    data = rss([lamp(title="Töpfe")]).decode().encode("iso-8859-1")
    assert read(data, encoding="iso-8859-1")[0].attributes["title"] == "Töpfe"


def test_bytes_that_are_not_of_the_encoding_break_it_off_there() -> None:
    data = rss([lamp("A"), lamp("B", title="Töpfe"), lamp("C")]).replace("ö".encode(), b"\xf6")
    items, broken = read_until_broken(data)
    assert ids(items) == ["A"]
    assert broken.line == 4


@pytest.mark.parametrize("encoding", ["klingon", "shift_jis", "base64"])
def test_an_encoding_that_cannot_be_read_is_told(encoding: str) -> None:
    _, broken = read_until_broken(f'<?xml version="1.0" encoding="{encoding}"?>'.encode() + HEAD + TAIL)
    assert "encoding" in str(broken)


# Feeds that break off


@pytest.mark.parametrize(
    ("broken_item", "reason"),
    [
        (b"<item><g:id>B</g:id>", "mismatched tag"),
        (b"<item><g:id>B & C</g:id></item>", "not well-formed"),
        (b"<item><g:id>B</g:id></item>\0", "not well-formed"),
        (b"<item><x:id>B</x:id></item>", "unbound prefix"),
        (b"<item><g:id>&nbsp;</g:id></item>", "undefined entity"),
    ],
)
def test_what_came_before_a_mistake_is_read_and_its_line_is_told(broken_item: bytes, reason: str) -> None:
    data = HEAD + b"<item><g:id>A</g:id></item>\n" + broken_item + b"<item><g:id>C</g:id></item>" + TAIL
    items, broken = read_until_broken(data)
    assert ids(items)[:1] == ["A"]
    assert "C" not in ids(items)
    assert broken.line == 3
    assert str(broken).startswith("line 3: ")
    assert reason in str(broken)


def test_a_feed_that_was_cut_off_gives_its_whole_items() -> None:
    data = rss(lamps(3))
    items, broken = read_until_broken(data[: data.index(b"LAMP-3") + 20])
    assert ids(items) == ["LAMP-1", "LAMP-2"]
    assert broken.line == 5


def test_a_prefix_that_was_not_declared_is_explained() -> None:
    _, broken = read_until_broken(b"<rss><channel><item><g:id>1</g:id></item></channel></rss>")
    assert f'must declare xmlns:g="{GOOGLE}"' in str(broken)


# Feeds that mean harm


BOMB = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 12))


@pytest.mark.parametrize(
    "dtd",
    [
        f'<!DOCTYPE rss [<!ENTITY l0 "lol">{BOMB}]>',
        '<!DOCTYPE rss [<!ENTITY l11 SYSTEM "file:///etc/passwd">]>',
        '<!DOCTYPE rss [<!ENTITY % p SYSTEM "http://127.0.0.1:9/evil.dtd"> %p;]>',
        '<!DOCTYPE rss SYSTEM "http://127.0.0.1:9/evil.dtd">',
        "<!DOCTYPE rss>",
    ],
    ids=["entities that grow", "a file", "a parameter entity", "an external DTD", "an empty DTD"],
)
def test_a_dtd_ends_the_reading_before_anything_in_it_is_done(dtd: str) -> None:
    items, broken = read_until_broken(dtd.encode() + HEAD + b"<item><g:id>&l11;</g:id></item>" + TAIL)
    assert items == []
    assert "has a DTD" in str(broken)


@pytest.mark.parametrize("doctype", ["<!DOCTYPE html>", "<!doctype HTML>"])
def test_a_web_page_is_recognised_as_one(doctype: str) -> None:
    page = f"{doctype}<html><body>Please log in</body></html>".replace("doctype", "DOCTYPE")
    assert "a web page, not a feed" in str(read_until_broken(page.encode())[1])


def test_elements_nested_without_end_break_it_off() -> None:
    _, broken = read_until_broken(HEAD + b"<a>" * (MAX_DEPTH + 1))
    assert "nested more than" in str(broken)


@pytest.mark.parametrize("beginning", [b"<item x='", b"<!--", b"<?x "], ids=["tag", "comment", "instruction"])
def test_a_tag_or_comment_without_end_breaks_it_off(beginning: bytes) -> None:
    stream = Trickle(HEAD + beginning, b"x" * 1000)
    with pytest.raises(Exception, match="one tag or comment has more than"):
        list(read_xml(Feed("feed", stream, None)))
    assert stream.passed < 2 * MAX_TOKEN_BYTES


def test_a_long_text_is_no_long_tag() -> None:
    text = b"x" * (2 * MAX_TOKEN_BYTES)
    assert ids(read(HEAD + b"<item><g:description>" + text + b"</g:description><g:id>1</g:id></item>" + TAIL))


# However large it is


def test_items_come_while_the_feed_is_still_being_read() -> None:
    stream = Trickle(HEAD, b"<item><g:id>1</g:id></item>\n")
    feed = Feed("feed", stream, None)
    items = read_xml(feed)
    for position in range(1, 50_000):
        assert next(items).position == position
        assert stream.passed - position * 28 < 3 * 64 * 1024


def test_an_empty_channel_has_no_items() -> None:
    assert list(read_xml(feed_of(HEAD + TAIL))) == []
