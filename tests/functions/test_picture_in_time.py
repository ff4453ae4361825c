"""That a download ends in time, whatever a server makes of it."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from types import SimpleNamespace
from typing import Self

import pytest

from functions.picture import fetching
from functions.picture.fetching import Unavailable


class Dribble:
    """Says one byte each time that whoever reads it looks at the clock, on which a second passes then."""

    def __init__(self, said: bytes) -> None:
        self._said = said
        self._looks = threading.Semaphore(0)
        self._now = 0.0
        self._over = False
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._run)

    def monotonic(self) -> float:
        self._now += 1
        self._looks.release()
        return self._now

    def _run(self) -> None:
        connection, _ = self._listening.accept()
        with connection, suppress(OSError):
            connection.recv(65536)
            for byte in self._said:
                if not self._looks.acquire(timeout=5) or self._over:
                    break
                connection.sendall(bytes([byte]))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over = True
        self._looks.release()
        self._thread.join()
        self._listening.close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._listening.getsockname()[1]}/"


@pytest.mark.parametrize("total_s", [6.0, 30.0, 60.0])
@pytest.mark.parametrize(
    "said",
    [
        b"HTTP/1.1 200 OK\r\nX: " + b"a" * 100,
        b"HTTP/1.1 100 Continue\r\n\r\n" * 5,
        b"HTTP/1.1 200 OK\r\n\r\n" + b"a" * 100,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;" + b"a" * 100,
    ],
    ids=["header", "continue", "body", "chunk"],
)
def test_a_server_that_dribbles_is_given_up_wherever_it_does(
    said: bytes, total_s: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetching, "READ_S", 30.0)
    monkeypatch.setattr(fetching, "TOTAL_S", total_s)
    with Dribble(said) as dribble:
        monkeypatch.setattr(fetching, "time", SimpleNamespace(monotonic=dribble.monotonic))
        with pytest.raises(Unavailable, match="timed out"):
            fetching.download(dribble.url, allow_private=True)
