"""Starts the demo's processes so that none is ever left behind, and finds ports for them.

Every process runs under `demo/tether.py`: it and all that it starts end when it is stopped, and also when
this process dies, however it dies.
"""

from __future__ import annotations

import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Self

HOST = "127.0.0.1"

_TETHER = Path(__file__).with_name("tether.py")
_KEPT_LINES = 40
_CHECK_EVERY_S = 0.02
_LAST_OUTPUT_S = 10.0
"""How long the last output of an ended process is waited for: something it left behind may hold the pipe."""

# Below the ports that Linux gives to outgoing connections, which could take one before its server does.
_PORTS = range(20_000, 32_000)
_RANDOM = random.SystemRandom()


class ChildFailed(Exception):
    """A child process ended, or took too long, before it did what it was started for."""


class PortBusy(Exception):
    """Another process listens on a port that is needed."""


class Child:
    """A running command. Its output goes line by line to a file or a callback, stderr included.

    Use it as a context manager, or call `stop`. `on_line` is called from a thread of its own. `name` is
    what messages call the process. `stop` asks with SIGTERM and kills after `grace_s` seconds.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str | Path],
        *,
        log: Path | None = None,
        on_line: Callable[[str], None] | None = None,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        grace_s: float = 5.0,
    ) -> None:
        """`env` is added to this process's environment. Raises `OSError` if the log cannot be written."""
        self.name = name
        self.log = log
        self._on_line = on_line
        self._grace_s = grace_s
        self._last_lines: deque[str] = deque(maxlen=_KEPT_LINES)
        self._log = log.open("a", encoding="utf-8") if log else None
        tether = [sys.executable, "-I", "-S", str(_TETHER), "--grace", f"{grace_s:g}", "--"]
        self._process = subprocess.Popen(  # noqa: S603
            tether + [str(part) for part in command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            env={**os.environ, "PYTHONUNBUFFERED": "1", **(env or {})},
            cwd=cwd,
            start_new_session=True,  # Ctrl-C reaches this process alone, which stops its children in order
        )
        self._reader = threading.Thread(target=self._read, name=f"output of {name}", daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int:
        """The process id of the tether, not of the command."""
        return self._process.pid

    def poll(self) -> int | None:
        """The exit code, or None while it runs; 128 + the signal's number if a signal ended it."""
        return self._process.poll()

    def wait(self, timeout_s: float | None = None) -> int:
        """Waits for its end and returns the exit code. Raises `TimeoutError`."""
        try:
            code = self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            raise TimeoutError(f"{self.name} still runs after {timeout_s:g} s") from None
        self._reader.join(_LAST_OUTPUT_S)
        return code

    def wait_until(self, ready: Callable[[], bool], *, timeout_s: float) -> None:
        """Waits until `ready` says so. Raises `ChildFailed` if it ends before or takes too long."""
        deadline = time.monotonic() + timeout_s
        while not ready():
            code = self.poll()
            if code is not None:
                self._reader.join(_LAST_OUTPUT_S)
                raise ChildFailed(f"{self.name} {how_it_ended(code)}{self._last_words()}")
            if time.monotonic() > deadline:
                raise ChildFailed(f"{self.name} was not ready after {timeout_s:g} s{self._last_words()}")
            time.sleep(_CHECK_EVERY_S)

    def tail(self) -> str:
        """Its last lines of output."""
        return "\n".join(self._last_lines)

    def stop(self) -> int:
        """Ends it and all that it started; returns the exit code. Stopping twice does no harm."""
        stdin = self._process.stdin
        if stdin and not stdin.closed:
            stdin.close()
        try:
            return self.wait(self._grace_s + 10)
        except TimeoutError:  # the tether itself is stuck
            os.killpg(self._process.pid, signal.SIGKILL)
            return self.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _read(self) -> None:
        assert self._process.stdout  # noqa: S101
        with self._process.stdout as output:
            for line in output:
                self._last_lines.append(line.rstrip("\n"))
                if self._log:
                    self._log.write(line)
                    self._log.flush()
                if self._on_line:
                    self._on_line(line.rstrip("\n"))
        if self._log:
            self._log.close()

    def _last_words(self) -> str:
        return f"; its last output:\n{self.tail()}" if self._last_lines else " and said nothing"


def how_it_ended(code: int) -> str:
    """An exit code in words, with the signal in it by name: negative as Python tells it, or 128 + its number
    as a shell does."""
    try:
        name = signal.Signals(-code if code < 0 else code - 128).name
    except ValueError:
        return f"ended with exit code {code}"
    perhaps = ": perhaps memory ran out" if name == "SIGKILL" else ""
    return f"was ended by {name} (exit code {code}){perhaps}"


def free_port() -> int:
    """A port on which nothing listens now."""
    for port in _RANDOM.sample(_PORTS, len(_PORTS)):
        if port_is_free(port):
            return port
    raise PortBusy(f"no free port from {_PORTS.start} to {_PORTS.stop - 1}")


def port_is_free(port: int) -> bool:
    """Whether a server can listen on a local port now."""
    with socket.socket() as probe:
        # As servers do: the remains of closed connections do not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
            probe.listen()
        except OSError:
            return False
    return True


def require_port(port: int) -> None:
    """Raises `PortBusy`, naming the port and the process that holds it, unless a server can listen on it."""
    if not port_is_free(port):
        holder = _holder(port)
        by = f" by {holder}" if holder else ""
        raise PortBusy(f"port {port} is in use{by}: end that process or choose another port")


def _holder(port: int) -> str:
    """`python (process 42)` for the process that listens on a port; empty if /proc does not tell."""
    inodes = {f"socket:[{inode}]" for inode in _listening_inodes(port)}
    for fd in Path("/proc").glob("[0-9]*/fd/*") if inodes else ():
        try:
            if os.readlink(fd) in inodes:
                process = fd.parents[1]
                return f"{(process / 'comm').read_text().strip()} (process {process.name})"
        except OSError:  # another user's, or it ended meanwhile
            continue
    return ""


def _listening_inodes(port: int) -> list[str]:
    LISTEN = "0A"
    inodes = []
    for table in (Path("/proc/net/tcp"), Path("/proc/net/tcp6")):
        try:
            rows = table.read_text().splitlines()[1:]
        except OSError:
            continue
        for row in rows:
            _, local, _, state, _, _, _, _, _, inode, *_ = row.split()
            if state == LISTEN and int(local.rpartition(":")[2], 16) == port:
                inodes.append(inode)
    return inodes
