"""Probes: healthz touches nothing, readyz asks what it depends on, within bounds and seldom."""

from __future__ import annotations

import threading
from collections.abc import Callable

import flask
import pytest

from evermail.stores import StoreUnavailable
from functions.entry import endpoint
from functions.health import KEPT_S, create_healthz, create_readyz
from tests.functions.fakes import body_of, get


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def down() -> None:
    raise StoreUnavailable("store at 10.0.0.7 did not answer")


def up() -> None:
    pass


def probe(checks: dict[str, Callable[[], object]], timeout_s: float = 10.0) -> flask.Response:
    return endpoint("readyz", lambda: create_readyz(checks, timeout_s=timeout_s))(get({}, {}))


def test_healthz_says_that_the_process_lives() -> None:
    response = endpoint("healthz", create_healthz)(get({}, {}))
    assert (response.status_code, body_of(response)) == (200, {"status": "ok"})


@pytest.mark.parametrize("method", ["POST", "OPTIONS", "DELETE"])
def test_probes_only_read(method: str) -> None:
    for handler in (create_healthz(), create_readyz({})):
        response = endpoint("probe", lambda handler=handler: handler)(get({}, {}, method))  # type: ignore[misc]
        assert response.status_code == 405


def test_it_is_ready_when_all_answer() -> None:
    response = probe({"store": up, "events_topic": up})
    assert response.status_code == 200
    assert body_of(response) == {"status": "ok", "dependencies": {"store": "ok", "events_topic": "ok"}}


def test_what_does_not_answer_is_named_and_nothing_else_said() -> None:
    response = probe({"store": down, "events_topic": up})
    assert response.status_code == 503
    body = body_of(response)
    assert body["error"]["code"] == "not_ready"
    assert body["dependencies"] == {"store": "unavailable", "events_topic": "ok"}
    assert b"10.0.0.7" not in response.get_data()


def test_nobody_waits_for_what_hangs_and_it_is_not_asked_again(capsys: pytest.CaptureFixture[str]) -> None:
    let_go, asked, clock = threading.Event(), [], Clock()

    def hangs() -> None:
        asked.append(None)
        let_go.wait(30)

    handler = create_readyz({"store": hangs}, timeout_s=0.0, monotonic=clock)
    respond = endpoint("readyz", lambda: handler)
    try:
        for _ in range(3):
            assert respond(get({}, {})).status_code == 503
            clock.now += KEPT_S
        assert len(asked) <= 1
    finally:
        let_go.set()
    assert "no answer in time" in capsys.readouterr().out


def test_an_answer_is_given_again_for_a_moment() -> None:
    asked, clock = [], Clock()
    handler = create_readyz({"store": lambda: asked.append(None)}, monotonic=clock)
    respond = endpoint("readyz", lambda: handler)
    for _ in range(5):
        assert respond(get({}, {})).status_code == 200
    assert len(asked) == 1
    clock.now += KEPT_S
    respond(get({}, {}))
    assert len(asked) == 2


def test_what_comes_back_is_ready_again() -> None:
    clock, broken = Clock(), [True]

    def check() -> None:
        if broken:
            down()

    handler = create_readyz({"store": check}, monotonic=clock)
    respond = endpoint("readyz", lambda: handler)
    assert respond(get({}, {})).status_code == 503
    broken.clear()
    clock.now += KEPT_S
    assert respond(get({}, {})).status_code == 200
