"""What the opened email asks the functions for, and the studio: both by way of the page's server."""

from __future__ import annotations

import flask.testing
import pytest

from demo.endpoints import Reply
from demo.page.app import Site, create_app
from demo.page.session import COOKIE
from tests.demo.fake_live import RANGE, SHOP, FakeLive


@pytest.fixture
def live() -> FakeLive:
    return FakeLive()


@pytest.fixture
def client(live: FakeLive) -> flask.testing.FlaskClient:
    return create_app(Site(RANGE, live)).test_client()


class TestAddresses:
    def test_lead_to_the_page_and_hold_no_token(self, client: flask.testing.FlaskClient) -> None:
        html = client.get("/email/fallback").text
        assert 'src="/email/slot_image?n=1"' in html
        assert 'href="/email/slot_click?n=1"' in html
        assert not [token for token in ("a.token", "b.token", "c.token", "d.token") if token in html]

    def test_a_picture_of_a_slot_is_the_functions_own(
        self, client: flask.testing.FlaskClient, live: FakeLive
    ) -> None:
        response = client.get("/email/slot_image?n=2&t=somebody-elses&v=7")
        assert (response.data, response.mimetype) == (b"a picture", "image/jpeg")
        assert live.asked == [("slot_image", {"n": "2"})]

    def test_a_link_leads_into_the_shop_and_nowhere_else(
        self, client: flask.testing.FlaskClient, live: FakeLive
    ) -> None:
        for location in (f"{SHOP}/p/desk-1", "https://evil.example/p/desk-1"):
            live.reply = Reply(302, "", "", location, b"")
            assert client.get("/email/slot_click?n=1").location == "/p/desk-1"
        for location in ("", "https://evil.example//other.example", "https://evil.example"):
            live.reply = Reply(302, "", "", location, b"")
            assert client.get("/email/slot_click?i=desk-1").location == "/"

    def test_the_page_for_leaving_keeps_its_own_policy(
        self, client: flask.testing.FlaskClient, live: FakeLive
    ) -> None:
        live.reply = Reply(200, "text/html", "default-src 'none'", "", b"<h1>Leave</h1>")
        response = client.get("/email/unsubscribe")
        assert response.text == "<h1>Leave</h1>"
        assert response.headers["Content-Security-Policy"] == "default-src 'none'"

    def test_a_function_that_is_gone_is_told(self, client: flask.testing.FlaskClient, live: FakeLive) -> None:
        live.broken = "the function slot_image does not answer"
        response = client.get("/email/slot_image?n=1")
        assert (response.status_code, response.json["error"]["message"]) == (503, live.broken)


class TestForms:
    @pytest.mark.parametrize("function", ["wishlist", "feedback", "unsubscribe"])
    def test_a_form_goes_to_its_function(
        self, client: flask.testing.FlaskClient, live: FakeLive, function: str
    ) -> None:
        fields = {"item_id": "desk-1"}
        response = client.post("/api/form", json={"function": function, "fields": fields})
        assert (response.status_code, live.asked) == (200, [(function, fields)])

    @pytest.mark.parametrize(
        ("form", "status"),
        [
            ({"function": "privacy", "fields": {}}, 400),
            ({"function": "wishlist", "fields": {"item_id": "nothing"}}, 404),
            ({"function": "wishlist", "fields": {"item_id": 7}}, 400),
            ({"function": "feedback", "fields": {}}, 404),
        ],
    )
    def test_one_that_makes_no_sense_goes_nowhere(
        self, client: flask.testing.FlaskClient, live: FakeLive, form: object, status: int
    ) -> None:
        assert client.post("/api/form", json=form).status_code == status
        assert live.asked == []

    def test_what_a_function_refuses_is_told(self, client: flask.testing.FlaskClient, live: FakeLive) -> None:
        live.reply = Reply(429, "application/json", "", "", b"{}")
        form = {"function": "unsubscribe", "fields": {"action": "unsubscribe"}}
        assert client.post("/api/form", json=form).json["error"]["code"] == "not_taken"

    def test_a_form_of_another_site_is_refused(
        self, client: flask.testing.FlaskClient, live: FakeLive
    ) -> None:
        body = '{"function": "unsubscribe", "fields": {}}'
        assert client.post("/api/form", data=body, content_type="text/plain").status_code == 415
        assert live.asked == []


class TestStudio:
    def test_is_a_page_of_the_demo_and_leads_back(self, client: flask.testing.FlaskClient) -> None:
        assert 'href="/studio"' in client.get("/").text
        assert '<a href="/">Demo</a>' in client.get("/studio").text

    def test_offers_the_visitor(self, client: flask.testing.FlaskClient) -> None:
        page = client.get("/studio").text
        cookie = client.get_cookie(COOKIE)
        assert cookie
        assert f">{cookie.value[-4:]}</option>" in page

    def test_waits_for_the_stack_as_the_shop_does(self) -> None:
        page = create_app(Site(RANGE)).test_client().get("/studio")
        assert (page.status_code, 'http-equiv="refresh"' in page.text) == (503, True)


@pytest.mark.parametrize("path", ["/", "/studio", "/api/live", "/email"])
def test_no_other_host_is_answered(client: flask.testing.FlaskClient, path: str) -> None:
    """A name that leads to this machine would let the pages of that name read what is here."""
    assert client.get(path, headers={"Host": "evil.example:8080"}).status_code == 421
