"""`trending` at its HTTP border: for everybody, and for caches."""

from __future__ import annotations

import flask
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evermail import clock
from evermail.serving import Answer, NothingToShow, Source
from evermail.stores import StoreUnavailable
from functions.entry import endpoint
from functions.trending import Trending
from tests.functions import fakes
from tests.functions.fakes import body_of, error_code, get, item

SENDERS = fakes.RECOMMENDATIONS.senders
KEPT = "public, max-age=60, stale-while-revalidate=300, stale-if-error=86400"
"""A minute, five more while a cache asks anew, and a day while there is nobody to ask."""
ORIGIN = {"Origin": "https://mail.google.com"}


class Popular:
    def __init__(self, error: Exception | None = None, price: str = "€19.90") -> None:
        self.asked: list[tuple[int, str]] = []
        self._error, self._price = error, price

    def popular(self, *, slots: int, category: str) -> Answer:
        self.asked.append((slots, category))
        if self._error:
            raise self._error
        return Answer(
            [item(f"SKU{n}", price=self._price) for n in range(slots)], Source.TRENDING, fakes.NOW_US
        )


def ask(request: flask.Request, popular: Popular | None = None) -> flask.Response:
    shop = popular or Popular()
    return endpoint("trending", lambda: Trending(SENDERS, 4, lambda: shop))(request)


def test_says_what_is_popular_and_that_caches_may_keep_it() -> None:
    shop = Popular()
    response = ask(get({"n": "2", "category": "Tea"}, {}), shop)
    assert shop.asked == [(2, "Tea")]
    payload = body_of(response)
    assert ([one["item_id"] for one in payload["items"]], payload["source"]) == (["SKU0", "SKU1"], "trending")
    assert payload["as_of"] == clock.to_rfc3339(fakes.NOW_US)
    assert response.headers["Cache-Control"] == KEPT
    assert "Set-Cookie" not in response.headers


def test_who_has_it_is_told_so() -> None:
    tag = ask(get({}, {})).headers["ETag"]
    request = get({}, {"If-None-Match": tag})
    same = ask(request)
    assert same.status_code == 304
    assert b"".join(same.get_app_iter(request.environ)) == b""
    assert same.headers["ETag"] == tag
    assert same.headers["Cache-Control"] == KEPT
    other = ask(get({}, {"If-None-Match": tag}), Popular(price="€5.00"))
    assert other.status_code == 200
    assert other.headers["ETag"] != tag


def test_an_answer_of_last_resort_is_not_kept_for_long() -> None:
    class Last(Popular):
        def popular(self, *, slots: int, category: str) -> Answer:
            return Answer([item("L")], Source.STATIC)

    assert ask(get({}, {}), Last()).headers["Cache-Control"] == "public, max-age=5"


# Who may read it


@pytest.mark.parametrize("headers", [{}, {"AMP-Email-Sender": "anybody@elsewhere.example"}, ORIGIN])
def test_anybody_may_read_what_is_for_everybody(headers: dict[str, str]) -> None:
    response = ask(get({}, headers))
    assert response.status_code == 200
    assert response.headers["AMP-Email-Allow-Sender"] == "*"
    assert response.headers["Access-Control-Allow-Origin"] == "*"


def test_version_1_is_answered_with_its_headers() -> None:
    response = ask(get({"__amp_source_origin": fakes.SENDER}, ORIGIN))
    assert response.status_code == 200
    assert response.headers["Access-Control-Allow-Origin"] == ORIGIN["Origin"]
    assert response.headers["AMP-Access-Control-Allow-Source-Origin"] == fakes.SENDER
    assert response.headers["Access-Control-Expose-Headers"] == "AMP-Access-Control-Allow-Source-Origin"


def test_version_1_is_not_for_other_senders() -> None:
    response = ask(get({"__amp_source_origin": "x@elsewhere.example"}, ORIGIN))
    assert (response.status_code, error_code(response)) == (403, "sender_not_trusted")


@pytest.mark.parametrize("query", [{}, {"__amp_source_origin": fakes.SENDER}])
def test_no_answer_depends_on_the_sender(query: dict[str, str]) -> None:
    """So caches need not tell senders apart, and none gets what is meant for another."""
    answers = [ask(get(query, {**ORIGIN, **more})) for more in ({}, {"AMP-Email-Sender": "a@b.example"})]
    seen = [
        (one.get_data(), {name: value for name, value in one.headers if name != "X-Request-Id"})
        for one in answers
    ]
    assert seen[0] == seen[1]
    assert answers[0].headers["Vary"] == "Origin"


def test_a_preflight_is_answered() -> None:
    response = ask(get({}, ORIGIN, method="OPTIONS"))
    assert (response.status_code, response.headers["Access-Control-Allow-Methods"]) == (204, "GET, HEAD")


# Errors


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"n": "0"}, "invalid_slots"),
        ({"n": "x"}, "invalid_slots"),
        ({"category": "x" * 201}, "invalid_category"),
        ({"category": "a\nb"}, "invalid_category"),
    ],
)
def test_refuses_what_cannot_be(query: dict[str, str], code: str) -> None:
    response = ask(get(query, {}))
    assert (response.status_code, error_code(response)) == (400, code)
    assert response.headers["Cache-Control"] == "private, no-store"


@pytest.mark.parametrize(
    ("error", "code"),
    [(NothingToShow(), "nothing_to_show"), (StoreUnavailable("10.0.0.7"), "store_unavailable")],
)
def test_an_error_is_not_kept_by_caches(error: Exception, code: str) -> None:
    response = ask(get({}, {}), Popular(error))
    assert (response.status_code, error_code(response)) == (503, code)
    assert response.headers["Cache-Control"] == "private, no-store"
    assert "10.0.0.7" not in response.get_data(as_text=True)


@given(st.dictionaries(st.sampled_from(["n", "category", "__amp_source_origin", "t"]), st.text(max_size=300)))
def test_whatever_is_asked_is_answered(query: dict[str, str]) -> None:
    assert ask(get(query, {})).status_code in (200, 400, 403)
