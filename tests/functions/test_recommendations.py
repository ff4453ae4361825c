"""`recommendations` at its HTTP border: answers, errors, headers and tokens."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

import flask
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evermail import clock
from evermail.serving import Recommender
from evermail.stores import StoreError
from evermail.tokens import Issued, Purpose, TokenSigner
from functions.entry import endpoint
from functions.rate_limit import BURST
from functions.recommendations import create_recommendations
from functions.responses import SECURITY_HEADERS
from functions.settings import SettingsError
from tests.functions import fakes
from tests.functions.fakes import FakeRecommender, body_of, error_code, get, token

MONTH = 30 * clock.DAY


def ask(request: flask.Request, recommender: FakeRecommender | None = None) -> flask.Response:
    used = recommender or FakeRecommender()
    handler = create_recommendations(fakes.RECOMMENDATIONS, lambda: used, fakes.FakeMemory, clock=fakes.now)
    return endpoint("recommendations", lambda: handler)(request)


def test_answers_with_items_for_the_tokens_shopper() -> None:
    recommender = FakeRecommender()
    response = ask(get({"t": token(), "n": "2"}), recommender)
    assert response.status_code == 200
    assert recommender.asked == [(fakes.RECIPIENT.shopper, 2)]
    payload = body_of(response)
    assert [item["item_id"] for item in payload["items"]] == ["SKU0", "SKU1"]
    assert payload["items"][0]["title"] == "Töpfe & Pfannen"
    assert payload["source"] == "personal"
    assert payload["as_of"] == "2026-11-24T03:00:00.000000Z"


def test_a_shopper_without_events_has_no_time() -> None:
    assert body_of(ask(get({"t": token()}), FakeRecommender(as_of=0)))["as_of"] is None


def test_the_number_of_slots_has_a_default() -> None:
    recommender = FakeRecommender()
    ask(get({"t": token()}), recommender)
    assert recommender.asked[0][1] == fakes.RECOMMENDATIONS.slots


@pytest.mark.parametrize("n", ["0", "21", "-1", "", "x", "1.0", "٣", "1e1", " 1", "99999999999999999999"])
def test_refuses_a_wrong_number_of_slots(n: str) -> None:
    response = ask(get({"t": token(), "n": n}))
    assert (response.status_code, error_code(response)) == (400, "invalid_slots")


def test_every_answer_is_private_json_with_a_request_id() -> None:
    for request in (get({"t": token()}), get({}), get({"t": token()}, {}), get({}, method="POST")):
        response = ask(request)
        assert response.headers["Content-Type"].startswith("application/json")
        assert SECURITY_HEADERS.items() <= dict(response.headers).items()
        assert response.headers["Cache-Control"] == "private, no-store"
        assert response.headers["X-Request-Id"]


ERRORS = {
    "no token": ({}, 400, "token_missing"),
    "empty token": ({"t": ""}, 400, "token_missing"),
    "garbage": ({"t": "garbage"}, 401, "token_invalid"),
    "not ASCII": ({"t": "töken\x00"}, 401, "token_invalid"),
    "endless": ({"t": "a." * 100_000}, 401, "token_invalid"),
    "other purpose": ({"t": token("unsubscribe")}, 401, "token_invalid"),
    "other key": ({"t": token(key="somebody-elses-key")}, 401, "token_invalid"),
    "expired": ({"t": token(age_us=MONTH + clock.SECOND)}, 401, "token_expired"),
    "from the future": ({"t": token(age_us=-2 * clock.DAY)}, 401, "token_expired"),
}


@pytest.mark.parametrize("case", ERRORS.values(), ids=ERRORS)
def test_errors_are_coded_and_readable_for_a_trusted_sender(
    case: tuple[dict[str, str], int, str],
) -> None:
    query, status, code = case
    recommender = FakeRecommender()
    response = ask(get(query), recommender)
    assert (response.status_code, error_code(response)) == (status, code)
    assert response.headers["AMP-Email-Allow-Sender"] == fakes.SENDER
    assert ("WWW-Authenticate" in response.headers) == (status == 401)
    assert recommender.asked == []


def test_a_token_works_for_thirty_days() -> None:
    assert ask(get({"t": token(age_us=MONTH)})).status_code == 200


def test_links_of_an_old_email_are_as_old() -> None:
    settings = replace(fakes.RECOMMENDATIONS, functions_url="https://live.shop.example")
    handler = create_recommendations(settings, FakeRecommender, fakes.FakeMemory, clock=fakes.now)
    age_us = MONTH - clock.SECOND
    response = endpoint("recommendations", lambda: handler)(get({"t": token(age_us=age_us)}))
    [link, *_] = [parse_qs(urlsplit(item["url"]).query)["t"][0] for item in body_of(response)["items"]]
    issued = TokenSigner([fakes.KEY], clock=fakes.now).read(link, purpose=Purpose.SLOTS)
    assert issued == Issued(fakes.RECIPIENT, (fakes.NOW_US - age_us) // clock.SECOND)


def test_errors_have_the_headers_of_version_1_too() -> None:
    headers = {"Origin": "https://mail.google.com"}
    response = ask(get({"__amp_source_origin": fakes.SENDER}, headers))
    assert (response.status_code, error_code(response)) == (400, "token_missing")
    assert response.headers["Access-Control-Allow-Origin"] == "https://mail.google.com"
    assert response.headers["AMP-Access-Control-Allow-Source-Origin"] == fakes.SENDER


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({}, 400, "sender_missing"),
        ({"Origin": "https://mail.google.com"}, 400, "source_origin_missing"),
        ({"AMP-Email-Sender": "evil@evil.example"}, 403, "sender_not_trusted"),
    ],
)
@pytest.mark.parametrize("method", ["GET", "OPTIONS", "POST"])
def test_whom_we_do_not_trust_gets_no_cors_header(
    method: str, headers: Mapping[str, str], status: int, code: str
) -> None:
    recommender = FakeRecommender()
    response = ask(get({"t": token()}, headers, method), recommender)
    assert (response.status_code, error_code(response)) == (status, code)
    assert not any("allow" in name.lower() for name, _ in response.headers)
    assert recommender.asked == []


def test_answers_options_without_a_token() -> None:
    response = ask(get({}, method="OPTIONS"))
    assert (response.status_code, response.get_data()) == (204, b"")
    assert response.headers["AMP-Email-Allow-Sender"] == fakes.SENDER
    assert response.headers["Access-Control-Allow-Methods"] == "GET, HEAD"


def test_head_is_get_without_the_body() -> None:
    request = get({"t": token()}, method="HEAD")
    response = ask(request)
    assert response.status_code == 200
    assert b"".join(response.get_app_iter(request.environ)) == b""
    assert int(response.headers["Content-Length"]) == len(ask(get({"t": token()})).get_data())


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "BREW"])
def test_other_methods_are_not_allowed(method: str) -> None:
    response = ask(get({"t": token()}, method=method))
    assert (response.status_code, error_code(response)) == (405, "method_not_allowed")
    assert response.headers["Allow"] == "GET, HEAD, OPTIONS"
    assert response.headers["AMP-Email-Allow-Sender"] == fakes.SENDER


FAILURES = {
    "nothing to show": (fakes.NOTHING, 503, "nothing_to_show"),
    "store down": (fakes.DOWN, 503, "store_unavailable"),
    "store broken": (StoreError("cannot open"), 503, "store_unavailable"),
    "a bug": (ZeroDivisionError("secret k1.AAAAAAAAAAAAAAAAAAAAAA"), 500, "internal_error"),
}


@pytest.mark.parametrize("case", FAILURES.values(), ids=FAILURES)
def test_a_failure_behind_us_is_coded_json_and_tells_nothing(
    case: tuple[Exception, int, str], capsys: pytest.CaptureFixture[str]
) -> None:
    error, status, code = case
    response = ask(get({"t": token()}), FakeRecommender(error=error))
    assert (response.status_code, error_code(response)) == (status, code)
    assert response.headers["AMP-Email-Allow-Sender"] == fakes.SENDER
    log = capsys.readouterr().out
    for leak in (fakes.RECIPIENT.shopper, "10.0.0.7", "Traceback"):
        assert leak not in response.get_data(as_text=True)
        assert leak not in log


def test_a_store_that_is_down_leaves_the_fallback_to_the_email(capsys: pytest.CaptureFixture[str]) -> None:
    recommender = Recommender(fakes.DownStore(), clock=fakes.now)
    handler = create_recommendations(
        fakes.RECOMMENDATIONS, lambda: recommender, fakes.FakeMemory, clock=fakes.now
    )
    response = endpoint("recommendations", lambda: handler)(get({"t": token()}))
    assert response.status_code == 503
    assert error_code(response) == "store_unavailable"
    # An operator can tell a dead store from an empty shop.
    assert "StoreUnavailable" in capsys.readouterr().out


def test_a_store_that_cannot_be_opened_is_tried_again_at_the_next_request() -> None:
    recommender = FakeRecommender()
    outcomes: list[Exception | FakeRecommender] = [fakes.DOWN, recommender]

    def open_recommender() -> FakeRecommender:
        outcome = outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    handler = create_recommendations(
        fakes.RECOMMENDATIONS, open_recommender, fakes.FakeMemory, clock=fakes.now
    )
    respond = endpoint("recommendations", lambda: handler)
    assert [respond(get({"t": token()})).status_code for _ in range(2)] == [503, 200]


def test_missing_settings_are_told_to_the_log_and_not_to_the_caller(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def prepare() -> None:
        raise SettingsError("EVERMAIL_STORE is not set")

    response = endpoint("recommendations", prepare)(get({"t": token()}))  # type: ignore[arg-type]
    assert (response.status_code, error_code(response)) == (500, "not_configured")
    assert "EVERMAIL" not in response.get_data(as_text=True)
    assert json.loads(capsys.readouterr().out)["detail"] == "EVERMAIL_STORE is not set"


# Tokens that somebody tampered with

GOOD_TOKEN = token()


@given(position=st.integers(0, len(GOOD_TOKEN) - 1), bit=st.integers(0, 6))
def test_no_bit_of_a_token_can_be_flipped(position: int, bit: int) -> None:
    flipped = chr(ord(GOOD_TOKEN[position]) ^ (1 << bit))
    tampered = GOOD_TOKEN[:position] + flipped + GOOD_TOKEN[position + 1 :]
    assert ask(get({"t": tampered})).status_code in (400, 401)


@given(st.integers(0, len(GOOD_TOKEN) - 1))
def test_no_part_of_a_token_can_be_cut_off(length: int) -> None:
    assert ask(get({"t": GOOD_TOKEN[:length]})).status_code in (400, 401)


@given(st.text(max_size=600))
def test_no_text_passes_for_a_token(text: str) -> None:
    response = ask(get({"t": text.encode("utf-8", "replace").decode()}))
    assert response.status_code in (400, 401)


def test_a_token_that_asks_too_often_is_told_when_to_come_back() -> None:
    settings = replace(fakes.RECOMMENDATIONS, requests_per_minute=1)
    handler = create_recommendations(settings, FakeRecommender, fakes.FakeMemory, clock=fakes.now)
    answer = endpoint("recommendations", lambda: handler)
    answers = [answer(get({"t": token()})) for _ in range(BURST + 1)]
    assert {one.status_code for one in answers[:-1]} == {200}
    last = answers[-1]
    assert (last.status_code, error_code(last)) == (429, "too_many_requests")
    assert 0 < int(last.headers["Retry-After"]) <= 60
    assert last.headers["AMP-Email-Allow-Sender"] == fakes.SENDER
