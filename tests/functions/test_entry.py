"""What is left of a body is read within bounds."""

from __future__ import annotations

import io
from collections.abc import Mapping

import flask
import pytest
from werkzeug.test import EnvironBuilder

from functions.entry import _DRAINED_BYTES, endpoint
from functions.logs import RequestLog
from functions.responses import Failure


class Endless(io.RawIOBase):
    """A body that never ends, and counts what is read of it."""

    taken = 0

    def readinto(self, buffer: bytearray) -> int:  # type: ignore[override]
        self.taken += len(buffer)
        return len(buffer)

    def readable(self) -> bool:
        return True


class Refusing:
    def admit(self, request: flask.Request) -> Mapping[str, str]:
        return {}

    def answer(self, request: flask.Request, log: RequestLog) -> flask.Response:
        raise Failure(413, "oversize_payload", "too much")


def refused(body: io.RawIOBase, length: int) -> tuple[flask.Response, flask.Request]:
    environ = EnvironBuilder(method="POST").get_environ()
    request = flask.Request({**environ, "wsgi.input": io.BufferedReader(body), "CONTENT_LENGTH": str(length)})
    return endpoint("test", Refusing)(request), request


def test_a_body_that_never_ends_is_cut_off() -> None:
    body = Endless()
    response, request = refused(body, 100_000_000_000)
    assert response.status_code == 413
    assert response.headers["Connection"] == "close"
    assert body.taken < 2 * _DRAINED_BYTES
    assert request.get_data() == b"", "the framework must not go on reading"


@pytest.mark.parametrize("size", [0, 10, _DRAINED_BYTES // 2])
def test_what_is_short_is_read_to_its_end_and_the_connection_stays(size: int) -> None:
    class Short(Endless):
        def readinto(self, buffer: bytearray) -> int:  # type: ignore[override]
            given = min(len(buffer), size - self.taken)
            self.taken += given
            return given

    body = Short()
    response, _ = refused(body, size)
    assert "Connection" not in response.headers
    assert body.taken == size
