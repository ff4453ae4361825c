"""Imports into a real store: what is written, what is left alone, and what a wrong feed cannot do."""

from __future__ import annotations

import gzip
import sqlite3
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evermail.catalog import importer
from evermail.catalog.findings import Code, Refused
from evermail.catalog.importer import Importer
from evermail.catalog.intake import Rules, take_in
from evermail.catalog.reading import read_items
from evermail.catalog.report import Report
from evermail.catalog.staging import Staging
from evermail.documents import Document, Key, Neighbor, Product, Trending
from evermail.serving import Recommender, Source
from evermail.stores import Store, StoreError, StoreUnavailable
from evermail.stores.firestore import FirestoreStore
from evermail.stores.sqlite import SqliteStore
from tests.catalog.feeds import NOW, feed_of, lamp, lamps, rss, tsv
from tests.catalog.stores import Faulty, Lossy, Rivalled

FRONT_PAGE = Key("trending", "catalog")
DOWN = StoreUnavailable("database is locked")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.sqlite3"


@pytest.fixture
def store(path: Path) -> Iterator[SqliteStore]:
    opened = SqliteStore(path)
    yield opened
    opened.close()


class Run:
    """One import of a feed, and what was found wrong with its items."""

    def __init__(self, store: Store, feed: bytes, now_us: int = NOW, **rules: Any) -> None:
        self.pauses: list[float] = []
        self.report = Report(feed="feed", dry_run=rules.get("dry_run", False))
        self.failure: StoreUnavailable | None = None
        made = Rules(**rules)
        with Staging() as staging:
            take_in(read_items(feed_of(feed)), staging, self.report, made, now_us=now_us)
            one = Importer(store, staging, self.report, made, clock=lambda: now_us, sleep=self.pauses.append)
            try:
                one.run()
            except StoreUnavailable as failure:
                self.failure = failure
            self.refused: list[Refused] = list(staging.refused())

    @property
    def counts(self) -> dict[str, int]:
        """All counts that are not 0."""
        report = self.report
        counts = {
            "read": report.read,
            "added": report.added,
            "changed": report.changed,
            "unchanged": report.unchanged,
            "refused": report.refusals,
            "overtaken": report.overtaken,
            "withdrawn": report.withdrawn,
        }
        return {name: count for name, count in counts.items() if count}


def product(store: Store, item_id: str) -> Product:
    key = Key("products", item_id)
    found = store.get_many([key])[key]
    assert isinstance(found, Product)
    return found


def front_page(store: Store) -> list[str] | None:
    found = store.get_many([FRONT_PAGE]).get(FRONT_PAGE)
    assert found is None or isinstance(found, Trending)
    return None if found is None else [item.item_id for item in found.items]


def everything(store: Store) -> list[Document]:
    return [document for kind in ("products", "trending") for document in store.scan(kind)]


# What differs is written


@pytest.mark.parametrize("write", [rss, tsv])
def test_the_first_import_writes_every_product(store: SqliteStore, write: Any) -> None:
    run = Run(store, write(lamps(3)))
    assert run.counts == {"read": 3, "added": 3}
    assert run.report.problems == []
    found = product(store, "LAMP-2")
    assert (found.title, found.price, found.currency, found.available) == (
        "Dune table lamp",
        89.0,
        "EUR",
        True,
    )
    assert (found.version, found.updated_at, found.expire_at) == (NOW, NOW, None)


def test_the_same_feed_again_writes_nothing(store: SqliteStore) -> None:
    Run(store, rss(lamps(3)))
    before = everything(store)
    watched = Faulty(store)
    run = Run(watched, rss(lamps(3)), now_us=NOW + 1)
    assert run.counts == {"read": 3, "unchanged": 3}
    assert not run.report.front_page
    assert watched.calls.count("put_many") == 0
    assert everything(store) == before


def test_the_format_of_the_feed_changes_nothing(store: SqliteStore) -> None:
    Run(store, rss(lamps(3)))
    assert Run(store, tsv(lamps(3)), now_us=NOW + 1).counts == {"read": 3, "unchanged": 3}


@pytest.mark.parametrize(
    "change",
    [
        {"title": "New lamp"},
        {"price": "88.99 EUR"},
        {"price": "89.00 USD"},
        {"sale_price": "69.00 EUR"},
        {"link": "https://shop.example/new"},
        {"image_link": "https://shop.example/new.jpg"},
        {"availability": "out_of_stock"},
        {"brand": ""},
        {"product_type": "Garden"},
    ],
)
def test_what_changed_is_written_alone(store: SqliteStore, change: Mapping[str, str]) -> None:
    Run(store, rss(lamps(3)))
    watched = Faulty(store)
    run = Run(watched, rss([lamp("LAMP-1"), lamp("LAMP-2", **change), lamp("LAMP-3")]), now_us=NOW + 1)
    assert run.counts == {"read": 3, "changed": 1, "unchanged": 2}
    assert [one.id for one in watched.written if isinstance(one, Product)] == ["LAMP-2"]
    assert product(store, "LAMP-2").version == NOW + 1


def test_a_sale_begins_and_ends_with_the_import_that_sees_it(store: SqliteStore) -> None:
    feed = rss([lamp("A", sale_price="69.00 EUR", sale_price_effective_date="2026-11-24/2026-11-24")])
    before, after = NOW - 4 * 3_600_000_000, NOW + 86_400_000_000
    Run(store, feed, now_us=before)
    assert product(store, "A").sale_price is None
    assert Run(store, feed, now_us=NOW).counts == {"read": 1, "changed": 1}
    assert product(store, "A").sale_price == 69.0
    assert Run(store, feed, now_us=after).counts == {"read": 1, "changed": 1}
    assert product(store, "A").sale_price is None


def test_a_version_goes_up_although_the_clock_went_back(store: SqliteStore) -> None:
    Run(store, rss(lamps(1)), now_us=NOW + 1_000)
    assert Run(store, rss(lamps(1, title="New lamp"))).counts == {"read": 1, "changed": 1}
    assert product(store, "LAMP-1").title == "New lamp"
    assert product(store, "LAMP-1").version == NOW + 1_001


def test_many_products_are_written_in_batches(store: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importer, "BATCH", 10)
    watched = Faulty(store)
    assert Run(watched, rss(lamps(95))).counts == {"read": 95, "added": 95}
    assert watched.calls.count("put_many") == 10 + 1  # and the front page
    half = rss([*lamps(60), *lamps(95, title="New lamp")[60:90]])
    assert Run(store, half, now_us=NOW + 1).counts == {
        "read": 90,
        "unchanged": 60,
        "changed": 30,
        "withdrawn": 5,
    }


# What the feed no longer has


def test_what_the_feed_no_longer_has_is_withdrawn_once(store: SqliteStore) -> None:
    Run(store, rss(lamps(3)))
    run = Run(store, rss(lamps(2)), now_us=NOW + 1)
    assert run.counts == {"read": 2, "unchanged": 2, "withdrawn": 1}
    gone = product(store, "LAMP-3")
    assert (gone.available, gone.title, gone.version) == (False, "Dune table lamp", NOW + 1)
    assert Run(store, rss(lamps(2)), now_us=NOW + 2).counts == {"read": 2, "unchanged": 2}


def test_what_comes_back_is_for_sale_again(store: SqliteStore) -> None:
    for now_us, count in enumerate((3, 2, 3)):
        Run(store, rss(lamps(count)), now_us=NOW + now_us)
    assert product(store, "LAMP-3").available


def test_what_is_missing_can_be_kept(store: SqliteStore) -> None:
    Run(store, rss(lamps(3)))
    assert Run(store, rss(lamps(1)), keep_missing=True).counts == {"read": 1, "unchanged": 1}
    assert product(store, "LAMP-3").available


def test_a_refused_item_is_not_missing(store: SqliteStore) -> None:
    Run(store, rss(lamps(20)))
    feed = rss([*lamps(19), lamp("LAMP-20", price="1.299 EUR")])
    run = Run(store, feed, now_us=NOW + 1)
    assert run.counts == {"read": 20, "unchanged": 19, "refused": 1}
    assert product(store, "LAMP-20").available
    assert product(store, "LAMP-20").price == 89.0


# What is refused


def test_every_item_is_counted_as_one_thing(store: SqliteStore) -> None:
    Run(store, rss([lamp("SAME"), lamp("OTHER")]))
    feed = [
        lamp("SAME"),
        lamp("OTHER", title="New"),
        lamp("NEW"),
        lamp("NEW", title="Again"),
        lamp("BAD", price=""),
    ]
    run = Run(store, rss(feed), now_us=NOW + 1, max_refused_share=0.5)
    assert run.counts == {"read": 5, "unchanged": 1, "changed": 1, "added": 1, "refused": 2}
    assert run.report.refused == {Code.DUPLICATE_ID: 1, Code.MISSING_ATTRIBUTE: 1}
    assert [(one.line, one.position, one.id) for one in run.refused] == [(6, 4, "NEW"), (7, 5, "BAD")]
    assert product(store, "NEW").title == "Dune table lamp"


def test_a_refused_item_leaves_its_id_to_a_good_one(store: SqliteStore) -> None:
    run = Run(store, rss([lamp("A", price=""), lamp("A"), lamp("A")]), max_refused_share=1)
    assert run.report.refused == {Code.MISSING_ATTRIBUTE: 1, Code.DUPLICATE_ID: 1}
    assert product(store, "A").price == 89.0


def test_an_item_with_too_many_columns_is_refused(store: SqliteStore) -> None:
    data = tsv(lamps(9)) + b"LAMP-10\t" + b"\t".join([b"x"] * 20) + b"\n"
    run = Run(store, data)
    assert run.report.refused == {Code.MALFORMED_ITEM: 1}
    assert run.refused[0].line == 11


def test_what_the_store_does_not_take_is_refused_too(store: SqliteStore) -> None:
    run = Run(Faulty(store, None, None, StoreError("it is too large")), rss(lamps(1)))
    assert run.report.refused == {Code.STORE_REFUSED: 1}
    assert run.refused[0].message == "the store does not take it: it is too large"
    assert run.counts == {"read": 1, "refused": 1}


def test_more_refused_than_allowed_writes_nothing(store: SqliteStore) -> None:
    Run(store, rss(lamps(10)))
    before = everything(store)
    feed = rss([*lamps(8, title="New"), lamp("X", price=""), lamp("Y", price="")])
    run = Run(store, feed, now_us=NOW + 1)
    assert run.report.problems == ["2 of 10 items were refused, more than 10%", "nothing was written"]
    assert everything(store) == before


def test_as_many_refused_as_allowed_writes_the_rest(store: SqliteStore) -> None:
    run = Run(store, rss([*lamps(9), lamp("X", price="")]))
    assert run.counts == {"read": 10, "added": 9, "refused": 1}
    assert run.report.problems == []


# Feeds that must not empty a catalog


@pytest.mark.parametrize("feed", [rss([]), b"id\ttitle\tprice\n", b"<html><body>Log in</body></html>"])
def test_a_feed_without_items_changes_nothing(store: SqliteStore, feed: bytes) -> None:
    Run(store, rss(lamps(3)))
    before = everything(store)
    run = Run(store, feed, now_us=NOW + 1)
    assert run.report.problems[0].startswith("the feed has no items")
    assert run.report.problems[1:] == ["nothing was written"]
    assert everything(store) == before


def test_a_feed_that_lacks_most_of_the_range_changes_nothing(store: SqliteStore) -> None:
    Run(store, rss(lamps(10)))
    before = everything(store)
    run = Run(store, rss(lamps(4, title="New")), now_us=NOW + 1)
    assert run.report.problems[0].startswith("nothing was written: the feed lacks 6 of the 10 products")
    assert everything(store) == before
    assert Run(store, rss(lamps(4)), max_withdrawn_share=0.6).counts["withdrawn"] == 6


def test_what_was_withdrawn_before_does_not_count_as_range(store: SqliteStore) -> None:
    for now_us, count in enumerate((10, 6, 3)):
        run = Run(store, rss(lamps(count)), now_us=NOW + now_us)
        assert run.report.problems == []
    assert run.counts == {"read": 3, "unchanged": 3, "withdrawn": 3}


def cut_off_xml(data: bytes) -> bytes:
    return data[: data.index(b"LAMP-9")]


def cut_off_gzip(data: bytes) -> bytes:
    return gzip.compress(data)[:-4]


@pytest.mark.parametrize("cut", [cut_off_xml, cut_off_gzip])
def test_of_a_feed_that_breaks_off_what_was_read_is_written(store: SqliteStore, cut: Any) -> None:
    Run(store, rss(lamps(10)))
    page = front_page(store)
    run = Run(store, cut(rss([lamp("NEW"), *lamps(10, title="New")])), now_us=NOW + 1)
    assert run.report.changed >= 8
    assert run.report.added == 1
    assert run.report.withdrawn == 0
    assert not run.report.complete
    assert product(store, "LAMP-1").title == "New"
    assert product(store, "LAMP-10").available
    assert front_page(store) == page
    first, last = run.report.problems
    assert first.startswith(f"only {run.report.read} items of the feed can be read: line ")
    assert last == "nothing was withdrawn, and the front page stayed as it was"


def test_a_feed_that_breaks_off_at_once_writes_nothing(store: SqliteStore) -> None:
    run = Run(store, b"<rss><channel><item>")
    assert run.report.problems[0].startswith("only 0 items of the feed can be read: line 1: ")
    assert run.report.problems[1:] == ["nothing was written"]
    assert everything(store) == []


# The front page


def test_the_front_page_has_the_first_that_can_be_bought(store: SqliteStore) -> None:
    feed = [lamp("OUT", availability="out_of_stock"), lamp("BAD", price=""), *lamps(70)]
    run = Run(store, rss(feed))
    assert run.report.front_page
    assert front_page(store) == [f"LAMP-{number + 1}" for number in range(60)]
    page = store.get_many([FRONT_PAGE])[FRONT_PAGE]
    assert isinstance(page, Trending)
    assert (page.version, page.updated_at, page.as_of) == (NOW, NOW, NOW)


def test_the_front_page_is_written_when_it_changes(store: SqliteStore) -> None:
    Run(store, rss(lamps(70)))
    last = Run(store, rss(lamps(69)), now_us=NOW + 1)
    assert not last.report.front_page
    first = Run(store, rss(lamps(70)[1:]), now_us=NOW + 2)
    assert first.report.front_page
    assert front_page(store) == [f"LAMP-{number + 1}" for number in range(1, 61)]


def test_a_range_that_is_sold_out_leaves_the_front_page(store: SqliteStore) -> None:
    Run(store, rss(lamps(2)))
    Run(store, rss(lamps(2, availability="out_of_stock")), now_us=NOW + 1)
    assert front_page(store) == ["LAMP-1", "LAMP-2"]


def test_a_front_page_of_a_later_version_is_replaced(store: SqliteStore) -> None:
    old = Trending(id="catalog", version=NOW + 5, updated_at=NOW, as_of=NOW, items=[Neighbor("OLD", 1.0)])
    store.put_many([old])
    Run(store, rss(lamps(1)))
    assert front_page(store) == ["LAMP-1"]


def test_an_email_of_an_unknown_shopper_shows_the_imported_products(store: SqliteStore) -> None:
    Run(store, rss(lamps(3, sale_price="69.00 EUR")))
    answer = Recommender(store, clock=lambda: NOW).recommend("nobody", slots=2)
    assert answer.source is Source.STATIC
    assert [(item.item_id, item.price, item.was) for item in answer.items] == [
        ("LAMP-1", "€69.00", "€89.00"),
        ("LAMP-2", "€69.00", "€89.00"),
    ]


# A dry run


def test_a_dry_run_says_what_would_be_done_and_does_nothing(store: SqliteStore) -> None:
    Run(store, rss(lamps(4)))
    before = everything(store)
    feed = rss([*lamps(2), lamp("LAMP-3", title="New"), lamp("NEW")])
    dry = Run(store, feed, now_us=NOW + 1, dry_run=True)
    assert everything(store) == before
    assert dry.counts == Run(store, feed, now_us=NOW + 2).counts
    assert dry.counts == {"read": 4, "unchanged": 2, "changed": 1, "added": 1, "withdrawn": 1}
    assert dry.report.front_page


# Stores in trouble


@pytest.mark.parametrize("calls_before", range(5))
def test_a_store_that_comes_back_is_waited_for(store: SqliteStore, calls_before: int) -> None:
    faulty = Faulty(store, *[None] * calls_before, DOWN, DOWN)
    run = Run(faulty, rss(lamps(3)))
    assert run.failure is None
    assert run.counts == {"read": 3, "added": 3}
    assert run.pauses == [0.5, 1.0]
    assert front_page(store) == ["LAMP-1", "LAMP-2", "LAMP-3"]


def test_a_store_that_stays_away_is_given_up_on(store: SqliteStore) -> None:
    run = Run(Faulty(store, *[DOWN] * 100), rss(lamps(3)))
    assert run.failure is not None
    assert "database is locked" in str(run.failure)
    assert run.pauses == [0.5, 1.0, 2.0, 4.0, 8.0]
    assert everything(store) == []


def test_what_was_written_before_a_store_went_away_is_counted(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importer, "BATCH", 2)
    # scan, then for each batch get_many and put_many
    run = Run(Faulty(store, None, None, None, None, *[DOWN] * 100), rss(lamps(6)))
    assert run.failure is not None
    assert run.counts == {"read": 6, "added": 2}
    assert Run(store, rss(lamps(6)), now_us=NOW + 1).counts == {"read": 6, "unchanged": 2, "added": 4}


def test_a_write_whose_answer_was_lost_counts_as_written(store: SqliteStore) -> None:
    assert Run(Lossy(store), rss(lamps(3))).counts == {"read": 3, "added": 3}


def test_a_newer_version_of_somebody_else_stays(store: SqliteStore) -> None:
    def rival(document: Document) -> Document:
        return msgspec.structs.replace(document, version=document.version + 1)

    run = Run(Rivalled(store, rival), rss(lamps(3)))
    assert run.counts == {"read": 3, "overtaken": 3}
    assert product(store, "LAMP-1").version == NOW + 1


def test_a_stored_product_that_cannot_be_read_is_replaced(store: SqliteStore, path: Path) -> None:
    Run(store, rss(lamps(5)))
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE documents SET body = '{}' WHERE id = 'LAMP-3'")
    run = Run(store, rss(lamps(5)), now_us=NOW + 1)
    assert run.counts == {"read": 5, "unchanged": 4, "added": 1}
    assert run.report.problems[0].startswith("nothing was withdrawn, as the stored products cannot be read: ")
    assert product(store, "LAMP-3").price == 89.0
    assert Run(store, rss(lamps(4)), now_us=NOW + 2).report.problems == []


def test_firestore_is_imported_into_like_any_other(
    firestore_emulator_endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", firestore_emulator_endpoint)
    store = FirestoreStore("catalog-import", timeout_s=30)
    assert Run(store, rss(lamps(600))).counts == {"read": 600, "added": 600}
    assert Run(store, rss(lamps(600)), now_us=NOW + 1).counts == {"read": 600, "unchanged": 600}
    changed = rss([*lamps(598), lamp("LAMP-599", title="New lamp")])
    assert Run(store, changed, now_us=NOW + 2).counts == {
        "read": 599,
        "unchanged": 598,
        "changed": 1,
        "withdrawn": 1,
    }
    assert front_page(store) == [f"LAMP-{number + 1}" for number in range(60)]
    store.close()


# Whatever the feeds


CHOICES = st.dictionaries(st.sampled_from("ABCDEFG"), st.sampled_from(["1.00 EUR", "2.00 EUR", "free"]))


@given(st.lists(CHOICES, min_size=1, max_size=4))
def test_the_store_has_for_sale_what_the_last_feed_has(
    tmp_path_factory: pytest.TempPathFactory, feeds: list[dict[str, str]]
) -> None:
    store = SqliteStore(tmp_path_factory.mktemp("store") / "store.sqlite3")
    expected: dict[str, str] = {}
    for now_us, feed in enumerate(feeds):
        data = rss(lamp(item_id, price=price) for item_id, price in feed.items())
        run = Run(store, data, now_us=NOW + now_us, max_refused_share=1, max_withdrawn_share=1)
        counts = run.counts
        assert counts.get("read", 0) == sum(
            counts.get(name, 0) for name in ("added", "changed", "unchanged", "refused")
        )
        if feed:
            expected = {
                item_id: expected[item_id] if price == "free" else price
                for item_id, price in feed.items()
                if price != "free" or item_id in expected
            }
    for_sale = {
        one.id: f"{one.price:.2f} EUR"
        for one in store.scan("products")
        if isinstance(one, Product) and one.available
    }
    assert for_sale == expected
    store.close()
