"""An opened email gets an answer: the best there is, in time, whatever the store does."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evermail import clock, repeats
from evermail.documents import Document, Key, Neighbor, Neighbors, Product, Profile, Seen, Trending
from evermail.serving import Answer, NothingToShow, Recommender, Source
from evermail.shelf import filling, reading
from evermail.shelf.presentation import RecommendedItem
from evermail.stores import StoreError, StoreUnavailable

NOW = 1_795_489_200 * clock.SECOND
AS_OF = NOW - clock.MINUTE
SHARED: dict[str, Any] = {"version": 1, "updated_at": NOW}


def product(item_id: str, **changes: Any) -> Product:
    fields = {
        "title": f"Kettle {item_id}",
        "url": f"https://shop.example/{item_id}",
        "image_url": f"https://shop.example/{item_id}.jpg",
        "price": 19.9,
        "currency": "EUR",
    }
    return Product(id=item_id, **SHARED, **{**fields, **changes})


def profile(seen: str, purchased: str = "") -> Profile:
    history = [Seen(item_id, AS_OF - n, "view_item") for n, item_id in enumerate(seen)]
    bought = dict.fromkeys(purchased, AS_OF)
    return Profile(id="ann", **SHARED, as_of=AS_OF, events=9, history=history, purchased=bought)


def row(item_id: str, neighbors: str) -> Neighbors:
    listed = [Neighbor(one, 50.0 - n) for n, one in enumerate(neighbors)]
    return Neighbors(id=item_id, **SHARED, as_of=NOW, total=100.0, neighbors=listed)


def trending(scope: str, items: str) -> Trending:
    listed = [Neighbor(one, 50.0 - n) for n, one in enumerate(items)]
    return Trending(id=scope, **SHARED, as_of=NOW, items=listed)


def products(items: str, **changes: Any) -> list[Product]:
    return [product(item_id, **changes) for item_id in items]


class FakeStore:
    """Answers from memory and counts its own time: nothing here sleeps.

    `hangs` are collections whose reads take all the time they are given; the others take `takes_s`.
    """

    def __init__(self, documents: Iterable[Document]) -> None:
        self.documents = {document.key: document for document in documents}
        self.reads: list[tuple[str, int, float | None]] = []
        self.seconds = 0.0
        self.takes_s = 0.0
        self.hangs: tuple[str, ...] = ()
        self.unreadable: set[Key] = set()
        self.down: StoreError | None = None

    def get_many(self, keys: Sequence[Key], *, timeout_s: float | None = None) -> dict[Key, Document]:
        assert timeout_s is not None, "a read without a timeout may hang"
        collections = [key.collection for key in keys]
        collection = collections[0]
        self.reads.append((collection, len(keys), timeout_s))
        if self.down is not None:
            raise self.down
        takes_s = float("inf") if set(collections) & set(self.hangs) else self.takes_s
        self.seconds += min(takes_s, timeout_s)
        if takes_s > timeout_s:
            raise StoreUnavailable("timed out")
        if self.unreadable.intersection(keys):
            raise StoreError("a document cannot be read")
        return {key: self.documents[key] for key in keys if key in self.documents}


class Shop:
    def __init__(self, *documents: Document, **options: Any) -> None:
        self.store = FakeStore(documents)
        self.now_us = NOW
        self.recommender = Recommender(
            self.store,  # type: ignore[arg-type]
            clock=lambda: self.now_us,
            monotonic=lambda: self.store.seconds,
            **options,
        )

    def answer(self, slots: int = 3, shopper: str = "ann") -> Answer:
        return self.recommender.recommend(shopper, slots=slots)

    def shows(self, slots: int = 3) -> str:
        return "".join(item.item_id for item in self.answer(slots).items)


def busy_shop(**options: Any) -> Shop:
    return Shop(
        profile("AB", purchased="C"),
        row("A", "XC"),
        row("B", "CY"),
        trending("global", "STC"),
        trending("category:Tea", "UV"),
        trending("catalog", "KLM"),
        product("A", category="Tea"),
        *products("BCKLMSTUVXY"),
        **options,
    )


# Where the items come from


def test_a_known_shopper_gets_what_goes_with_the_last_items() -> None:
    shop = busy_shop()
    answer = shop.answer(slots=3)
    assert [item.item_id for item in answer.items] == ["X", "Y", "B"]
    assert [item.reason for item in answer.items] == [
        "Seen with Kettle A",
        "Seen with Kettle B",
        "You looked at this",
    ]
    assert (answer.source, answer.as_of) == (Source.PERSONAL, AS_OF)


def test_slots_that_are_left_go_to_the_category_then_to_everything_popular_then_to_the_catalog() -> None:
    answer = busy_shop().answer(slots=10)
    assert [(item.item_id, item.reason) for item in answer.items[3:]] == [
        ("A", "You looked at this"),
        ("U", "Popular in Tea"),
        ("V", "Popular in Tea"),
        ("S", "Popular right now"),
        ("T", "Popular right now"),
        ("K", "From our range"),
        ("L", "From our range"),
    ]
    assert answer.source is Source.PERSONAL


@pytest.mark.parametrize(
    ("counts", "shown"),
    [({}, "XYAZ"), ({"1n00": 95.0, "1n0-": 5.0}, "AXYZ"), ({"1n00": 5.0, "1n0-": 995.0}, "XYZA")],
    ids=["nobody knows", "nearly always", "nearly never"],
)
def test_how_often_shoppers_come_back_to_the_newest_item_says_where_it_stands(
    counts: dict[str, float], shown: str
) -> None:
    together = [Neighbor("X", 5.0), Neighbor("Y", 5.0), Neighbor("Z", 1.0)]
    returns = [Neighbor(entry, count) for entry, count in counts.items()]
    answer = Shop(
        profile("A"),
        Neighbors(id="A", **SHARED, as_of=NOW, total=11.0, neighbors=together),
        Neighbors(id=repeats.ROW_ID, **SHARED, as_of=NOW, total=sum(counts.values()), neighbors=returns),
        *products("AXYZ"),
    ).answer(slots=4)
    reasons = {item.item_id: item.reason for item in answer.items}
    assert "".join(reasons) == shown
    assert reasons.pop("A") == "You looked at this"
    assert set(reasons.values()) == {"Seen with Kettle A"}


@pytest.mark.parametrize("who", [[], [profile("")], [profile("Q")]], ids=["unknown", "no history", "no rows"])
def test_a_shopper_of_whom_nothing_helps_gets_what_is_popular(who: list[Profile]) -> None:
    shop = Shop(*who, trending("global", "STR"), trending("catalog", "K"), *products("KRST"))
    answer = shop.answer(slots=3)
    assert [item.item_id for item in answer.items] == ["S", "T", "R"]
    assert answer.source is Source.TRENDING
    assert answer.as_of == (AS_OF if who else 0)


def test_a_shop_without_events_shows_its_catalog() -> None:
    answer = Shop(trending("catalog", "KLM"), *products("KLM")).answer(slots=2)
    assert [item.item_id for item in answer.items] == ["K", "L"]
    assert (answer.source, answer.as_of) == (Source.STATIC, 0)


def test_an_empty_shop_has_nothing_to_show() -> None:
    with pytest.raises(NothingToShow) as caught:
        Shop().answer()
    assert caught.value.__cause__ is None


def test_a_shopper_without_history_still_does_not_see_what_was_bought() -> None:
    shop = Shop(profile("", purchased="S"), trending("global", "ST"), *products("ST"))
    assert shop.shows() == "T"


# A profile that has moved


def moved(shopper: str, to: str) -> Profile:
    return Profile(id=shopper, **SHARED, as_of=0, events=0, moved_to=to, renamed=True)


def test_a_profile_is_followed_to_where_it_has_moved() -> None:
    shop = busy_shop()
    expected = shop.answer()
    shop.store.documents[Key("profiles", "ann's cookie")] = moved("ann's cookie", to="ann")
    assert shop.answer(shopper="ann's cookie") == expected
    assert expected.source is Source.PERSONAL


def test_who_says_that_a_browser_is_somebodys_sees_nothing_of_that_one() -> None:
    shop = busy_shop()
    said = msgspec.structs.replace(moved("cookie", to="ann"), renamed=False)
    shop.store.documents[Key("profiles", "cookie")] = said
    assert shop.answer(shopper="cookie").source is Source.TRENDING


def test_it_is_followed_three_times_and_no_further() -> None:
    shop = busy_shop()
    expected = shop.answer()
    chain = ["zeroth", "first", "second", "third", "ann"]
    for shopper, to in [*pairwise(chain), ("round", "round")]:
        shop.store.documents[Key("profiles", shopper)] = moved(shopper, to)
    assert shop.answer(shopper="first") == expected
    for shopper in ("zeroth", "round"):
        shop.store.reads.clear()
        assert shop.answer(shopper=shopper).source is Source.TRENDING
        assert [collection for collection, _, _ in shop.store.reads].count("profiles") <= 4


def test_where_nothing_is_left_the_shopper_is_a_stranger() -> None:
    shop = busy_shop()
    shop.store.documents[Key("profiles", "ben")] = moved("ben", to="nobody")
    answer = shop.answer(shopper="ben")
    assert (answer.source, answer.as_of) == (Source.TRENDING, 0)


def test_to_follow_takes_no_more_time_than_there_is() -> None:
    shop = busy_shop(deadline_s=0.2)
    shop.store.documents[Key("profiles", "ben")] = moved("ben", to="ann")
    shop.store.takes_s = 0.02
    assert shop.answer(slots=2, shopper="ben").source is Source.PERSONAL
    given = [(collection, timeout_s) for collection, _, timeout_s in shop.store.reads[:3]]
    assert given == [
        ("profiles", pytest.approx(0.14)),
        ("profiles", pytest.approx(0.12)),
        ("neighbors", pytest.approx(0.10)),
    ]
    assert shop.store.seconds <= 0.2 + 1e-9


# What is not shown


@pytest.mark.parametrize("gone", ["X", "XY", "XBY"])
@pytest.mark.parametrize("how", ["unknown", "sold out"])
def test_what_cannot_be_bought_is_replaced_by_the_next_best(gone: str, how: str) -> None:
    shop = busy_shop()
    for item_id in gone:
        key = Key("products", item_id)
        if how == "unknown":
            del shop.store.documents[key]
        else:
            shop.store.documents[key] = product(item_id, available=False)
    expected = [one for one in "XYBAUV" if one not in gone][:3]
    assert shop.shows(3) == "".join(expected)


def test_what_was_bought_is_not_shown_as_popular() -> None:
    shop = Shop(profile("A", purchased="B"), trending("global", "ABCD"), *products("ABCD"))
    assert shop.shows(4) == "ACD"


def test_looks_further_down_when_the_most_popular_are_sold_out() -> None:
    gone = "".join(chr(0x4E00 + n) for n in range(30))
    shop = Shop(
        trending("global", gone),
        trending("catalog", "KLM"),
        *products(gone, available=False),
        *products("KLM"),
    )
    assert shop.shows(3) == "KLM"


def test_a_shop_in_which_nothing_can_be_bought_costs_a_bounded_number_of_reads() -> None:
    gone = "".join(chr(0x4E00 + n) for n in range(5000))
    shop = Shop(profile("A"), row("A", gone), trending("global", gone))
    with pytest.raises(NothingToShow):
        shop.answer(slots=3)
    looked_up = [count for collection, count, _ in shop.store.reads if collection == "products"]
    assert len(looked_up) == 2
    assert sum(looked_up) <= filling.MAX_PRODUCTS
    assert len(shop.store.reads) == 5


# Words and money


@pytest.mark.parametrize(
    ("fields", "locale", "price", "was"),
    [
        ({"price": 1234.5}, "en_US", "€1,234.50", ""),
        ({"price": 1234.5}, "de_DE", "1.234,50\u00a0€", ""),
        ({"price": 20.0, "sale_price": 14.99}, "en_GB", "€14.99", "€20.00"),
        ({"price": 2000, "currency": "JPY"}, "en", "¥2,000", ""),
        ({"price": 20.0, "sale_price": 20.0}, "en", "€20.00", ""),
        ({"price": 20.0, "sale_price": 25.0}, "en", "€20.00", ""),
        ({"price": 20.0, "sale_price": 0.0}, "en", "€0.00", "€20.00"),
    ],
)
def test_money_is_text_and_only_a_lower_price_is_an_offer(
    fields: dict[str, Any], locale: str, price: str, was: str
) -> None:
    [item] = Shop(trending("global", "S"), product("S", **fields), locale=locale).answer().items
    assert (item.price, item.was) == (price, was)


def test_an_item_has_all_that_a_template_needs() -> None:
    [item] = Shop(trending("global", "S"), product("S", title="Töpfe & Pfannen")).answer().items
    assert item == RecommendedItem(
        item_id="S",
        title="Töpfe & Pfannen",
        price="€19.90",
        image="https://shop.example/S.jpg",
        url="https://shop.example/S",
        reason="Popular right now",
    )


def test_without_its_product_the_cause_is_told_in_general() -> None:
    [item] = Shop(profile("A"), row("A", "X"), product("X")).answer().items
    assert item.reason == "Seen with your last picks"


@pytest.mark.parametrize("fields", [{"currency": "euro"}, {"currency": ""}, {"price": float("inf")}])
def test_a_price_that_cannot_be_written_costs_one_item(fields: dict[str, Any]) -> None:
    shop = Shop(trending("global", "STR"), product("S", **fields), *products("TR"))
    assert shop.shows(2) == "TR"


def test_if_no_price_can_be_written_the_cause_is_told() -> None:
    with pytest.raises(NothingToShow) as caught:
        Shop(trending("global", "S"), product("S"), locale="xx_XX").answer()
    assert "xx_XX" in str(caught.value.__cause__)


# Reads


def test_an_open_takes_few_reads_and_the_next_ones_fewer() -> None:
    shop = busy_shop()
    shop.answer()
    assert [collection for collection, _, _ in shop.store.reads] == [
        "profiles",  # with what everybody gets
        "neighbors",  # of the shopper's items, with the newest product
        "neighbors",  # of what those lead to, with what trends in the newest one's category
        "products",
    ]
    shop.store.reads.clear()
    shop.answer()
    assert shop.store.reads == [("profiles", 5, pytest.approx(0.14))], "with all that is the shopper's own"


def test_a_strangers_first_open_takes_two_reads() -> None:
    shop = busy_shop()
    shop.answer(shopper="stranger")
    assert [collection for collection, _, _ in shop.store.reads] == ["profiles", "products"]


def test_a_profile_is_read_anew_at_every_open() -> None:
    shop = busy_shop()
    assert shop.shows(1) == "X"
    shop.store.documents[Key("profiles", "ann")] = profile("BA", purchased="C")
    assert shop.shows(1) == "Y"


def test_what_goes_together_now_shows_after_two_opens_half_a_minute_later() -> None:
    shop = busy_shop()
    assert shop.shows(1) == "X"
    shop.store.documents[Key("neighbors", "A")] = row("A", "KC")
    shop.now_us += reading.RENEW_US["neighbors"]
    shop.answer()
    shop.answer()
    shop.store.reads.clear()
    assert shop.shows(1) == "K"
    assert [collection for collection, _, _ in shop.store.reads] == ["profiles"]


def test_after_a_pause_nothing_is_older_than_ten_minutes() -> None:
    shop = busy_shop()
    assert shop.shows(1) == "X"
    shop.store.documents[Key("neighbors", "A")] = row("A", "KC")
    shop.now_us += 10 * clock.MINUTE
    assert shop.shows(1) == "K"


def test_what_is_popular_now_shows_within_a_quarter_of_a_minute() -> None:
    shop = busy_shop()
    assert shop.answer(slots=1, shopper="stranger").items[0].item_id == "S"
    shop.store.documents[Key("trending", "global")] = trending("global", "TS")
    shop.now_us += reading.RENEW_US["trending"]
    assert shop.answer(slots=1, shopper="stranger").items[0].item_id == "T"


def test_a_first_row_shows_within_seconds() -> None:
    shop = busy_shop()
    del shop.store.documents[Key("neighbors", "B")]
    shop.answer()
    shop.store.documents[Key("neighbors", "B")] = row("B", "KCY")
    shop.now_us += reading.ABSENT_US["neighbors"]
    assert "K" in shop.shows(3)


def test_a_product_that_sells_out_disappears_within_half_a_minute() -> None:
    shop = busy_shop()
    assert shop.shows(1) == "X"
    shop.store.documents[Key("products", "X")] = product("X", available=False)
    shop.now_us += reading.CACHE_US["products"]
    assert "X" not in shop.shows(3)


# When the store fails


@pytest.mark.parametrize("failure", [StoreUnavailable("down"), StoreError("no such table")])
def test_a_store_that_never_answered_leaves_nothing_to_show(failure: StoreError) -> None:
    shop = busy_shop()
    shop.store.down = failure
    with pytest.raises(NothingToShow) as caught:
        shop.answer()
    assert caught.value.__cause__ is failure


@pytest.mark.parametrize("failure", [StoreUnavailable("down"), StoreError("no such table")])
def test_a_store_that_dies_leaves_what_was_popular_for_an_hour(failure: StoreError) -> None:
    """Nobody knows then what products cost by now, or whether there are any."""
    shop = busy_shop()
    shop.answer(slots=9)
    shop.store.down = failure
    shop.now_us += clock.HOUR - 1
    answer = shop.answer(slots=2)
    assert [item.item_id for item in answer.items] == ["S", "T"]
    assert (answer.source, answer.as_of) == (Source.TRENDING, 0)
    shop.now_us += 1
    with pytest.raises(NothingToShow):
        shop.answer(slots=2)
    shop.store.down = None
    assert shop.answer().source is Source.PERSONAL


@pytest.mark.parametrize(
    ("collection", "document_id", "source"),
    [
        ("profiles", "ann", Source.TRENDING),
        ("neighbors", "A", Source.PERSONAL),
        ("neighbors", "B", Source.PERSONAL),
        ("trending", "global", Source.PERSONAL),
        ("trending", "category:Tea", Source.PERSONAL),
        ("products", "X", Source.PERSONAL),
        ("products", "A", Source.PERSONAL),
    ],
)
def test_one_document_that_cannot_be_read_does_not_cost_the_answer(
    collection: str, document_id: str, source: Source
) -> None:
    shop = busy_shop()
    shop.store.unreadable = {Key(collection, document_id)}
    answer = shop.answer(slots=3)
    assert len(answer.items) == 3
    assert answer.source is source
    if collection == "products":
        assert document_id not in [item.item_id for item in answer.items]


# The deadline


@pytest.mark.parametrize("takes_s", [0.001, 0.03, 0.06, 0.1, 0.19, 10.0])
def test_an_answer_never_takes_longer_than_its_deadline(takes_s: float) -> None:
    shop = busy_shop(deadline_s=0.2)
    shop.store.takes_s = takes_s
    for _ in range(3):
        begun = shop.store.seconds
        try:
            shop.answer(slots=3)
        except NothingToShow:
            assert takes_s > 0.04
        assert shop.store.seconds - begun <= 0.2 + 1e-9
        shop.now_us += clock.HOUR


@pytest.mark.parametrize("hangs", ["profiles", "neighbors"])
def test_when_the_shopper_cannot_be_read_in_time_there_is_time_left_for_what_is_popular(hangs: str) -> None:
    shop = busy_shop(deadline_s=0.2)
    shop.store.hangs = (hangs,)
    shop.store.takes_s = 0.02
    answer = shop.answer(slots=3)
    assert len(answer.items) == 3
    assert shop.store.seconds <= 0.2
    assert answer.source is (Source.TRENDING if hangs == "profiles" else Source.PERSONAL)
    if hangs == "neighbors":
        assert [item.item_id for item in answer.items] == ["B", "A", "S"], "reminders, then what is popular"


def test_each_read_is_given_what_is_left() -> None:
    shop = busy_shop(deadline_s=0.2)
    shop.store.takes_s = 0.02
    shop.answer(slots=3)
    given = [timeout_s for _, _, timeout_s in shop.store.reads]
    assert given == pytest.approx([0.14, 0.12, 0.10, 0.14])


def test_after_the_deadline_the_store_is_not_asked_again() -> None:
    shop = busy_shop(deadline_s=0.2)
    shop.answer(slots=3)
    shop.store.hangs = ("profiles", "neighbors", "trending", "products")
    shop.now_us += clock.HOUR // 2
    shop.store.reads.clear()
    assert shop.answer(slots=3).source is Source.TRENDING
    assert len(shop.store.reads) == 2  # the profile, and the lists with the rest of the time


# Whatever is stored

item_sets = st.text("ABCDEFGH", max_size=8)


@given(
    seen=item_sets,
    purchased=item_sets,
    rows=st.dictionaries(
        st.sampled_from("ABCDEFGH"), item_sets.map(lambda items: "".join(dict.fromkeys(items)))
    ),
    listed=item_sets,
    sold_out=item_sets,
    known=item_sets,
    slots=st.integers(1, 4),
)
def test_an_answer_has_no_item_twice_none_bought_and_none_sold_out(
    seen: str,
    purchased: str,
    rows: dict[str, str],
    listed: str,
    sold_out: str,
    known: str,
    slots: int,
) -> None:
    shop = Shop(
        profile(seen, purchased),
        *(row(item_id, neighbors) for item_id, neighbors in rows.items()),
        trending("global", listed),
        *products(known, category="Tea"),
        *products(sold_out, available=False),
    )
    try:
        answer = shop.answer(slots)
    except NothingToShow:
        return
    shown = [item.item_id for item in answer.items]
    assert 1 <= len(shown) == len(set(shown)) <= slots
    assert not set(shown) & {*purchased, *sold_out}
    assert set(shown) <= set(known)
