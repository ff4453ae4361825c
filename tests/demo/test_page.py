"""The page's server: what it answers, what it refuses, and what it measures."""

from __future__ import annotations

import re
from typing import Any

import flask.testing
import pytest

from demo.page.app import Site, create_app
from demo.page.session import COOKIE, is_id
from evermail.events import EventName
from tests.demo.fake_live import RANGE, SHOP, FakeLive, answer


@pytest.fixture
def live() -> FakeLive:
    return FakeLive()


@pytest.fixture
def client(live: FakeLive) -> flask.testing.FlaskClient:
    return create_app(Site(RANGE, live)).test_client()


def act(client: flask.testing.FlaskClient, action: str, item_id: str | None = None) -> Any:
    return client.post("/api/act", json={"action": action, "item_id": item_id})


def shopper_of(client: flask.testing.FlaskClient) -> str | None:
    cookie = client.get_cookie(COOKIE)
    return cookie.value if cookie else None


class TestPage:
    def test_shows_every_product_of_the_range(self, client: flask.testing.FlaskClient) -> None:
        page = client.get("/").text
        for product in RANGE:
            assert f'href="/p/{product.id}"' in page
            assert product.title in page

    def test_a_product_has_an_address_of_its_own(self, client: flask.testing.FlaskClient) -> None:
        assert "<title>Dune table lamp, Lund &amp; Loom</title>" in client.get("/p/lighting-1").text

    def test_shows_every_term_of_the_law_of_conservation(self, client: flask.testing.FlaskClient) -> None:
        account = re.search(r'class="account">(.*?)</dl>', client.get("/").text, re.DOTALL)
        assert account
        assert re.findall(r'data-figure="(\w+)"', account[1]) == [
            "published",
            "accepted",
            "duplicate",
            "rejected",
            "late",
            "erased",
            "in_flight",
        ]

    def test_an_unknown_product_is_not_found_and_said_so_in_words(
        self, client: flask.testing.FlaskClient
    ) -> None:
        response = client.get("/p/nothing")
        assert response.status_code == 404
        assert "the shop has no product nothing" in response.text

    def test_until_the_stack_runs_it_waits_and_the_api_says_so(self) -> None:
        client = create_app(Site(RANGE)).test_client()
        page = client.get("/")
        assert (page.status_code, page.headers["Retry-After"]) == (503, "1")
        assert 'http-equiv="refresh"' in page.text
        assert client.get("/api/live").json["error"]["code"] == "starting"

    def test_needs_nothing_from_elsewhere(self, client: flask.testing.FlaskClient) -> None:
        response = client.get("/")
        assert not re.findall(r'(?:src|href)="(?:https?:)?//', response.text)
        assert "default-src 'self'" in response.headers["Content-Security-Policy"]

    def test_every_part_of_a_document_with_an_id_has_it_alone(
        self, client: flask.testing.FlaskClient
    ) -> None:
        ids = re.findall(r'\bid="([^"]+)"', client.get("/").text)
        assert len(ids) == len(set(ids))


class TestShopper:
    def test_a_new_browser_gets_an_id_and_keeps_it(self, client: flask.testing.FlaskClient) -> None:
        client.get("/")
        first = shopper_of(client)
        assert is_id(first)
        client.get("/")
        assert shopper_of(client) == first

    @pytest.mark.parametrize("forged", ["", "visitor-1", "visitor-" + "g" * 12, "shopper-3", "x" * 4000])
    def test_an_id_that_we_did_not_give_is_replaced(
        self, client: flask.testing.FlaskClient, forged: str
    ) -> None:
        client.set_cookie(COOKIE, forged)
        client.get("/")
        assert shopper_of(client) != forged
        assert is_id(shopper_of(client))

    def test_starting_anew_forgets_cart_and_history(self, client: flask.testing.FlaskClient) -> None:
        act(client, "view", "desk-1")
        act(client, "add_to_cart", "desk-1")
        before = shopper_of(client)
        shopper = client.post("/api/new-shopper", json={}).json["shopper"]
        assert shopper["cart"] == shopper["history"] == []
        assert shopper_of(client) != before


class TestClicks:
    @pytest.mark.parametrize(
        ("action", "names"),
        [
            ("view", (EventName.VIEW_ITEM,)),
            ("add_to_cart", (EventName.ADD_TO_CART,)),
            ("remove_from_cart", (EventName.REMOVE_FROM_CART,)),
            ("add_to_wishlist", (EventName.ADD_TO_WISHLIST,)),
            ("email_click", (EventName.EMAIL_CLICK, EventName.VIEW_ITEM)),
        ],
    )
    def test_an_action_becomes_events(
        self,
        client: flask.testing.FlaskClient,
        live: FakeLive,
        action: str,
        names: tuple[EventName, ...],
    ) -> None:
        assert act(client, action, "desk-1").status_code == 202
        assert live.sent == [(shopper_of(client), names, ("desk-1",))]

    def test_buying_takes_the_whole_cart_and_empties_it(
        self, client: flask.testing.FlaskClient, live: FakeLive
    ) -> None:
        for one in ("desk-1", "desk-2", "desk-1"):
            act(client, "add_to_cart", one)
        assert act(client, "purchase").json["shopper"]["cart"] == []
        assert live.sent[-1][1:] == ((EventName.PURCHASE,), ("desk-1", "desk-2"))

    @pytest.mark.parametrize(
        ("body", "status", "code"),
        [
            ({"action": "view", "item_id": "nothing"}, 404, "unknown_product"),
            ({"action": "view"}, 404, "unknown_product"),
            ({"action": "steal", "item_id": "desk-1"}, 400, "unknown_action"),
            ({"action": "purchase"}, 409, "empty_cart"),
            ({"action": 7}, 400, "invalid_body"),
            ({"action": "view", "item_id": "desk-1", "price": 0}, 400, "invalid_body"),
            ([], 400, "invalid_body"),
        ],
    )
    def test_what_makes_no_sense_is_refused_with_a_code(
        self, client: flask.testing.FlaskClient, live: FakeLive, body: object, status: int, code: str
    ) -> None:
        response = client.post("/api/act", json=body)
        assert (response.status_code, response.json["error"]["code"]) == (status, code)
        assert live.sent == []

    @pytest.mark.parametrize("path", ["/api/act", "/api/new-shopper"])
    def test_a_form_of_another_site_is_refused(self, client: flask.testing.FlaskClient, path: str) -> None:
        assert client.post(path, data='{"action":"view"}', content_type="text/plain").status_code == 415

    def test_a_body_that_is_too_large_is_refused(self, client: flask.testing.FlaskClient) -> None:
        response = client.post("/api/act", json={"action": "x" * 20_000})
        assert response.status_code == 413

    def test_an_event_that_was_not_taken_changes_nothing_and_is_said(
        self, client: flask.testing.FlaskClient, live: FakeLive
    ) -> None:
        live.broken = "the collect function does not answer"
        response = act(client, "add_to_cart", "desk-1")
        assert response.status_code == 503
        assert response.json["error"]["message"] == live.broken
        assert client.get("/api/live").json["shopper"]["cart"] == []


class TestEmail:
    def test_the_document_is_amp_and_carries_no_identifier(self, client: flask.testing.FlaskClient) -> None:
        response = client.get("/email/document")
        assert response.mimetype == "text/plain"
        assert "⚡4email" in response.text
        assert shopper_of(client) not in response.text

    def test_the_email_shows_the_answer_and_runs_no_script(
        self, client: flask.testing.FlaskClient, live: FakeLive
    ) -> None:
        live.function.answer = answer("garden-1")
        response = client.get("/email")
        assert "The garden-1" in response.text
        assert "<script" not in response.text
        assert "default-src 'none'" in response.headers["Content-Security-Policy"]

    def test_html_is_sent_only_when_the_email_looks_different(
        self, client: flask.testing.FlaskClient, live: FakeLive
    ) -> None:
        first = client.get("/api/live").json["email"]
        assert "The desk-1" in first["html"]
        assert "html" not in client.get(f"/api/live?version={first['version']}").json["email"]
        live.function.answer = answer("garden-1")
        changed = client.get(f"/api/live?version={first['version']}").json["email"]
        assert "The garden-1" in changed["html"]
        assert changed["version"] != first["version"]

    def test_the_fallback_stays_as_it_was_sent(
        self, client: flask.testing.FlaskClient, live: FakeLive
    ) -> None:
        client.get("/")
        live.function.answer = answer("garden-1")
        fallback = client.get("/email/fallback").text
        assert "The desk-1" in fallback
        assert "The garden-1" not in fallback

    def test_without_an_answer_the_email_shows_its_own_fallback(
        self, client: flask.testing.FlaskClient, live: FakeLive
    ) -> None:
        live.function.answer = None
        email = client.get("/api/live").json["email"]
        assert (email["reached"], email["source"], email["answer"]) == (False, None, None)
        assert "We could not reach the shop just now" in email["html"]

    def test_one_that_was_sent_with_products_falls_back_on_them_and_their_pictures(
        self, client: flask.testing.FlaskClient, live: FakeLive
    ) -> None:
        client.get("/")
        live.function.answer = None
        email = client.get("/api/live").json["email"]
        assert "The desk-1" in email["html"]
        assert f'src="{SHOP}/pictures/desk-1.svg"' in email["html"]

    def test_the_document_as_sent_has_nothing_of_this_machine_in_its_lists(
        self, client: flask.testing.FlaskClient
    ) -> None:
        document = client.get("/email/document").text
        assert not re.findall(r'<amp-(?:list|img)[^>]* src="http:', document)
        assert 'src="https://shop.example/pictures/desk-1.svg"' in document

    def test_a_part_that_stopped_is_named(self, client: flask.testing.FlaskClient, live: FakeLive) -> None:
        live.problem = "the Beam job ended with exit code 1"
        assert client.get("/api/live").json["problem"] == live.problem


class TestPictures:
    def test_have_a_photo_each(self, client: flask.testing.FlaskClient) -> None:
        photos = {client.get(f"/pictures/{product.id}.webp").data for product in RANGE}
        assert len(photos) == len(RANGE)
        assert all(photo[8:12] == b"WEBP" for photo in photos)

    def test_are_served_as_svg(self, client: flask.testing.FlaskClient) -> None:
        response = client.get("/pictures/desk-1.svg")
        assert (response.status_code, response.mimetype) == (200, "image/svg+xml")

    def test_an_unknown_one_is_not_found(self, client: flask.testing.FlaskClient) -> None:
        response = client.get("/pictures/nothing.svg")
        assert (response.status_code, response.json["error"]["code"]) == (404, "unknown_product")
