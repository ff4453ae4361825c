"""What endpoints that forms of an email post to have in common: tokens, forms, headers, what a log says."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import flask
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evermail import clock
from evermail.stores.sqlite import SqliteStore
from evermail.tokens import MAX_AGE_US, Recipient, TokenSigner
from functions.forms import MAX_BYTES, MAX_FIELDS
from functions.responses import SECURITY_HEADERS
from tests.functions import fakes
from tests.functions.actions_support import (
    FORMS,
    MULTIPART,
    PURPOSES,
    SETTINGS,
    URLENCODED,
    Actions,
    posted,
)
from tests.functions.fakes import body_of, error_code, token

EVERY = pytest.mark.parametrize("name", FORMS)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    store = SqliteStore(tmp_path / "store.sqlite3", clock=fakes.now)
    yield store
    store.close()


@pytest.fixture
def actions(store: SqliteStore) -> Actions:
    return Actions(store)


def changed(actions: Actions) -> bool:
    """Whether anything was stored or published."""
    stored = [one for name in ("feedback", "suppressions") for one in actions.store.scan(name)]
    return bool(stored or actions.publisher.published)


@EVERY
@pytest.mark.parametrize("content_type", [URLENCODED, MULTIPART, URLENCODED + ";charset=UTF-8"])
def test_takes_a_form_in_either_encoding(actions: Actions, name: str, content_type: str) -> None:
    response = actions.post(name, content_type=content_type)
    assert response.status_code == 200
    assert body_of(response)["message"]
    assert changed(actions)


@EVERY
def test_fields_that_nobody_asked_for_are_ignored(actions: Actions, name: str) -> None:
    assert actions.post(name, {**FORMS[name], "colour": "blue", "": ""}).status_code == 200


@EVERY
@pytest.mark.parametrize(
    ("signed", "status", "code"),
    [
        (None, 400, "token_missing"),
        ("", 400, "token_missing"),
        ("garbage", 401, "token_invalid"),
        ("a." * 10_000, 401, "token_invalid"),
        ("töken", 401, "token_invalid"),
        *((other, 401, "token_invalid") for other in ("recommendations", "slots")),
        ("another key", 401, "token_invalid"),
        ("too old", 401, "token_expired"),
    ],
)
def test_a_token_for_this_and_nothing_else_is_needed(
    actions: Actions, name: str, signed: str | None, status: int, code: str
) -> None:
    purpose = PURPOSES[name]
    if signed in ("recommendations", "slots"):
        signed = token(signed)
    elif signed == "another key":
        signed = token(purpose, key="somebody-elses-key")
    elif signed == "too old":
        signed = token(purpose, age_us=MAX_AGE_US.get(purpose, 30 * clock.DAY) + clock.SECOND)
    response = actions(name, posted(FORMS[name], signed))
    assert (response.status_code, error_code(response)) == (status, code)
    assert response.headers["AMP-Email-Allow-Sender"] == fakes.SENDER
    assert not changed(actions)


@EVERY
def test_what_one_token_is_for_another_is_not(actions: Actions, name: str) -> None:
    other = {"actions": "unsubscribe", "unsubscribe": "actions"}[PURPOSES[name]]
    assert actions(name, posted(FORMS[name], token(other))).status_code == 401
    assert not changed(actions)


@EVERY
@pytest.mark.parametrize(
    ("content_type", "headers"),
    [
        ("application/json", {}),
        ("text/plain", {}),
        (None, {}),
        ("", {}),
        ("application/x-www-form-urlencoded-not", {}),
        (URLENCODED, {"Content-Encoding": "gzip"}),
    ],
)
def test_no_other_type_of_content_is_taken(
    actions: Actions, name: str, content_type: str | None, headers: dict[str, str]
) -> None:
    request = posted(
        b"item_id=A", token(PURPOSES[name]), content_type=content_type, headers={**fakes.V2, **headers}
    )
    response = actions(name, request)
    assert (response.status_code, error_code(response)) == (415, "unsupported_media_type")


TOO_LONG = b"item_id=A&action=unsubscribe&verdict=none&x=" + b"x" * MAX_BYTES


@EVERY
@pytest.mark.parametrize("told", [True, False], ids=["with its length", "without"])
def test_a_body_is_bounded(actions: Actions, name: str, told: bool) -> None:
    request = posted(TOO_LONG, token(PURPOSES[name]))
    if not told:
        request.environ.pop("CONTENT_LENGTH")
        request.environ["wsgi.input_terminated"] = True
        request = flask.Request(request.environ)
    response = actions(name, request)
    assert (response.status_code, error_code(response)) == (413, "oversize_payload")
    assert not changed(actions)


BROKEN = {
    "no UTF-8": (b"item_id=\xff", URLENCODED),
    "no UTF-8 in percents": (b"item_id=%FF", URLENCODED),
    "too many fields": (b"&".join([b"a=b"] * (MAX_FIELDS + 1)), URLENCODED),
    "no boundary": (b"item_id=A", MULTIPART),
    "not what its type says": (b"item_id=A", MULTIPART + "; boundary=x"),
    "an end too early": (
        b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\nA',
        MULTIPART + "; boundary=x",
    ),
    "a boundary that is none": (b"--\xff", MULTIPART + "; boundary=\xff"),
}


@EVERY
@pytest.mark.parametrize("case", BROKEN.values(), ids=BROKEN)
def test_a_form_that_cannot_be_read_is_told(actions: Actions, name: str, case: tuple[bytes, str]) -> None:
    body, content_type = case
    response = actions(name, posted(body, token(PURPOSES[name]), content_type=content_type))
    assert (response.status_code, error_code(response)) == (400, "malformed_form")
    assert not changed(actions)


@EVERY
def test_a_field_that_is_said_twice_is_ambiguous(actions: Actions, name: str) -> None:
    twice = {field: [value, value] for field, value in FORMS[name].items()}
    response = actions(name, posted(twice, token(PURPOSES[name])))
    assert (response.status_code, error_code(response)) == (400, "repeated_field")


@EVERY
@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "PATCH", "BREW"])
def test_an_email_can_only_post(actions: Actions, name: str, method: str) -> None:
    response = actions(name, posted(b"", token(PURPOSES[name]), method=method))
    assert response.status_code == 405
    assert response.headers["Allow"] == "POST, OPTIONS"
    assert not changed(actions)


@EVERY
def test_answers_options_without_a_token(actions: Actions, name: str) -> None:
    response = actions(name, posted(b"", None, method="OPTIONS"))
    assert (response.status_code, response.get_data()) == (204, b"")
    assert response.headers["AMP-Email-Allow-Sender"] == fakes.SENDER
    assert response.headers["Access-Control-Allow-Methods"] == "POST"


@EVERY
@pytest.mark.parametrize(
    ("headers", "query", "status"),
    [
        ({"AMP-Email-Sender": "evil@evil.example"}, {}, 403),
        ({"Origin": "https://mail.google.com"}, {"__amp_source_origin": "evil@evil.example"}, 403),
        ({}, {"__amp_source_origin": fakes.SENDER}, 400),
    ],
)
def test_emails_of_whom_we_do_not_trust_change_nothing(
    actions: Actions, name: str, headers: dict[str, str], query: dict[str, str], status: int
) -> None:
    response = actions.post(name, headers=headers, query=query)
    assert response.status_code == status
    assert not any("allow" in header.lower() for header, _ in response.headers)
    assert not changed(actions)


@EVERY
def test_cors_of_version_1_is_answered_as_well(actions: Actions, name: str) -> None:
    origin = "https://mail.google.com"
    response = actions.post(name, headers={"Origin": origin}, query={"__amp_source_origin": fakes.SENDER})
    assert response.status_code == 200
    assert response.headers["Access-Control-Allow-Origin"] == origin
    assert response.headers["AMP-Access-Control-Allow-Source-Origin"] == fakes.SENDER


@EVERY
def test_every_answer_is_private_and_hardened(actions: Actions, name: str) -> None:
    for response in (
        actions.post(name),
        actions(name, posted(b"", "forged")),
        actions.post(name, method="PUT"),
    ):
        policy = response.headers.pop("Content-Security-Policy")
        assert policy.startswith("default-src 'none'")
        others = {key: value for key, value in SECURITY_HEADERS.items() if key != "Content-Security-Policy"}
        assert others.items() <= dict(response.headers).items()
        assert "Set-Cookie" not in response.headers
        assert not 300 <= response.status_code < 400


@EVERY
def test_one_email_cannot_ask_without_end(store: SqliteStore, name: str) -> None:
    actions = Actions(store, settings=replace(SETTINGS, requests_per_minute=1))
    statuses = {actions.post(name).status_code for _ in range(100)}
    assert statuses == {200, 429}
    response = actions.post(name)
    assert error_code(response) == "too_many_requests"
    assert int(response.headers["Retry-After"]) > 0


@EVERY
def test_a_log_line_names_nobody(actions: Actions, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    signed = token(PURPOSES[name])
    headers = {**fakes.V2, "User-Agent": "agent", "X-Forwarded-For": "192.0.2.7"}
    actions(name, posted({**FORMS[name], "email": "x@private.example"}, signed, headers=headers))
    [line] = capsys.readouterr().out.splitlines()
    fields = json.loads(line)
    assert (fields["function"], fields["status"], fields["campaign"]) == (name, 200, "black-friday")
    personal = (
        signed,
        fakes.RECIPIENT.shopper,
        fakes.SENDER,
        "private.example",
        "agent",
        "192.0.2.7",
        "SKU1",
    )
    assert [one for one in personal if one in line] == []


@EVERY
def test_what_breaks_behind_us_tells_nothing(
    actions: Actions, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A store or publisher that is not just down but wrong."""

    def wrong(*args: object, **more: object) -> None:
        raise ZeroDivisionError(f"secret of {fakes.RECIPIENT.shopper}")

    actions.publisher.publish = wrong  # type: ignore[method-assign, assignment]
    actions.store.get_many = wrong  # type: ignore[method-assign, assignment]
    for headers in (fakes.V2, {}):
        response = actions.post(name, headers=headers)
        assert response.status_code in ((500, 503) if headers or name == "unsubscribe" else (400,))
        told = response.get_data(as_text=True) + capsys.readouterr().out
        for leak in ("secret of", fakes.RECIPIENT.shopper, "Traceback"):
            assert leak not in told


bodies = st.binary(max_size=200) | st.lists(
    st.sampled_from(
        [
            b"item_id=A&",
            b"item_id=",
            b"verdict=none&",
            b"verdict=%FF&",
            b"action=undo&",
            b"List-Unsubscribe=One-Click&",
            b"--x\r\n",
            b'Content-Disposition: form-data; name="action"\r\n',
            b'Content-Disposition: form-data; name="f"; filename="f"\r\n',
            b"Content-Type: text/plain; charset=utf-16\r\n",
            b"\r\n",
            b"unsubscribe",
            b"--x--",
            b"\x00",
        ]
    ),
    max_size=12,
).map(b"".join)


@EVERY
@given(
    body=bodies,
    content_type=st.sampled_from([URLENCODED, MULTIPART + "; boundary=x", MULTIPART]) | st.text(max_size=20),
    amp=st.booleans(),
)
def test_whatever_is_posted_is_answered(name: str, body: bytes, content_type: str, amp: bool) -> None:
    request = posted(
        body,
        token(PURPOSES[name]),
        headers=fakes.V2 if amp else {},
        content_type=content_type.encode("ascii", "ignore").decode().translate(_NO_CONTROLS),
    )
    response = Actions()(name, request)  # whose store is down
    assert response.status_code in {200, 400, 413, 415, 503}


_NO_CONTROLS = dict.fromkeys([*range(32), 127])


@pytest.mark.parametrize("name", ["wishlist", "feedback"])
@pytest.mark.parametrize(
    ("item_id", "code"),
    [
        (None, "item_id_missing"),
        ("", "invalid_identifier"),
        (" A", "invalid_identifier"),
        ("A\x00", "invalid_identifier"),
        ("A" * 129, "invalid_identifier"),
        ("x@private.example", "invalid_identifier"),
        (fakes.RECIPIENT.shopper, "invalid_identifier"),
    ],
)
def test_an_item_id_is_checked_as_that_of_an_event(
    actions: Actions, name: str, item_id: str | None, code: str
) -> None:
    form = {field: value for field, value in FORMS[name].items() if field != "item_id"}
    response = actions.post(name, {**form, **({"item_id": item_id} if item_id is not None else {"x": "y"})})
    assert (response.status_code, error_code(response)) == (400, code)
    assert "private" not in response.get_data(as_text=True)
    assert not changed(actions)


@pytest.mark.parametrize("name", ["wishlist", "feedback"])
@pytest.mark.parametrize("item_id", ["SKU1", "ü/ö & 50 %", "商品 1", "😀" * 128])
@pytest.mark.parametrize("content_type", [URLENCODED, MULTIPART])
def test_any_id_of_an_item_arrives_as_it_is(
    actions: Actions, store: SqliteStore, name: str, item_id: str, content_type: str
) -> None:
    assert (
        actions.post(name, {**FORMS[name], "item_id": item_id}, content_type=content_type).status_code == 200
    )
    if name == "wishlist":
        [message] = actions.publisher.published
        assert json.loads(message.data)["items"] == [{"item_id": item_id}]
    else:
        [feedback] = store.scan("feedback")
        assert list(feedback.opinions) == [item_id]  # type: ignore[attr-defined]


def test_a_token_of_a_browser_serves_too(actions: Actions) -> None:
    browser = Recipient(shopper=fakes.RECIPIENT.shopper, campaign="", kind="client")
    for name, purpose in PURPOSES.items():
        signed = TokenSigner([fakes.KEY], clock=fakes.now).sign(browser, purpose=purpose)
        assert actions(name, posted(FORMS[name], signed)).status_code == 200
    [message] = actions.publisher.published
    assert json.loads(message.data)["client_id"] == browser.shopper
