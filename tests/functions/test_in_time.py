"""An answer waits for the store, but not for ever."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from functools import partial

import flask
import pytest
from werkzeug.test import EnvironBuilder

from evermail.stores import StoreUnavailable
from functions.in_time import MAX_WAITING, THREADS, InTime
from functions.logs import RequestLog
from functions.responses import Failure


@pytest.fixture
def log() -> RequestLog:
    return RequestLog("test", flask.Request(EnvironBuilder().get_environ()))


@pytest.fixture
def hang() -> Iterator[threading.Event]:
    """What hangs until the test is over."""
    over = threading.Event()
    yield over
    over.set()


def test_what_is_done_in_time_is_returned(log: RequestLog) -> None:
    assert InTime("test").do(lambda: 1, log) == 1


def test_what_hangs_is_told_as_unavailable_and_goes_on(log: RequestLog, hang: threading.Event) -> None:
    begun, done = threading.Event(), threading.Event()

    def work() -> None:
        begun.set()
        hang.wait()
        done.set()

    in_time = InTime("test", wait_s=0.05)
    with pytest.raises(Failure) as told:
        in_time.do(work, log)
    assert (told.value.status, told.value.code) == (503, "store_unavailable")
    assert begun.wait(30)
    hang.set()
    assert done.wait(30)


def test_a_store_that_says_no_is_unavailable(log: RequestLog) -> None:
    def fail() -> None:
        raise StoreUnavailable("at 10.0.0.7")

    with pytest.raises(Failure) as told:
        InTime("test").do(fail, log)
    assert told.value.code == "store_unavailable"
    assert "10.0.0.7" not in told.value.message


@pytest.mark.parametrize("problem", [ZeroDivisionError, TimeoutError])
def test_any_other_error_is_a_bug_and_stays_one(log: RequestLog, problem: type[Exception]) -> None:
    def fail() -> None:
        raise problem

    with pytest.raises(problem):
        InTime("test").do(fail, log)


def test_what_was_not_begun_in_time_is_not_done_later(log: RequestLog, hang: threading.Event) -> None:
    in_time, done = InTime("test", wait_s=0.01), list[int]()
    for _ in range(THREADS):
        with pytest.raises(Failure):
            in_time.do(hang.wait, log)
    for n in range(2 * MAX_WAITING):
        with pytest.raises(Failure):
            in_time.do(partial(done.append, n), log)
    hang.set()
    in_time.close()
    assert done == []
