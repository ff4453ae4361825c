"""The picture of a slot: there in any case, and the same item as everywhere in the email."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from typing import Any

import flask
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from evermail.documents import Document
from evermail.serving import Answer, Source
from evermail.tokens import Purpose, TokenSigner
from functions import picture
from functions.entry import endpoint
from functions.picture import Card, Look
from functions.rate_limit import RateLimit
from functions.recipients import Recipients
from functions.shown import Remembered
from functions.slot_image import DRAWING_S, SlotImage
from tests.functions import fakes
from tests.functions.fakes import EXPOSURES, FakeMemory, FakeRecommender, error_code, get, item, token

SLOTS = token(Purpose.SLOTS)
APPLE = {"User-Agent": "Mozilla/5.0"}


class Photos:
    def __init__(self) -> None:
        self.asked: list[tuple[str, float]] = []

    def get(self, url: str, timeout_s: float) -> bytes | None:
        self.asked.append((url, timeout_s))
        return None


class Time:
    def __init__(self) -> None:
        self.now = 50.0

    def __call__(self) -> float:
        return self.now


def ask(
    query: dict[str, str],
    recommender: Any = None,
    memory: Any = None,
    photos: Photos | None = None,
    *,
    headers: dict[str, str] | None = None,
    method: str = "GET",
    time: Time | None = None,
) -> flask.Response:
    recipients = Recipients(
        TokenSigner([fakes.KEY], clock=fakes.now), Purpose.SLOTS, RateLimit(monotonic=lambda: 1.0)
    )
    handler = SlotImage(
        recipients,
        lambda: recommender or FakeRecommender(),
        lambda: memory or FakeMemory(),
        lambda: photos or Photos(),
        monotonic=time or Time(),
    )
    return endpoint("slot_image", lambda: handler)(get(query, headers or {}, method))


def drawn(response: flask.Response) -> bytes:
    """The picture, which is one in any case."""
    assert response.status_code == 200
    assert response.headers["Content-Type"] == "image/jpeg"
    data = response.get_data()
    assert len(data) < 100_000
    with Image.open(io.BytesIO(data)) as image:
        assert image.size == Look().size
    return data


def card_of(item_id: str) -> bytes:
    shown = item(item_id)
    return picture.draw(Card(shown.title, shown.price, shown.was, shown.reason), None, Look())


DEFAULT = picture.default(Look())


def test_shows_the_item_of_the_slot() -> None:
    recommender, photos = FakeRecommender(), Photos()
    assert drawn(ask({"t": SLOTS, "n": "2"}, recommender, photos=photos)) == card_of("SKU1")
    assert recommender.asked == [(fakes.RECIPIENT.shopper, 4)], (
        "the whole email is decided, not one slot of it"
    )
    assert photos.asked == [("https://shop.example/1.jpg", pytest.approx(0.2 - DRAWING_S))]


def test_all_slots_beyond_the_usual_ones_are_decided_alike() -> None:
    recommender = FakeRecommender()
    for slot in ("5", "7", "20"):
        drawn(ask({"t": SLOTS, "n": slot}, recommender))
    assert {slots for _, slots in recommender.asked} == {20}


def test_is_asked_for_anew_at_each_open_and_may_be_embedded() -> None:
    response = ask({"t": SLOTS, "n": "1"})
    assert response.headers["Cache-Control"] == "private, no-cache, max-age=0"
    assert response.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
    assert response.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    "query",
    [
        {},
        {"t": "garbage", "n": "1"},
        {"t": token(Purpose.RECOMMENDATIONS), "n": "1"},
        {"t": token(Purpose.SLOTS, age_us=fakes.NOW_US), "n": "1"},
        {"t": SLOTS},
        {"t": SLOTS, "n": "21"},
        {"t": SLOTS, "n": "-1"},
    ],
)
def test_whatever_is_wrong_there_is_a_default_picture(query: dict[str, str]) -> None:
    recommender = FakeRecommender()
    assert drawn(ask(query, recommender)) == DEFAULT
    assert recommender.asked == []


@pytest.mark.parametrize("error", [fakes.NOTHING, fakes.DOWN, ZeroDivisionError(fakes.RECIPIENT.shopper)])
def test_a_store_that_fails_gives_the_default_picture(
    error: Exception, capsys: pytest.CaptureFixture[str]
) -> None:
    assert drawn(ask({"t": SLOTS, "n": "1"}, FakeRecommender(error=error))) == DEFAULT
    line = json.loads(capsys.readouterr().out)
    assert line["picture"] == "default"
    assert fakes.RECIPIENT.shopper not in str(line)


class FewItems:
    def recommend(
        self, shopper: str, *, slots: int, campaign: str, prefetch: bool, within_s: float | None = None
    ) -> Answer:
        return Answer([item("SKU0")], Source.STATIC)


def test_a_slot_that_nothing_fills_has_the_default_picture() -> None:
    assert drawn(ask({"t": SLOTS, "n": "1"}, FewItems())) == card_of("SKU0")
    assert drawn(ask({"t": SLOTS, "n": "2"}, FewItems())) == DEFAULT


class Overtaken:
    """Another picture of the same email has decided meanwhile."""

    def __init__(self) -> None:
        self.stored = False

    def recommend(
        self, shopper: str, *, slots: int, campaign: str, prefetch: bool, within_s: float | None = None
    ) -> Answer:
        if self.stored:
            return Answer([item("DECIDED")], Source.PERSONAL)
        return Answer([item("MINE")], Source.PERSONAL, to_store=[EXPOSURES])

    def remember(self, documents: Sequence[Document], *, within_s: float) -> Remembered:
        self.stored = True
        return Remembered.OVERTAKEN


def test_who_comes_second_shows_what_the_first_has_decided() -> None:
    race = Overtaken()
    assert drawn(ask({"t": SLOTS, "n": "1"}, race, race)) == card_of("DECIDED")


def test_a_store_that_goes_on_being_overtaken_costs_no_picture() -> None:
    race = Overtaken()
    memory = FakeMemory()
    memory.remember = lambda documents, within_s: Remembered.OVERTAKEN  # type: ignore[method-assign]
    assert drawn(ask({"t": SLOTS, "n": "1"}, race, memory)) == card_of("MINE")


def test_it_is_known_whether_a_program_asks() -> None:
    recommender = FakeRecommender()
    ask({"t": SLOTS, "n": "1"}, recommender, headers=APPLE)
    ask({"t": SLOTS, "n": "1"}, recommender, headers={"User-Agent": "Thunderbird"})
    assert recommender.prefetches == [True, False]


def test_the_photo_is_waited_for_within_what_is_left() -> None:
    time, photos = Time(), Photos()

    class Slow(FakeRecommender):
        def recommend(
            self, shopper: str, *, slots: int, campaign: str, prefetch: bool, within_s: float | None = None
        ) -> Answer:
            time.now += 0.3
            return super().recommend(shopper, slots=slots, campaign=campaign, prefetch=prefetch)

    assert drawn(ask({"t": SLOTS, "n": "1"}, Slow(), photos=photos, time=time)) == card_of("SKU0")
    assert photos.asked == [("https://shop.example/1.jpg", 0.0)]


def test_a_picture_is_not_posted_to() -> None:
    response = ask({"t": SLOTS, "n": "1"}, method="POST")
    assert (response.status_code, error_code(response)) == (405, "method_not_allowed")


@given(st.dictionaries(st.sampled_from(["t", "n", "i"]), st.text(max_size=40)))
def test_whatever_is_asked_there_is_a_picture(query: dict[str, str]) -> None:
    assert ask(query).status_code == 200


def test_who_only_asks_for_the_headers_opens_nothing() -> None:
    memory = FakeMemory()
    for method in ("HEAD", "GET"):
        ask({"t": SLOTS, "n": "1"}, FakeRecommender(to_store=[EXPOSURES]), memory, method=method)
        assert len(memory.given) == (method == "GET")
