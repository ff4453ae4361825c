"""`unsubscribe`: by one click, from an email, or on a page; at once, or said not to be."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from html.parser import HTMLParser
from pathlib import Path

import flask
import pytest
from faulty_store import BAD_DAY, UnreliableStore

from evermail import clock
from evermail.documents import Profile, Suppression
from evermail.stores import Store
from evermail.stores.sqlite import SqliteStore
from evermail.suppression import is_suppressed
from tests.functions import fakes
from tests.functions.actions_support import MULTIPART, SETTINGS, URLENCODED, Actions, posted
from tests.functions.fakes import NOW_US, body_of, error_code, token

SHOPPER = fakes.RECIPIENT.shopper
BROWSER = {"Origin": "null", "Accept": "text/html", "User-Agent": "Mozilla/5.0"}
"""What a browser sends along with a form of a page that lets no referrer out."""
ONE_CLICK = {"List-Unsubscribe": "One-Click"}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    store = SqliteStore(tmp_path / "store.sqlite3", clock=fakes.now)
    yield store
    store.close()


def press(store: Store, action: str = "unsubscribe", **how: object) -> flask.Response:
    return Actions(store).post("unsubscribe", {"action": action}, **{"headers": BROWSER, **how})


def visit(signed: str | None, method: str = "GET", headers: Mapping[str, str] = {}) -> flask.Response:
    request = posted(b"", signed, method=method, headers=headers, content_type=None)
    return Actions()("unsubscribe", request)


def stored(store: Store) -> list[tuple[str, str, bool]]:
    found = store.scan("suppressions")
    return [(one.id, one.reason, one.lifted) for one in found if isinstance(one, Suppression)]


class Shown(HTMLParser):
    """What is on a page."""

    def __init__(self, response: flask.Response) -> None:
        super().__init__()
        assert response.headers["Content-Type"] == "text/html; charset=utf-8"
        self.html = response.get_data(as_text=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(self.html)
        self.title = re.findall("<title>(.*)</title>", self.html)
        self.h1 = re.findall("<h1>(.*)</h1>", self.html)
        self.buttons = re.findall("<button[^>]*>(.*)</button>", self.html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def attributes(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


class TestOneClick:
    """RFC 8058."""

    @pytest.mark.parametrize("content_type", [URLENCODED, MULTIPART, URLENCODED + "; charset=utf-8"])
    @pytest.mark.parametrize("value", ["One-Click", "one-click"])
    def test_needs_nothing_but_the_link(self, store: SqliteStore, content_type: str, value: str) -> None:
        form = {"List-Unsubscribe": value}
        response = Actions(store).post("unsubscribe", form, headers={}, content_type=content_type)
        assert (response.status_code, body_of(response)) == (200, {"message": "You are unsubscribed."})
        assert stored(store) == [(SHOPPER, "one_click", False)]

    def test_as_the_standard_writes_it(self, store: SqliteStore) -> None:
        body = (
            b"-----\r\n"
            b'Content-Disposition: form-data; name="List-Unsubscribe"\r\n\r\n'
            b"One-Click\r\n"
            b"-------\r\n"
        )
        request = posted(
            body, token("unsubscribe"), headers={}, content_type='multipart/form-data; boundary="---"'
        )
        assert Actions(store)("unsubscribe", request).status_code == 200
        assert is_suppressed(store, [SHOPPER]) == {SHOPPER}

    def test_again_changes_nothing(self, store: SqliteStore) -> None:
        actions = Actions(store)
        actions.post("unsubscribe", ONE_CLICK, headers={})
        before = list(store.scan("suppressions"))
        actions.now_us += clock.DAY
        assert actions.post("unsubscribe", ONE_CLICK, headers={}).status_code == 200
        assert list(store.scan("suppressions")) == before

    def test_says_honestly_that_it_did_not_work(self) -> None:
        response = Actions(fakes.DownStore()).post("unsubscribe", ONE_CLICK, headers={})
        assert (response.status_code, error_code(response)) == (503, "store_unavailable")
        assert response.headers["Retry-After"]

    @pytest.mark.parametrize("content_type", [URLENCODED, MULTIPART])
    @pytest.mark.parametrize(
        ("signed", "status", "code"),
        [
            (None, 400, "token_missing"),
            ("forged", 401, "token_invalid"),
            (token("actions"), 401, "token_invalid"),
            (token("unsubscribe", age_us=401 * clock.DAY), 401, "token_expired"),
        ],
    )
    def test_a_provider_is_told_in_json_what_is_wrong_with_the_link(
        self, store: SqliteStore, signed: str | None, status: int, code: str, content_type: str
    ) -> None:
        request = posted(ONE_CLICK, signed, headers={}, content_type=content_type)
        response = Actions(store)("unsubscribe", request)
        assert (response.status_code, error_code(response)) == (status, code)
        assert stored(store) == []

    def test_a_provider_that_asks_too_often_is_told_in_json(self, store: SqliteStore) -> None:
        actions = Actions(store, settings=dataclasses.replace(SETTINGS, requests_per_minute=1))
        answers = [actions.post("unsubscribe", ONE_CLICK, headers={}) for _ in range(100)]
        assert answers[0].status_code == 200
        assert (answers[-1].status_code, error_code(answers[-1])) == (429, "too_many_requests")
        assert answers[-1].headers["Retry-After"]

    def test_a_link_is_good_for_more_than_a_year(self, store: SqliteStore) -> None:
        old = token("unsubscribe", age_us=399 * clock.DAY)
        assert Actions(store)("unsubscribe", posted(ONE_CLICK, old, headers={})).status_code == 200


class TestAmp:
    def test_a_form_is_answered_with_a_message(self, store: SqliteStore) -> None:
        response = Actions(store).post("unsubscribe")
        assert body_of(response) == {"message": "You are unsubscribed."}
        assert response.headers["AMP-Email-Allow-Sender"] == fakes.SENDER
        assert stored(store) == [(SHOPPER, "amp", False)]

    def test_and_can_be_undone(self, store: SqliteStore) -> None:
        actions = Actions(store)
        actions.post("unsubscribe")
        response = actions.post("unsubscribe", {"action": "undo"})
        assert body_of(response) == {"message": "You are subscribed again."}
        assert is_suppressed(store, [SHOPPER]) == set()

    @pytest.mark.parametrize("form", [{"action": "subscribe"}, {"action": ""}, {"x": "y"}])
    def test_what_says_neither_is_refused(self, store: SqliteStore, form: dict[str, str]) -> None:
        response = Actions(store).post("unsubscribe", form)
        assert (response.status_code, error_code(response)) == (400, "invalid_action")
        assert stored(store) == []

    def test_an_error_is_json(self) -> None:
        response = Actions(fakes.DownStore()).post("unsubscribe")
        assert (response.status_code, error_code(response)) == (503, "store_unavailable")
        assert response.headers["AMP-Email-Allow-Sender"] == fakes.SENDER


class TestPage:
    @pytest.mark.parametrize("method", ["GET", "HEAD"])
    def test_to_follow_the_link_changes_nothing(self, store: SqliteStore, method: str) -> None:
        request = posted(b"", token("unsubscribe"), method=method, headers=BROWSER, content_type=None)
        assert Actions(store)("unsubscribe", request).status_code == 200
        assert stored(store) == []

    def test_asks_with_one_button(self) -> None:
        page = Shown(visit(token("unsubscribe")))
        assert (page.title, page.h1, page.buttons) == (["Unsubscribe?"], ["Unsubscribe?"], ["Unsubscribe"])
        [form] = page.attributes("form")
        assert form == {"method": "post"}  # to the page's own address
        [hidden] = page.attributes("input")
        assert (hidden["name"], hidden["value"]) == ("action", "unsubscribe")

    def test_works_while_the_store_is_down(self) -> None:
        assert visit(token("unsubscribe")).status_code == 200

    def test_unsubscribes_and_offers_to_undo_it(self, store: SqliteStore) -> None:
        page = Shown(press(store))
        assert (page.h1, page.buttons) == (["You are unsubscribed"], ["Undo"])
        assert stored(store) == [(SHOPPER, "page", False)]
        page = Shown(press(store, "undo"))
        assert (page.h1, page.buttons) == (["You are subscribed again"], ["Unsubscribe"])
        assert is_suppressed(store, [SHOPPER]) == set()
        press(store)
        assert is_suppressed(store, [SHOPPER]) == {SHOPPER}

    def test_an_undo_without_anything_to_undo_changes_nothing(self, store: SqliteStore) -> None:
        assert press(store, "undo").status_code == 200
        assert stored(store) == []

    @pytest.mark.parametrize(
        ("signed", "status", "h1"),
        [
            (None, 400, "This link does not work"),
            ("forged", 401, "This link does not work"),
            ('"><script>', 401, "This link does not work"),
            (token("actions"), 401, "This link does not work"),
            (token("unsubscribe", age_us=401 * clock.DAY), 401, "This link has expired"),
        ],
    )
    @pytest.mark.parametrize("method", ["GET", "POST"])
    def test_says_of_a_link_what_is_wrong(
        self, signed: str | None, status: int, h1: str, method: str
    ) -> None:
        form = {"action": "unsubscribe"} if method == "POST" else b""
        request = posted(form, signed, method=method, headers=BROWSER)
        response = Actions()("unsubscribe", request)
        page = Shown(response)
        assert (response.status_code, page.h1, page.buttons) == (status, [h1], [])
        assert "script" not in page.html

    @pytest.mark.parametrize(("action", "button"), [("unsubscribe", "Unsubscribe"), ("undo", "Undo")])
    def test_says_honestly_that_it_did_not_work_and_offers_to_try_again(
        self, action: str, button: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        response = press(fakes.DownStore(), action)
        page = Shown(response)
        assert (response.status_code, page.h1, page.buttons) == (503, ["That did not work"], [button])
        assert page.attributes("input")[0]["value"] == action
        line = json.loads(capsys.readouterr().out)
        assert (line["code"], line["way"]) == ("store_unavailable", "page")
        assert "10.0.0.7" not in json.dumps(line)

    def test_what_a_browser_sends_wrongly_is_told_on_a_page(self, store: SqliteStore) -> None:
        response = press(store, "x")
        assert (response.status_code, Shown(response).buttons) == (400, ["Unsubscribe"])
        response = press(store, content_type="text/plain")
        assert (response.status_code, Shown(response).buttons) == (415, ["Unsubscribe"])
        assert stored(store) == []

    @pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "BREW"])
    def test_other_methods_are_not_allowed(self, method: str) -> None:
        response = visit(token("unsubscribe"), method)
        assert (response.status_code, response.headers["Allow"]) == (405, "GET, HEAD, POST, OPTIONS")

    def test_options_are_told_and_no_page_of_others_may_read_anything(self) -> None:
        response = visit(None, "OPTIONS", {"Origin": "https://evil.example"})
        assert (response.status_code, response.headers["Allow"]) == (204, "GET, HEAD, POST, OPTIONS")
        assert not [name for name, _ in response.headers if name.startswith("Access-Control")]


class TestEveryPage:
    @pytest.fixture(params=["asks", "unsubscribed", "undone", "bad link", "store down"])
    def response(self, request: pytest.FixtureRequest, store: SqliteStore) -> flask.Response:
        pages = {
            "asks": lambda: visit(token("unsubscribe")),
            "unsubscribed": lambda: press(store),
            "undone": lambda: press(store, "undo"),
            "bad link": lambda: visit("forged"),
            "store down": lambda: press(fakes.DownStore()),
        }
        return pages[request.param]()

    def test_loads_nothing_and_runs_nothing(self, response: flask.Response) -> None:
        page = Shown(response)
        assert {tag for tag, _ in page.tags} <= {
            *("html", "head", "meta", "title", "style", "body", "main", "h1", "p", "form", "input", "button")
        }
        assert not re.search(r"url\(|@import|https?:|href|src", page.html)
        assert not [attrs for _, attrs in page.tags if any(name.startswith("on") for name in attrs)]

    def test_may_style_itself_and_post_to_itself_and_no_more(self, response: flask.Response) -> None:
        policy = dict(
            part.strip().split(" ", 1) for part in response.headers["Content-Security-Policy"].split(";")
        )
        [style] = re.findall("<style>(.*?)</style>", Shown(response).html, re.S)
        digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
        assert policy == {
            "default-src": "'none'",
            "style-src": f"'sha256-{digest}'",
            "form-action": "'self'",
            "base-uri": "'none'",
            "frame-ancestors": "'none'",
        }

    def test_lets_the_token_out_nowhere(self, response: flask.Response) -> None:
        assert response.headers["Referrer-Policy"] == "no-referrer"
        assert response.headers["Cache-Control"] == "private, no-store"
        html = Shown(response).html
        assert token("unsubscribe") not in html
        assert SHOPPER not in html
        assert "noindex" in html

    def test_can_be_read_by_everybody(self, response: flask.Response) -> None:
        page = Shown(response)
        assert page.attributes("html") == [{"lang": "en"}]
        assert page.title == page.h1
        viewports = [meta["content"] for meta in page.attributes("meta") if meta.get("name") == "viewport"]
        assert viewports == ["width=device-width, initial-scale=1"]
        assert "prefers-color-scheme:dark" in page.html

    @pytest.mark.parametrize("scheme", ["light", "dark"])
    def test_its_colours_have_contrast(self, response: flask.Response, scheme: str) -> None:
        roots = re.findall(r":root\{(.*?)\}", Shown(response).html, re.S)
        colours = dict(re.findall(r"--([a-z-]+):(#[0-9a-f]+)", roots[0]))
        if scheme == "dark":
            colours |= dict(re.findall(r"--([a-z-]+):(#[0-9a-f]+)", roots[1]))
        texts = [("ink", "paper"), ("muted", "paper"), ("on-accent", "accent"), ("ink", "canvas")]
        for text, ground in texts:
            assert contrast(colours[text], colours[ground]) >= 4.5, (text, ground)
        for edge, ground in [("edge", "paper"), ("accent", "paper")]:
            assert contrast(colours[edge], colours[ground]) >= 3, (edge, ground)


def contrast(one: str, other: str) -> float:
    """WCAG 2.2, "contrast ratio"."""
    lights = []
    for colour in (one, other):
        digits = colour[1:] if len(colour) == 7 else "".join(2 * digit for digit in colour[1:])
        parts = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        lights.append(0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2])
    return (max(lights) + 0.05) / (min(lights) + 0.05)


def test_holds_under_the_names_that_the_shopper_goes_by_since(store: SqliteStore) -> None:
    for name, to in ((SHOPPER, "k2.new"), ("k2.new", "k2.user")):
        moved = Profile(
            id=name, version=1, updated_at=NOW_US, as_of=0, events=0, moved_to=to, renamed=to == "k2.new"
        )
        store.put_many([moved])
    names = [SHOPPER, "k2.new", "k2.user"]
    press(store)
    assert is_suppressed(store, names) == set(names)
    press(store, "undo")
    assert is_suppressed(store, names) == set()


@pytest.mark.parametrize("seed", range(5))
def test_what_is_confirmed_holds_on_bad_days_too(store: SqliteStore, seed: int) -> None:
    faulty = UnreliableStore(store, BAD_DAY, seed=seed)
    confirmed = set()
    for number in range(30):
        actions = Actions(faulty, now_us=NOW_US + number)
        action = "unsubscribe" if number % 3 else "undo"
        if actions.post("unsubscribe", {"action": action}, headers=BROWSER).status_code == 200:
            confirmed.add(action)
            assert is_suppressed(store, [SHOPPER]) == ({SHOPPER} if action == "unsubscribe" else set())
    assert confirmed == {"unsubscribe", "undo"}
