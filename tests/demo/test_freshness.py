"""What the freshness probes measure and count, against a small server in place of the function."""

from __future__ import annotations

import json
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest

from demo.freshness import GIVE_UP_S, FreshnessProbes, Watched, percentile
from demo.processes import HOST
from evermail import clock

EVENT_TIME = 1_790_000_000_000_000
HANGS_UP = 0
TIMEOUT_S = 30.0


def answer(as_of: int | None) -> bytes:
    return json.dumps({"items": [], "as_of": as_of and clock.to_rfc3339(as_of)}).encode()


class Server(ThreadingHTTPServer):
    """Gives the scripted answers one after the other, a number being a status; notes who was asked for."""

    def __init__(self, script: Sequence[bytes | int]) -> None:
        super().__init__((HOST, 0), Handler)
        self.script = deque(script)
        self.asked: list[str] = []
        self.answered = threading.Semaphore(0)

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.server_port}/"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.server.asked += parse_qs(urlsplit(self.path).query)["t"]
        scripted = self.server.script.popleft()
        if scripted != HANGS_UP:
            self.send_response(scripted if isinstance(scripted, int) else 200)
            self.end_headers()
            self.wfile.write(b"" if isinstance(scripted, int) else scripted)
        self.server.answered.release()

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def serving(*script: bytes | int) -> Iterator[Server]:
    with Server(script) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def probed(server: Server, *watched: Watched, kept: int | None = None) -> FreshnessProbes:
    """Probes that have watched until the script was over."""
    answers = len(server.script)
    with FreshnessProbes(server.url, kept=kept) as probes:
        for one in watched:
            probes.watch(one)
        for _ in range(answers):
            assert server.answered.acquire(timeout=TIMEOUT_S)
    return probes


def just_published(token: str = "somebody") -> Watched:
    return Watched(token, EVENT_TIME, clock.now_us())


def published_long_ago() -> Watched:
    return Watched("somebody", EVENT_TIME, clock.now_us() - round((GIVE_UP_S + 1) * clock.SECOND))


def test_an_event_is_fresh_once_the_answer_has_reached_it() -> None:
    with serving(answer(None), answer(EVENT_TIME - 1), answer(EVENT_TIME)) as server:
        probes = probed(server, just_published("a.token"))
    assert server.asked == ["a.token"] * 3
    assert (len(probes.freshness_ms), len(probes.answers_ms)) == (1, 3)
    assert probes.freshness_ms[0] > 0
    assert (probes.open, probes.unseen, probes.failures) == (0, 0, 0)


def test_an_event_that_never_shows_is_given_up_and_counted_as_unseen() -> None:
    with serving(answer(EVENT_TIME - 1)) as server:
        probes = probed(server, published_long_ago())
    assert (probes.open, probes.unseen, probes.failures) == (0, 1, 0)
    assert probes.freshness_ms == []


def test_failures_are_counted_and_the_event_is_watched_on() -> None:
    with serving(503, HANGS_UP, answer(EVENT_TIME)) as server:
        probes = probed(server, just_published())
    assert (probes.open, probes.unseen, probes.failures) == (0, 0, 2)
    assert (len(probes.freshness_ms), len(probes.answers_ms)) == (1, 1)


def test_an_event_is_given_up_while_nothing_but_failures_come() -> None:
    with serving(500) as server:
        probes = probed(server, published_long_ago())
    assert (probes.open, probes.unseen, probes.failures) == (0, 1, 1)


def test_measurements_are_all_kept_unless_it_is_said_how_many() -> None:
    events = [just_published() for _ in range(5)]
    with serving(*[answer(EVENT_TIME)] * 5) as server:
        probes = probed(server, *events)
    assert (len(probes.freshness_ms), len(probes.answers_ms)) == (5, 5)
    with serving(*[answer(EVENT_TIME)] * 5) as server:
        probes = probed(server, *events, kept=2)
    assert (len(probes.freshness_ms), len(probes.answers_ms)) == (2, 2)


@pytest.mark.parametrize(
    ("share", "expected"), [(0, 1), (0.05, 1), (0.5, 10), (0.55, 11), (0.95, 19), (0.951, 20), (1, 20)]
)
def test_a_percentile_is_the_least_value_that_so_many_do_not_exceed(share: float, expected: int) -> None:
    assert percentile(deque(range(20, 0, -1)), share) == expected


def test_percentiles_of_little() -> None:
    assert percentile([], 0.5) is None
    assert [percentile((7.0,), share) for share in (0, 0.5, 1)] == [7.0] * 3
    assert percentile([1.0, 2.0], 0.5) == 1.0
