"""How photos are kept, waited for, and fetched once."""

from __future__ import annotations

import io
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from functions.picture import Card, Look, draw
from functions.picture.fetching import Unavailable
from functions.picture.photos import FAILED_S, FRESH_S, MAX_FETCHES, STALE_S, Photos
from functions.picture.scaling import smaller
from tests.functions.photos import jpeg

LOOK = Look(scale=1)
PHOTO = jpeg(40, 30)
PATIENT_S = 30.0


class Server:
    """Stands for the shop: counts what is asked, and holds answers back until `gate` is opened."""

    def __init__(self, body: bytes = PHOTO) -> None:
        self.body = body
        self.asked: list[str] = []
        self.private: set[bool] = set()
        self.reached = threading.Semaphore(0)
        self.gate = threading.Event()
        self.gate.set()
        self.fails = False
        self.now = 1000.0

    def download(self, url: str, *, allow_private: bool) -> bytes:
        self.asked.append(url)
        self.private.add(allow_private)
        self.reached.release()
        assert self.gate.wait(PATIENT_S)
        if self.fails:
            raise Unavailable("the shop is closed")
        return self.body

    def photos(self, **options: int) -> Photos:
        return Photos(LOOK, download=self.download, monotonic=lambda: self.now, **options)  # type: ignore[arg-type]


def test_a_photo_comes_scaled_down_and_is_drawn() -> None:
    photo = Server(jpeg(2000, 1500)).photos().get("a", PATIENT_S)
    assert photo is not None
    assert Image.open(io.BytesIO(photo)).size == (LOOK.photo_size[0], LOOK.photo_size[0] * 3 // 4)


def test_a_photo_is_fetched_once_and_anew_when_it_is_no_longer_fresh() -> None:
    server = Server()
    photos = server.photos()
    assert photos.get("a", PATIENT_S) == photos.get("a", 0.0) is not None
    server.now += FRESH_S - 1
    assert photos.get("a", 0.0)
    assert server.asked == ["a"]
    server.now += 1
    assert photos.get("a", PATIENT_S)
    assert server.reached.acquire(timeout=PATIENT_S)
    assert server.reached.acquire(timeout=PATIENT_S)
    assert server.asked == ["a", "a"]


def test_nobody_waits_while_a_photo_is_fetched_anew() -> None:
    server = Server()
    photos = server.photos()
    old = photos.get("a", PATIENT_S)
    server.now += FRESH_S
    server.gate.clear()
    server.body = jpeg(30, 40)
    assert photos.get("a", PATIENT_S) == photos.get("a", 0.0) == old
    refresh = photos._fetches["a"]
    server.gate.set()
    new = refresh.result(PATIENT_S)
    assert photos.get("a", 0.0) == new == smaller(server.body, LOOK.photo_size) != old
    assert server.asked == ["a", "a"]


def test_a_photo_outlives_failures_to_fetch_it_anew_for_a_day() -> None:
    server = Server()
    photos = server.photos()
    photo = photos.get("a", PATIENT_S)
    fetched = server.now
    server.fails = True
    server.now += FRESH_S
    asked = 1
    while server.now < fetched + STALE_S:
        server.gate.clear()
        assert photos.get("a", 0.0) == photo is not None
        refresh = photos._fetches["a"]
        server.gate.set()
        refresh.result(PATIENT_S)
        asked += 1
        server.now += FAILED_S - 1
        if server.now < fetched + STALE_S:
            assert photos.get("a", 0.0) == photo
        assert len(server.asked) == asked
        server.now += 1 + FRESH_S
    assert photos.get("a", PATIENT_S) is None
    server.fails = False
    server.now += FAILED_S
    assert photos.get("a", PATIENT_S) == photo


def test_who_cannot_wait_gets_none_and_the_next_one_the_photo() -> None:
    server = Server()
    server.gate.clear()
    photos = server.photos()
    assert photos.get("a", 0.0) is None
    assert photos.get("a", 0.001) is None
    server.gate.set()
    assert photos.get("a", PATIENT_S) == smaller(PHOTO, LOOK.photo_size)
    assert server.asked == ["a"]


def test_many_who_ask_at_once_share_one_fetch() -> None:
    server = Server()
    server.gate.clear()
    photos = server.photos()
    with ThreadPoolExecutor(8) as askers:
        waiting = [askers.submit(photos.get, "a", PATIENT_S) for _ in range(8)]
        assert server.reached.acquire(timeout=PATIENT_S)
        server.gate.set()
        assert {each.result() for each in waiting} == {smaller(PHOTO, LOOK.photo_size)}
    assert server.asked == ["a"]


def test_a_failure_is_remembered_for_a_while() -> None:
    server = Server()
    server.fails = True
    photos = server.photos()
    assert photos.get("a", PATIENT_S) is None
    server.fails = False
    server.now += FAILED_S - 1
    assert photos.get("a", PATIENT_S) is None
    assert server.asked == ["a"]
    server.now += 1
    assert photos.get("a", PATIENT_S)


@pytest.mark.parametrize("body", [b"", b"<svg/>", PHOTO[: len(PHOTO) // 2], b"\x00" * 999])
def test_what_is_no_photo_is_a_failure(body: bytes) -> None:
    server = Server(body)
    photos = server.photos()
    assert photos.get("a", PATIENT_S) is None
    assert photos.get("a", PATIENT_S) is None
    assert server.asked == ["a"]


def test_only_so_many_are_fetched_at_once() -> None:
    server = Server()
    server.gate.clear()
    photos = server.photos()
    for number in range(MAX_FETCHES):
        photos.get(str(number), 0.0)
    assert photos.get("one more", PATIENT_S) is None
    server.gate.set()
    for number in range(MAX_FETCHES):
        assert photos.get(str(number), PATIENT_S)
    assert photos.get("one more", PATIENT_S)


def test_what_was_asked_for_longest_ago_is_forgotten_first() -> None:
    server = Server()
    kept = smaller(PHOTO, LOOK.photo_size)
    assert kept is not None
    photos = server.photos(capacity_bytes=3 * (len(kept) + 500))
    for url in "abcad":
        photos.get(url, PATIENT_S)
    server.asked.clear()
    for url in "acdb":
        photos.get(url, PATIENT_S)
    assert server.asked == ["b"]


@settings(max_examples=20, deadline=None)
@given(st.lists(st.sampled_from("abcdefgh"), max_size=30), st.integers(0, 10_000))
def test_memory_stays_within_its_bound(urls: list[str], capacity: int) -> None:
    server = Server()
    photos = server.photos(capacity_bytes=capacity)
    for url in urls:
        assert photos.get(url, PATIENT_S)
        held = sum(len(entry.photo or b"") for entry in photos._entries.values())
        assert held <= photos._bytes <= capacity
    assert bool(photos._bytes) == bool(photos._entries)


def test_private_addresses_are_a_choice() -> None:
    server = Server()
    server.photos().get("a", PATIENT_S)
    assert server.private == {False}
    server.photos(allow_private=True).get("a", PATIENT_S)
    assert server.private == {False, True}


@pytest.mark.parametrize("url", ["", "\ud800", "http://", "file:///etc/passwd", "http://127.0.0.1:1/a.png"])
def test_no_address_raises(url: str) -> None:
    assert Photos(LOOK).get(url, PATIENT_S) is None


def test_without_a_photo_in_time_a_card_is_drawn_all_the_same() -> None:
    server = Server()
    server.gate.clear()
    photo = server.photos().get("a", 0.0)
    server.gate.set()
    assert draw(Card("Lamp", "€89"), photo, LOOK) == draw(Card("Lamp", "€89"), None, LOOK)
