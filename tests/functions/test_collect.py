"""`collect` at its HTTP border: answers, refusals, CORS, and Pub/Sub when it fails."""

from __future__ import annotations

import base64
import dataclasses
import json

import flask
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from evermail.events import Code
from functions.collect import create_collect
from functions.entry import endpoint
from functions.incoming import MAX_BODY_BYTES
from functions.publisher import Message
from tests.functions import fakes
from tests.functions.fakes import EVENT, SHOP, FakePublisher, body_of, error_code, get, post

SECRET = "somebody@private.example"


def send(request: flask.Request, publisher: FakePublisher | None = None) -> flask.Response:
    used = publisher if publisher is not None else FakePublisher()
    return endpoint("collect", lambda: create_collect(fakes.COLLECT, used, clock=fakes.now))(request)


def dumps(value: object) -> bytes:
    return json.dumps(value).encode()


@pytest.mark.parametrize(
    "content_type", ["application/json", "text/plain;charset=UTF-8", "Application/JSON; charset=utf-8"]
)
def test_publishes_an_event_and_says_so(content_type: str) -> None:
    publisher = FakePublisher()
    response = send(post(dumps(EVENT), content_type), publisher)
    assert response.status_code == 202
    assert body_of(response) == {"accepted": 1}
    assert publisher.published == [Message(dumps(EVENT), "e1", "2026-11-24T02:59:59.500000Z")]


def test_stamps_an_event_without_a_time() -> None:
    publisher = FakePublisher()
    event = {name: value for name, value in EVENT.items() if name != "event_time"}
    assert send(post(dumps(event)), publisher).status_code == 202
    [message] = publisher.published
    assert message.event_time == json.loads(message.data)["event_time"] == "2026-11-24T03:00:00.000000Z"


def test_reads_a_body_of_unknown_length() -> None:
    assert send(post(dumps(EVENT), chunked=True)).status_code == 202


REFUSED = {
    "nothing": (b"", 400, Code.EMPTY_PAYLOAD),
    "not UTF-8": (b'{"event_id": "\xff"}', 400, Code.INVALID_UTF8),
    "not JSON": (b"event_id=1", 400, Code.MALFORMED_JSON),
    "cut off": (dumps(EVENT)[:-1], 400, Code.MALFORMED_JSON),
    "deep": (b'{"a":' * 50_000, 413, Code.OVERSIZE_PAYLOAD),
    "deep, small": (b'{"a":' * 5_000, 400, Code.MALFORMED_JSON),
    "a number": (b"7", 400, Code.NOT_AN_OBJECT),
    "null": (b"null", 400, Code.NOT_AN_OBJECT),
    "empty object": (b"{}", 400, Code.MISSING_FIELD),
    "no id": (dumps({**EVENT, "event_id": None}), 400, Code.WRONG_TYPE),
    "unknown name": (dumps({**EVENT, "event_name": "dance"}), 400, Code.UNKNOWN_EVENT_NAME),
    "nobody": (dumps({**EVENT, "client_id": None}), 400, Code.MISSING_SHOPPER),
    "no items": (dumps({**EVENT, "items": []}), 400, Code.MISSING_ITEMS),
    "tomorrow": (dumps({**EVENT, "event_time": "2026-11-25T03:00:00Z"}), 400, Code.EVENT_TIME_IN_FUTURE),
    "no time zone": (dumps({**EVENT, "event_time": "2026-11-24T03:00:00"}), 400, Code.INVALID_EVENT_TIME),
    "too large for one": (dumps({**EVENT, "x": "x" * 70_000}), 413, Code.OVERSIZE_PAYLOAD),
    "too large": (dumps([{**EVENT, "x": "x" * 60_000}] * 9), 413, Code.OVERSIZE_PAYLOAD),
    "empty batch": (b"[]", 400, Code.EMPTY_PAYLOAD),
    "batch of 101": (dumps([EVENT] * 101), 413, "too_many_events"),
}


@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunked"])
@pytest.mark.parametrize("case", REFUSED.values(), ids=REFUSED)
def test_says_why_it_refuses(case: tuple[bytes, int, str], chunked: bool) -> None:
    body, status, code = case
    publisher = FakePublisher()
    response = send(post(body, chunked=chunked), publisher)
    assert (response.status_code, error_code(response)) == (status, code)
    assert publisher.published == []


def test_never_holds_more_of_a_body_than_the_limit() -> None:
    request = post(b"x" * (3 * MAX_BODY_BYTES), chunked=True)
    response = send(request)
    assert (response.status_code, error_code(response)) == (413, "oversize_payload")
    assert request.get_data() == b"", "the rest was not dropped, so the framework would keep it"


def test_a_body_that_ends_early_is_refused() -> None:
    request = post(dumps(EVENT))
    request.environ["CONTENT_LENGTH"] = "5000"
    response = send(flask.Request(request.environ))
    assert (response.status_code, error_code(response)) == (400, "incomplete_body")


@pytest.mark.parametrize(
    "content_type",
    [None, "", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/html"],
)
def test_takes_json_or_plain_text_only(content_type: str | None) -> None:
    response = send(post(dumps(EVENT), content_type))
    assert (response.status_code, error_code(response)) == (415, "unsupported_media_type")


def test_does_not_unpack() -> None:
    response = send(post(b"\x1f\x8b", headers={"Content-Encoding": "gzip"}))
    assert (response.status_code, error_code(response)) == (415, "unsupported_media_type")


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE"])
def test_other_methods_are_not_allowed(method: str) -> None:
    response = send(get({}, {}, method))
    assert (response.status_code, error_code(response)) == (405, "method_not_allowed")
    assert response.headers["Allow"] == "POST, OPTIONS"


def test_a_batch_is_published_whole() -> None:
    publisher = FakePublisher()
    response = send(post(dumps([EVENT, {**EVENT, "event_id": "e2"}])), publisher)
    assert response.status_code == 202
    assert body_of(response) == {"accepted": 2}
    assert [message.event_id for message in publisher.published] == ["e1", "e2"]


def test_a_bad_event_does_not_cost_its_neighbours() -> None:
    publisher = FakePublisher()
    batch = [{**EVENT, "event_name": "dance"}, EVENT, 7, [EVENT]]
    response = send(post(dumps({"events": batch})), publisher)
    assert response.status_code == 207
    payload = body_of(response)
    assert (payload["accepted"], payload["rejected"]) == (1, 3)
    assert [result["accepted"] for result in payload["results"]] == [False, True, False, False]
    assert [result["index"] for result in payload["results"]] == [0, 1, 2, 3]
    assert [result["error"]["code"] for result in payload["results"] if not result["accepted"]] == [
        "unknown_event_name",
        "not_an_object",
        "not_an_object",
    ]
    assert [message.event_id for message in publisher.published] == ["e1"]


def test_a_batch_without_a_valid_event_is_an_error() -> None:
    response = send(post(dumps([1, {}])))
    payload = body_of(response)
    assert (response.status_code, payload["error"]["code"]) == (400, "all_events_rejected")
    assert [result["error"]["code"] for result in payload["results"]] == ["not_an_object", "missing_field"]


@given(
    st.one_of(
        st.binary(max_size=300), st.recursive(st.none() | st.integers() | st.text(), st.lists).map(dumps)
    )
)
@example(b'[{"event_time":')
@example(b'{"events": "\\ud800"}')
@example(b"\xef\xbb\xbf{}")
def test_no_body_makes_it_fail(body: bytes) -> None:
    publisher = FakePublisher()
    response = send(post(body), publisher)
    assert 400 <= response.status_code < 500
    assert error_code(response)
    assert publisher.published == []


_VALUES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20)


@given(st.dictionaries(st.sampled_from([*EVENT, "user_id", "value", "extra"]), _VALUES, max_size=4))
def test_no_value_of_a_field_makes_it_fail(changes: dict[str, object]) -> None:
    assert send(post(dumps({**EVENT, **changes}))).status_code < 500


# CORS for the shop's pages


def test_a_page_of_the_shop_may_send_and_read() -> None:
    for body, status in ((dumps(EVENT), 202), (b"{}", 400)):
        response = send(post(body, headers={"Origin": SHOP}))
        assert response.status_code == status
        assert response.headers["Access-Control-Allow-Origin"] == SHOP
        assert response.headers["Access-Control-Allow-Credentials"] == "true"
        assert response.headers["Vary"] == "Origin"


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "http://shop.example", "https://shop.example.evil.example", ""]
)
@pytest.mark.parametrize("preflight", [False, True])
def test_other_pages_may_not(origin: str, preflight: bool) -> None:
    publisher = FakePublisher()
    headers = {"Origin": origin}
    request = get({}, headers, "OPTIONS") if preflight else post(dumps(EVENT), headers=headers)
    response = send(request, publisher)
    assert (response.status_code, error_code(response)) == (403, "origin_not_allowed")
    assert "Access-Control-Allow-Origin" not in response.headers
    assert publisher.published == []


def test_answers_a_preflight() -> None:
    response = send(get({}, {"Origin": SHOP, "Access-Control-Request-Method": "POST"}, "OPTIONS"))
    assert (response.status_code, response.get_data()) == (204, b"")
    assert response.headers["Access-Control-Allow-Origin"] == SHOP
    assert response.headers["Access-Control-Allow-Methods"] == "POST"
    assert response.headers["Access-Control-Allow-Headers"] == "Content-Type"


def test_a_page_may_read_how_long_to_wait() -> None:
    response = send(post(dumps(EVENT), headers={"Origin": SHOP}), FakePublisher(lambda message: False))
    assert response.headers["Retry-After"]
    assert response.headers["Access-Control-Expose-Headers"] == "Retry-After"


# Keys for servers

KEYS = {"crm": "a-secret-of-the-crm", "till": "a-secret-of-the-till"}


def send_with_keys(headers: dict[str, str], publisher: FakePublisher, body: object = EVENT) -> flask.Response:
    settings = dataclasses.replace(fakes.COLLECT, keys=KEYS)
    collect = endpoint("collect", lambda: create_collect(settings, publisher, clock=fakes.now))
    return collect(post(dumps(body), headers=headers))


def basic(user: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:".encode()).decode()


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": f"Bearer {KEYS['crm']}"},
        {"Authorization": f"bearer {KEYS['till']}"},
        {"Authorization": basic(KEYS["crm"])},
        {"Origin": SHOP},
    ],
)
def test_a_server_with_a_key_and_a_page_of_the_shop_may_send(headers: dict[str, str]) -> None:
    publisher = FakePublisher()
    assert send_with_keys(headers, publisher).status_code == 202
    assert len(publisher.published) == 1


@pytest.mark.parametrize(
    ("authorization", "code"),
    [
        (None, "key_missing"),
        ("Bearer", "key_missing"),
        ("Bearer ", "key_missing"),
        ("Bearer crm", "key_invalid"),
        (f"Bearer {KEYS['crm']}x", "key_invalid"),
        (f"Bearer {KEYS['crm'][:-1]}", "key_invalid"),
        (f"Digest username={KEYS['crm']}", "key_missing"),
        ("Bearer ключ", "key_invalid"),
        ("Basic !", "key_missing"),
        (basic(""), "key_missing"),
        (basic("crm"), "key_invalid"),
        (basic(f"{KEYS['crm']}x"), "key_invalid"),
    ],
)
def test_a_server_without_a_key_may_not_send(
    authorization: str | None, code: str, capsys: pytest.CaptureFixture[str]
) -> None:
    publisher = FakePublisher()
    headers = {} if authorization is None else {"Authorization": authorization.encode().decode("latin-1")}
    response = send_with_keys(headers, publisher)
    assert (response.status_code, error_code(response)) == (401, code)
    assert response.headers["WWW-Authenticate"].startswith("Bearer")
    assert publisher.published == []
    assert KEYS["crm"][:-1] not in capsys.readouterr().out


# Erasures

ERASURE = {"event_id": "e2", "event_name": "erase_user", "user_id": "crm-1"}
KEY = {"Authorization": f"Bearer {KEYS['crm']}"}


@pytest.mark.parametrize("headers", [KEY, {"Authorization": basic(KEYS["till"])}, {**KEY, "Origin": SHOP}])
def test_a_key_may_erase(headers: dict[str, str]) -> None:
    publisher = FakePublisher()
    assert send_with_keys(headers, publisher, ERASURE).status_code == 202
    assert [json.loads(message.data)["user_id"] for message in publisher.published] == ["crm-1"]


def test_an_erasure_is_on_record_with_whose_key_it_was(capsys: pytest.CaptureFixture[str]) -> None:
    send_with_keys(KEY, FakePublisher(), ERASURE)
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    [line] = [line for line in lines if line.get("audit")]
    assert (line["caller"], line["action"], line["documents"]) == ("crm", "erase_user", {"events": 1})
    assert "crm-1" not in json.dumps(line)


@pytest.mark.parametrize("headers", [{"Origin": SHOP}, {"Origin": SHOP, "Authorization": "Bearer wrong"}])
def test_an_origin_may_not_erase(headers: dict[str, str]) -> None:
    publisher = FakePublisher()
    response = send_with_keys(headers, publisher, ERASURE)
    assert (response.status_code, error_code(response)) == (403, "erasure_needs_key")
    assert "privacy" in body_of(response)["error"]["message"]
    assert publisher.published == []


@pytest.mark.parametrize("headers", [{}, KEY, {"Origin": SHOP}])
def test_where_there_are_no_keys_nobody_may_erase(headers: dict[str, str]) -> None:
    publisher = FakePublisher()
    response = send(post(dumps(ERASURE), headers=headers), publisher)
    assert (response.status_code, error_code(response)) == (403, "erasure_needs_key")
    assert publisher.published == []


@given(st.lists(st.booleans(), min_size=1, max_size=6))
def test_of_a_batch_without_a_key_all_but_the_erasures_arrive(erases: list[bool]) -> None:
    publisher = FakePublisher()
    batch = [{**(ERASURE if erase else EVENT), "event_id": str(index)} for index, erase in enumerate(erases)]
    response = send(post(dumps({"events": batch}), headers={"Origin": SHOP}), publisher)
    assert [message.event_id for message in publisher.published] == [
        str(index) for index, erase in enumerate(erases) if not erase
    ]
    assert response.status_code == (400 if all(erases) else 207 if any(erases) else 202)
    codes = [result.get("error", {}).get("code") for result in body_of(response).get("results", [])]
    assert not any(erases) or codes == ["erasure_needs_key" if erase else None for erase in erases]


@pytest.mark.parametrize("name", ["erase_user", "Erase User"])
@pytest.mark.parametrize("form", ["ga4", "segment"])
def test_the_forms_of_others_have_no_erasure_at_all(name: str, form: str) -> None:
    publisher = FakePublisher()
    ga4 = {"client_id": "a", "events": [{"name": name}]}
    response = send_with_keys(
        KEY, publisher, ga4 if form == "ga4" else {"batch": [{"type": name, "userId": "a"}]}
    )
    assert response.status_code == 400
    assert publisher.published == []


# The payloads of others


@pytest.mark.parametrize(
    "body",
    [
        {"client_id": "1.2", "events": [{"name": "search", "params": {"search_term": SECRET}}]},
        {"type": "track", "event": "Products Searched", "anonymousId": "a", "properties": {"query": SECRET}},
        {"batch": [{"type": "track", "event": "Products Searched", "userId": SECRET, "messageId": "m"}]},
    ],
)
def test_takes_what_is_sent_to_ga4_and_segment(body: object, capsys: pytest.CaptureFixture[str]) -> None:
    publisher = FakePublisher()
    response = send(post(dumps(body)), publisher)
    assert (response.status_code, body_of(response)) == (202, {"accepted": 1})
    [message] = publisher.published
    assert message.event_time == "2026-11-24T03:00:00.000000Z"
    assert SECRET not in capsys.readouterr().out


def test_a_batch_of_others_has_a_result_for_each_event() -> None:
    page_view, search = {"name": "page_view"}, {"name": "search", "params": {"search_term": "kettle"}}
    response = send(post(dumps({"client_id": "1.2", "events": [page_view, search]})))
    assert response.status_code == 207
    assert [result["accepted"] for result in body_of(response)["results"]] == [False, True]


# Pub/Sub in trouble


class BrokenPublisher(FakePublisher):
    def publish(self, messages: object) -> list[bool]:
        raise ConnectionError(f"could not send {SECRET}")


@pytest.mark.parametrize(
    "publisher", [BrokenPublisher(), FakePublisher(lambda message: message.event_id != "e2")]
)
def test_an_event_that_did_not_arrive_is_the_senders_to_repeat(
    publisher: FakePublisher, capsys: pytest.CaptureFixture[str]
) -> None:
    response = send(post(dumps([EVENT, {**EVENT, "event_id": "e2"}, 7]), headers={"Origin": SHOP}), publisher)
    assert (response.status_code, error_code(response)) == (503, "publish_failed")
    assert int(response.headers["Retry-After"]) > 0
    assert response.headers["Access-Control-Allow-Origin"] == SHOP
    assert SECRET not in response.get_data(as_text=True) + capsys.readouterr().out


def test_logs_counts_and_never_the_payload(capsys: pytest.CaptureFixture[str]) -> None:
    batch = [{**EVENT, "user_id": SECRET}, {**EVENT, "event_name": SECRET}]
    response = send(post(dumps(batch)))
    text = capsys.readouterr().out
    line = json.loads(text)
    assert SECRET not in text
    assert (line["accepted"], line["rejected"]) == (1, {"unknown_event_name": 1})
    assert (line["function"], line["status"], line["severity"]) == ("collect", 207, "INFO")
    assert line["request_id"] == response.headers["X-Request-Id"]
