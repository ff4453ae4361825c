"""What every answer says to browsers and caches, whichever it is.

The values stand here as they are promised: who changes one, changes the promise.
"""

from __future__ import annotations

import flask
import pytest

from functions import responses, unsubscribe_page
from functions.responses import Failure
from tests.functions.fakes import get

YEAR_S = 31_536_000

ANSWERS = {
    "json": responses.json_response({"a": 1}),
    "an error": responses.error_response(
        Failure(503, "store_unavailable", "…", headers={"Retry-After": "1"})
    ),
    "nothing": responses.no_content({"Allow": "GET"}),
    "a redirect": responses.redirect("https://shop.example/SKU1"),
    "a picture": responses.image_response(b"\xff\xd8", "image/jpeg"),
    "for caches": responses.cacheable(
        get({}), b"{}", content_type="application/json", cache_control="public"
    ),
    "a page": unsubscribe_page.show(unsubscribe_page.ASK),
}
EVERY = pytest.mark.parametrize("response", ANSWERS.values(), ids=ANSWERS)


@EVERY
def test_browsers_come_back_by_https_alone_for_a_year(response: flask.Response) -> None:
    assert response.headers["Strict-Transport-Security"] == f"max-age={YEAR_S}"


@EVERY
def test_no_address_leaves_by_a_referrer_and_no_type_is_guessed(response: flask.Response) -> None:
    assert response.headers["Referrer-Policy"] == "no-referrer"
    assert response.headers["X-Content-Type-Options"] == "nosniff"


@EVERY
def test_nothing_is_loaded_from_anywhere_and_nobody_frames_it(response: flask.Response) -> None:
    policy = response.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; ")
    assert policy.endswith("frame-ancestors 'none'")


@pytest.mark.parametrize("answer", ["json", "an error", "nothing", "a redirect", "a page"])
def test_nobody_keeps_what_is_somebodys(answer: str) -> None:
    assert ANSWERS[answer].headers["Cache-Control"] == "private, no-store"


def test_a_picture_is_asked_for_anew_at_each_open() -> None:
    assert ANSWERS["a picture"].headers["Cache-Control"] == "private, no-cache, max-age=0"
