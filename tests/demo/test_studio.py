"""The studio's server: what it shows of an email, what it gives to take along, and what it refuses."""

from __future__ import annotations

import email
import io
import json
import re
import zipfile
from collections.abc import Iterator
from email import policy
from pathlib import Path
from typing import Any

import flask.testing
import pytest

from demo import catalog
from demo.studio.alone import Alone, create_app
from demo.studio.brands import PRESETS, brands
from demo.studio.views import view
from evermail import clock
from evermail.campaigns import Parts
from evermail.campaigns.check import AmpValidator
from evermail.campaigns.dialects import DIALECTS
from evermail.campaigns.render import Renderer
from evermail.documents import Profile, Seen
from evermail.stores import Store, open_store
from evermail.tokens import Recipient

ENDPOINT = "https://live.shop.example"
TEMPLATES = Renderer().templates()
VIEWS = ("amp", "html", "images-off", "dark")
KNOWN = Recipient("k1.Zm9vYmFyYmF6cXV4cXV1eA", "preview")


@pytest.fixture(scope="module")
def validator() -> Iterator[AmpValidator]:
    with AmpValidator() as running:
        yield running


@pytest.fixture
def client(validator: AmpValidator) -> flask.testing.FlaskClient:
    return create_app(Alone(), brands(), ENDPOINT, validator).test_client()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """A shop's store with one shopper who looked at a lamp and has a mug in the cart."""
    opened = open_store(f"sqlite:///{tmp_path}/shop.sqlite3")
    range_ = catalog.products("https://shop.example")
    profile = Profile(
        id=KNOWN.shopper,
        version=1,
        updated_at=1,
        as_of=1,
        events=2,
        history=[Seen("lighting-1", clock.now_us(), "view_item")],
        cart={"kitchen-2": 1},
    )
    opened.put_many([*range_, catalog.front_page(range_), profile])
    yield opened
    opened.close()


@pytest.fixture
def known(store: Store, validator: AmpValidator) -> flask.testing.FlaskClient:
    return create_app(Alone(store, KNOWN), brands(), ENDPOINT, validator).test_client()


def proof(client: flask.testing.FlaskClient, **query: str) -> Any:
    return client.get("/studio/api/proof", query_string=query).json


def refusal(client: flask.testing.FlaskClient, path: str, **query: str) -> tuple[int, str]:
    response = client.get(path, query_string=query)
    return response.status_code, response.json["error"]["message"]


class TestPage:
    def test_offers_every_template_service_and_brand(self, client: flask.testing.FlaskClient) -> None:
        page = client.get("/studio").text
        for name in [*TEMPLATES, *DIALECTS, *PRESETS]:
            assert f'value="{name}"' in page

    def test_needs_nothing_from_elsewhere(self, client: flask.testing.FlaskClient) -> None:
        response = client.get("/studio")
        assert not re.findall(r'(?:src|href)="(?:https?:)?//', response.text)
        assert response.headers["Content-Security-Policy"].startswith(
            "default-src 'self'; img-src 'self' data:;"
        )

    def test_a_brands_name_is_only_ever_text(self, tmp_path: Path, validator: AmpValidator) -> None:
        file = tmp_path / "odd.yaml"
        file.write_text("name: <img src=x>\nshop_url: https://shop.example\naddress: 1 Mill Lane\n")
        client = create_app(Alone(), brands([file]), ENDPOINT, validator).test_client()
        assert "<img src=x>" not in client.get("/studio").text
        assert "<img src=x>" not in client.get("/studio/view/html?brand=odd").text

    def test_every_part_of_the_document_with_an_id_has_it_alone(
        self, client: flask.testing.FlaskClient
    ) -> None:
        ids = re.findall(r'\bid="([^"]+)"', client.get("/studio").text)
        assert len(ids) == len(set(ids))

    @pytest.mark.parametrize("host", ["evil.example", "evil.example:8090", "127.0.0.1.evil.example"])
    def test_answers_no_other_host(self, client: flask.testing.FlaskClient, host: str) -> None:
        assert client.get("/studio", headers={"Host": host}).status_code == 421

    @pytest.mark.parametrize("host", ["127.0.0.1:8090", "localhost", "[::1]:8090", "[::1]"])
    def test_answers_this_machine(self, client: flask.testing.FlaskClient, host: str) -> None:
        assert client.get("/studio", headers={"Host": host}).status_code == 200


class TestProof:
    @pytest.mark.parametrize("template", TEMPLATES)
    def test_every_template_can_be_looked_at_in_every_view(
        self, client: flask.testing.FlaskClient, template: str
    ) -> None:
        made = proof(client, template=template)
        assert made["subject"]
        assert made["preheader"]
        for name in VIEWS:
            shown = client.get(f"/studio/view/{name}", query_string={"template": template})
            assert shown.status_code == 200
            assert "<script" not in shown.text
            assert "default-src 'none'" in shown.headers["Content-Security-Policy"]

    @pytest.mark.parametrize("service", DIALECTS)
    def test_every_service_delivers_an_email_without_any_of_its_tags(
        self, client: flask.testing.FlaskClient, service: str
    ) -> None:
        found = client.get("/studio/api/findings", query_string={"service": service}).json["findings"]
        assert [one for one in found if one["severity"] == "error" and one["part"] != "check"] == []
        assert "{{title}}" in client.get("/studio/part/amp", query_string={"service": service}).text

    def test_it_stays_as_it_was_made(self, client: flask.testing.FlaskClient) -> None:
        assert proof(client) == proof(client)

    def test_changed_colours_show_and_are_judged(self, client: flask.testing.FlaskClient) -> None:
        query = {"light.accent": "f3d25b"}
        made = proof(client, **query)
        assert made["colours"]["light"]["accent"] == "#f3d25b"
        ratios = {(one["text"], one["on"]): one["ratio"] for one in made["contrasts"]["light"]}
        assert ratios["accent", "paper"] == pytest.approx(1.46, abs=0.1)
        assert "#f3d25b" in client.get("/studio/view/html", query_string=query).text
        found = client.get("/studio/api/findings", query_string=query).json["findings"]
        assert any("#f3d25b" in one["what"] and one["remedy"] for one in found)

    def test_pictures_of_slots_are_drawn(self, client: flask.testing.FlaskClient) -> None:
        html = client.get("/studio/view/html").text
        addresses = [one.replace("&amp;", "&") for one in re.findall(r'src="(/studio/slot\?[^"]+)"', html)]
        pictures = {client.get(address).data for address in addresses}
        assert len(pictures) == len(addresses) == 4
        assert all(picture.startswith(b"\xff\xd8") for picture in pictures)
        assert ENDPOINT + "/slot_image" not in html

    def test_with_images_off_no_picture_is_asked_for(self, client: flask.testing.FlaskClient) -> None:
        html = client.get("/studio/view/images-off").text
        assert set(re.findall(r'<img[^>]* src="([^"]*)"', html)) == {"data:,"}

    def test_the_mode_is_that_of_the_view_and_not_of_this_machine(self) -> None:
        html = (
            "<style>:root{color-scheme:light dark}@media (prefers-color-scheme:dark){a{color:#fff}}</style>"
        )
        parts = Parts(subject="", text="", amp="", html=html)
        light, dark = (view(name, parts, None, ENDPOINT, str, "") for name in ("html", "dark"))
        assert ("@media not all" in light, "color-scheme:light}" in light) == (True, True)
        assert ("@media all" in dark, "color-scheme:dark}" in dark) == (True, True)


class TestShopper:
    def test_sees_what_the_store_knows_of_them(self, known: flask.testing.FlaskClient) -> None:
        made = proof(known, template="abandoned_cart")
        assert "Stoneware mug, pair" in made["subject"]
        assert made["live"]

    def test_is_told_why_each_product_is_there(self, known: flask.testing.FlaskClient) -> None:
        opened = known.get("/studio/api/opened").json
        assert len(opened["reasons"]) == 4
        assert all(one["why"] and one["code"] for one in opened["reasons"])

    def test_the_same_answer_is_not_sent_twice(self, known: flask.testing.FlaskClient) -> None:
        version = known.get("/studio/api/opened").json["version"]
        assert known.get(f"/studio/api/opened?version={version}").json == {"version": version}

    def test_what_they_do_changes_the_opened_email_and_not_the_sent_one(
        self, known: flask.testing.FlaskClient, store: Store
    ) -> None:
        sent, before = proof(known), known.get("/studio/api/opened").json
        profile = Profile(
            id=KNOWN.shopper,
            version=2,
            updated_at=2,
            as_of=2,
            events=3,
            history=[Seen("garden-8", clock.now_us(), "view_item")],
        )
        store.put_many([profile])
        after = known.get("/studio/api/opened").json
        assert after["version"] != before["version"]
        assert proof(known) == sent

    def test_looking_leaves_no_trace(self, known: flask.testing.FlaskClient, store: Store) -> None:
        proof(known)
        known.get("/studio/api/opened")
        assert list(store.scan("impressions")) == []

    def test_a_category_is_that_of_what_they_looked_at(self, known: flask.testing.FlaskClient) -> None:
        assert "Lighting" in proof(known, template="trending_in_category")["subject"]


class TestDownload:
    @pytest.mark.parametrize("service", DIALECTS)
    def test_is_what_build_writes(self, client: flask.testing.FlaskClient, service: str) -> None:
        response = client.get(f"/studio/download?template=price_drop&service={service}")
        assert response.headers["Content-Disposition"] == f'attachment; filename="price_drop-{service}.zip"'
        with zipfile.ZipFile(io.BytesIO(response.data)) as archive:
            names = {Path(name).name for name in archive.namelist()}
            assert {name.partition("/")[0] for name in archive.namelist()} == {f"price_drop-{service}"}
            described = json.loads(archive.read(f"price_drop-{service}/build.json"))
        assert {"STEPS.md", "build.json"} <= names
        assert (described["template"], described["service"]) == ("price_drop", service)
        assert "amp.html" in names or "000001.eml" in names

    def test_a_message_has_its_parts_in_order(self, client: flask.testing.FlaskClient) -> None:
        archive = zipfile.ZipFile(io.BytesIO(client.get("/studio/download?service=smtp").data))
        raw = archive.read("recommended_for_you-smtp/messages/000001.eml")
        message = email.message_from_bytes(raw, policy=policy.default)
        kinds = [part.get_content_type() for part in message.iter_parts()]
        assert kinds == ["text/plain", "text/x-amp-html", "text/html"]


class TestRefusals:
    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("template", "../../etc/passwd"),
            ("template", "_partials"),
            ("brand", "..%2f"),
            ("shopper", "k1.c29tZWJvZHk"),
            ("service", "carrier-pigeon"),
            ("layout", "spiral"),
        ],
    )
    def test_a_choice_that_there_is_not(
        self, client: flask.testing.FlaskClient, name: str, value: str
    ) -> None:
        for path in ("api/proof", "api/opened", "api/findings", "view/html", "part/amp", "download", "slot"):
            status, message = refusal(client, f"/studio/{path}", **{name: value})
            assert status == 400
            assert f"there is no {name}" in message

    @pytest.mark.parametrize("colour", ["red", "12345", "1234567", "fff;}", "<b>"])
    def test_a_colour_that_is_none(self, client: flask.testing.FlaskClient, colour: str) -> None:
        assert refusal(client, "/studio/api/proof", **{"dark.ink": colour})[0] == 400

    @pytest.mark.parametrize(
        "path", ["view/secret", "part/subject", "photo/..%2f..%2fsetup.webp", "photo/x.webp"]
    )
    def test_an_address_that_leads_nowhere(self, client: flask.testing.FlaskClient, path: str) -> None:
        assert client.get(f"/studio/{path}").status_code == 404

    def test_a_query_cannot_break_out_of_an_address(self, client: flask.testing.FlaskClient) -> None:
        html = client.get('/studio/view/html?made="><img src=x onerror=1>').text
        assert "onerror=1>" not in html
