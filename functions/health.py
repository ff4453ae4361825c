"""Whether an instance lives, and whether what it depends on answers.

`healthz`
    200  {"status": "ok"}: the process answers. It touches nothing.
    405  method_not_allowed
`readyz`
    200  {"status": "ok", "dependencies": {"store": "ok", "events_topic": "ok"}}
    405  method_not_allowed
    503  not_ready, with the same dependencies, of which one at least is "unavailable"

Cloud Run may keep paths that end in z from callers outside; its own probes reach them.

What is not set is no dependency. Of the topic it is looked whether there are credentials and a client for it:
who may publish may not even ask whether a topic is there. Reasons are in the log alone.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait

import flask

from functions.entry import Handler
from functions.logs import RequestLog
from functions.responses import Failure, check_method, json_response

TIMEOUT_S = 1.0
"""What takes longer counts as unavailable, in seconds."""

KEPT_S = 1.0
"""How long an answer is given again, in seconds: probes are many, and cost nothing."""

OK, UNAVAILABLE = "ok", "unavailable"

Check = Callable[[], object]
"""Raises if a dependency does not answer."""

_METHODS = ("GET", "HEAD")


def create_healthz() -> Handler:
    """The handler of `healthz`."""
    return _Health(None)


def create_readyz(
    checks: Mapping[str, Check],
    *,
    timeout_s: float = TIMEOUT_S,
    monotonic: Callable[[], float] = time.monotonic,
) -> Handler:
    """The handler of `readyz`. Checks run in threads of their own, each of them once at a time."""
    return _Health(_Dependencies(checks, timeout_s, monotonic))


class _Health:
    def __init__(self, dependencies: _Dependencies | None) -> None:
        self._dependencies = dependencies

    def admit(self, request: flask.Request) -> Mapping[str, str]:
        return {}

    def answer(self, request: flask.Request, log: RequestLog) -> flask.Response:
        check_method(request.method, _METHODS)
        if self._dependencies is None:
            return json_response({"status": OK})
        states = self._dependencies.states(log)
        if any(state != OK for state in states.values()):
            raise Failure(503, "not_ready", "a dependency does not answer", details={"dependencies": states})
        return json_response({"status": OK, "dependencies": states})


class _Dependencies:
    """Asks those that it was given, at most once in `KEPT_S`."""

    def __init__(self, checks: Mapping[str, Check], timeout_s: float, monotonic: Callable[[], float]) -> None:
        self._checks = checks
        self._timeout_s = timeout_s
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._threads = ThreadPoolExecutor(max(1, len(checks)), thread_name_prefix="readyz")
        self._asked: dict[str, Future[object]] = {}
        self._states: dict[str, str] = {}
        self._kept_until = float("-inf")

    def states(self, log: RequestLog) -> dict[str, str]:
        """What each is, by name. Who comes while they are asked waits for the same answer."""
        with self._lock:
            if self._monotonic() >= self._kept_until:
                self._states = self._ask(log)
                self._kept_until = self._monotonic() + KEPT_S
            return self._states

    def _ask(self, log: RequestLog) -> dict[str, str]:
        for name, check in self._checks.items():
            if name not in self._asked or self._asked[name].done():  # one that hangs is not asked again
                self._asked[name] = self._threads.submit(check)
        wait(self._asked.values(), timeout=self._timeout_s)
        return {name: _state(self._asked[name], name, log) for name in self._checks}


def _state(asked: Future[object], name: str, log: RequestLog) -> str:
    if not asked.done():
        log.add(**{name: "no answer in time"})
        return UNAVAILABLE
    error = asked.exception()
    if error is not None:
        log.add(**{name: f"{type(error).__module__}.{type(error).__qualname__}"})
        return UNAVAILABLE
    return OK
