"""One JSON line for each request, with a request id and the trace, without anything personal."""

from __future__ import annotations

import json
from typing import Any

import pytest

from evermail import clock
from functions.entry import endpoint
from functions.recommendations import create_recommendations
from tests.functions import fakes
from tests.functions.fakes import FakeRecommender, get, token

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


def logged(
    capsys: pytest.CaptureFixture[str], query: dict[str, str], headers: dict[str, str], method: str = "GET"
) -> dict[str, Any]:
    handler = create_recommendations(
        fakes.RECOMMENDATIONS, FakeRecommender, fakes.FakeMemory, clock=fakes.now
    )
    endpoint("recommendations", lambda: handler)(get(query, headers, method))
    [line] = capsys.readouterr().out.splitlines()
    fields: dict[str, Any] = json.loads(line)
    return fields


def test_says_what_was_answered(capsys: pytest.CaptureFixture[str]) -> None:
    line = logged(capsys, {"t": token()}, fakes.V2)
    assert line["severity"] == "INFO"
    assert line["message"] == "recommendations answered 200"
    assert (line["source"], line["items"], line["campaign"]) == ("personal", 4, "black-friday")
    assert line["latency_ms"] >= 0
    assert len(line["request_id"]) == 32


def test_says_why_not(capsys: pytest.CaptureFixture[str]) -> None:
    line = logged(capsys, {"t": "forged"}, fakes.V2)
    assert (line["severity"], line["status"], line["code"]) == ("WARNING", 401, "token_invalid")


@pytest.mark.parametrize(
    "query", [{"t": token()}, {"t": token(age_us=100 * clock.DAY)}, {"t": "x@private.example"}]
)
def test_names_nobody(capsys: pytest.CaptureFixture[str], query: dict[str, str]) -> None:
    headers = {"AMP-Email-Sender": fakes.SENDER, "X-Request-Id": "x@private.example", "User-Agent": "agent"}
    text = json.dumps(logged(capsys, query, headers))
    for personal in (query["t"], fakes.RECIPIENT.shopper, fakes.SENDER, "private.example", "agent"):
        assert personal not in text


def test_an_invented_method_does_not_reach_the_log(capsys: pytest.CaptureFixture[str]) -> None:
    assert logged(capsys, {}, fakes.V2, "X@PRIVATE")["method"] == "other"


@pytest.mark.parametrize(
    ("headers", "trace"),
    [
        ({"traceparent": f"00-{TRACE}-00f067aa0ba902b7-01"}, TRACE),
        ({"X-Cloud-Trace-Context": f"{TRACE}/123;o=1"}, TRACE),
        ({"traceparent": "x@private.example"}, None),
        ({}, None),
    ],
)
def test_joins_the_callers_trace(
    capsys: pytest.CaptureFixture[str], headers: dict[str, str], trace: str | None
) -> None:
    assert logged(capsys, {}, {**fakes.V2, **headers}).get("trace") == trace
