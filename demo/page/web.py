"""Serves an application on this machine until somebody ends it."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import flask
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from demo.processes import HOST

_POLL_S = 0.05


class Told(BaseException):
    """SIGINT or SIGTERM arrived."""


def until_told(app: flask.Flask, port: int, ready: str) -> None:
    """Serves an application, says that it is ready, and returns after SIGINT or SIGTERM.

    Call it from the main thread.
    """
    try:
        with told_by_signals(), web_server(app, port):
            print(ready, flush=True)
            threading.Event().wait()
    except Told:
        print("Ended.", flush=True)


@contextmanager
def told_by_signals() -> Iterator[None]:
    """Raises `Told` at the first signal, wherever the main thread is; further ones change nothing."""
    told = (signal.SIGINT, signal.SIGTERM)

    def tell(number: int, frame: FrameType | None) -> None:
        for one in told:
            signal.signal(one, signal.SIG_IGN)
        raise Told

    before = {one: signal.signal(one, tell) for one in told}
    try:
        yield
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)


@contextmanager
def web_server(app: flask.Flask, port: int) -> Iterator[BaseWSGIServer]:
    """Serves in a thread, on a port of the loopback interface."""
    server = make_server(HOST, port, app, threaded=True, request_handler=_Quiet)
    thread = threading.Thread(
        target=server.serve_forever, kwargs={"poll_interval": _POLL_S}, name="web server", daemon=True
    )
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Quiet(WSGIRequestHandler):
    """A page that looks several times a second would fill the log with it."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        pass
