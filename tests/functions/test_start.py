"""What an instance does before its first request."""

from __future__ import annotations

from concurrent.futures import Future

import pytest

from evermail.serving import Recommender
from functions import main, picture
from functions.picture import Look


class Recommending:
    """A recommender that is made when `making` says so."""

    def __init__(self) -> None:
        self.making: Future[Recommender] | None = None

    def start(self) -> Future[Recommender]:
        self.making = Future()
        return self.making


@pytest.fixture
def recommending(monkeypatch: pytest.MonkeyPatch) -> Recommending:
    made = Recommending()
    monkeypatch.setattr(main, "_recommender", lambda config: made)
    monkeypatch.setenv("EVERMAIL_STORE", "sqlite:///nowhere/store.sqlite3")
    return made


@pytest.fixture
def warmed(monkeypatch: pytest.MonkeyPatch) -> list[Look]:
    looks: list[Look] = []
    monkeypatch.setattr(picture, "warm", looks.append)
    return looks


@pytest.mark.parametrize("target", ["slot_image", "evermail"])
@pytest.mark.parametrize("outcome", ["made", "failed"])
def test_pictures_are_made_ready_once_answers_are(
    monkeypatch: pytest.MonkeyPatch,
    recommending: Recommending,
    warmed: list[Look],
    target: str,
    outcome: str,
) -> None:
    monkeypatch.setenv("FUNCTION_TARGET", target)
    main._start()
    assert recommending.making is not None
    assert warmed == [], "it would delay the answers"
    if outcome == "made":
        recommending.making.set_result(object())  # type: ignore[arg-type]
    else:
        recommending.making.set_exception(OSError("no store"))
    assert warmed == [Look()]


@pytest.mark.parametrize("target", ["recommendations", "trending", "slot_click"])
def test_who_draws_none_loads_nothing_for_pictures(
    monkeypatch: pytest.MonkeyPatch, recommending: Recommending, warmed: list[Look], target: str
) -> None:
    monkeypatch.setenv("FUNCTION_TARGET", target)
    main._start()
    assert recommending.making is not None
    recommending.making.set_result(object())  # type: ignore[arg-type]
    assert warmed == []


def test_without_settings_the_first_request_is_told(
    monkeypatch: pytest.MonkeyPatch, recommending: Recommending, warmed: list[Look]
) -> None:
    monkeypatch.setenv("FUNCTION_TARGET", "slot_image")
    monkeypatch.delenv("EVERMAIL_STORE")
    main._start()
    assert recommending.making is None
    assert warmed == []
