"""A line between a client and a server on this machine that can be cut, or go dead, and be mended again."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from enum import Enum
from types import TracebackType
from typing import Self

from demo.processes import HOST

_CHUNK = 64 * 1024


class Line(Enum):
    UP = "up"
    CUT = "cut"
    """As when the server was killed: connections end, and new ones are refused."""
    DEAD = "dead"
    """As when the server hangs: connections stand, and nothing comes through."""


class CutLine:
    """Passes on what comes to `port`. Use it as a context manager."""

    def __init__(self, to_port: int) -> None:
        self._to_port = to_port
        self._lock = threading.Lock()
        self._up = threading.Event()
        self._up.set()
        self._open: set[socket.socket] = set()
        self._listener: socket.socket | None = None
        self.port = 0

    def __enter__(self) -> Self:
        self._listen()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._up.set()
        self._end()

    def turn(self, line: Line) -> None:
        if line is Line.CUT:
            self._up.set()
            self._end()
        elif line is Line.DEAD:
            self._up.clear()
        else:
            self._up.set()
            if self._listener is None:
                self._listen()

    def _listen(self) -> None:
        listener = socket.create_server((HOST, self.port), reuse_port=True)
        self.port = listener.getsockname()[1]
        self._listener = listener
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()

    def _end(self) -> None:
        with self._lock:
            listener, self._listener = self._listener, None
            ended, self._open = self._open, set()
        if listener is not None:
            _shut(listener)
        for one in ended:
            _shut(one)

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
                server = socket.create_connection((HOST, self._to_port))
            except OSError:
                return
            with self._lock:
                if self._listener is not listener:
                    _shut(client)
                    _shut(server)
                    return
                self._open |= {client, server}
            for source, sink in ((client, server), (server, client)):
                threading.Thread(target=self._pass, args=(source, sink), daemon=True).start()

    def _pass(self, source: socket.socket, sink: socket.socket) -> None:
        try:
            while data := source.recv(_CHUNK):
                self._up.wait()
                sink.sendall(data)
        except OSError:
            pass
        _shut(source)
        _shut(sink)


def _shut(one: socket.socket) -> None:
    with suppress(OSError):  # it was never connected, or has ended by itself
        one.shutdown(socket.SHUT_RDWR)
    one.close()
