"""Runs a command that cannot outlive whoever started it.

    python demo/tether.py [--grace SECONDS] -- COMMAND ARGUMENT...

The command runs in a session of its own. When this process's stdin ends (its parent died, even by SIGKILL, or
let go) or a SIGTERM, SIGINT or SIGHUP arrives, everything the command ever started is asked to stop with
SIGTERM and, after the grace period, killed. The exit code is the command's; a command
ended by a signal gives 128 + its number, one that cannot be started 127.

Whoever starts a tether keeps the other end of its stdin open and gives it to nobody else. Standard library
only, and started by path (`python -I -S`), so that it is up in a few hundredths of a second.
"""

from __future__ import annotations

import ctypes
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable

GRACE_S = 5.0
_KILL_S = 5.0
_POLL_S = 0.05


def main(arguments: list[str]) -> int:
    """Runs the command in `arguments` to its end; returns the exit code."""
    grace_s, command = _parse(arguments)
    wake = _wake_on_signals(signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD)
    _adopt_orphans()
    try:
        child = subprocess.Popen(  # noqa: S603
            command,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            preexec_fn=_dies_with_its_parent(),
        )
    except OSError as error:
        print(f"tether: cannot start {command[0]}: {error.strerror}", file=sys.stderr)
        return 127
    family = Family(child.pid)
    while not family.leader_ended and not _told_to_stop(wake):
        family.reap()
    _stop(family, wake, grace_s)
    return family.exit_code


class Family:
    """The command (the leader) and everything that descends from it."""

    def __init__(self, leader: int) -> None:
        self._leader = leader
        self._status: int | None = None
        self.extinct = False
        """No descendant is left."""

    @property
    def leader_ended(self) -> bool:
        return self._status is not None

    @property
    def exit_code(self) -> int:
        """The leader's exit code as a shell would tell it."""
        code = os.waitstatus_to_exitcode(self._status or 0)
        return code if code >= 0 else 128 - code

    def reap(self) -> None:
        """Takes note of every descendant that ended."""
        while not self.extinct:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                # Without adoption (not Linux) the grandchildren are not ours to wait for.
                self.extinct = _has_proc() or not _send(-self._leader, 0)
                return
            if pid == 0:
                return
            if pid == self._leader:
                self._status = status

    def group(self) -> list[int]:
        """The leader and those that stayed in its process group."""
        if not _has_proc():
            return [-self._leader]  # kill() takes it for the group
        return [pid for pid, group in _descendants(os.getpid()) if group == self._leader]

    def everyone(self) -> list[int]:
        """All descendants, those that moved to other groups and sessions included."""
        if not _has_proc():
            return [-self._leader]
        return [pid for pid, _ in _descendants(os.getpid())]


def _stop(family: Family, wake: int, grace_s: float) -> None:
    """Asks each process once, then kills what is left after the grace period.

    Processes outside the leader's group are asked only once the leader is gone: they are its own to stop.
    """
    asked: set[int] = set()
    deadline = time.monotonic() + grace_s
    family.reap()
    while not family.extinct and time.monotonic() < deadline:
        for pid in family.everyone() if family.leader_ended else family.group():
            if pid not in asked:
                asked.add(pid)
                _send(pid, signal.SIGTERM)
        _pause(wake)
        family.reap()
    deadline += _KILL_S
    while not family.extinct and time.monotonic() < deadline:  # one may fork while another is being killed
        for pid in family.everyone():
            _send(pid, signal.SIGKILL)
        _pause(wake)
        family.reap()


def _wake_on_signals(*numbers: signal.Signals) -> int:
    """A file descriptor that becomes readable, with the signal's number, at each of these signals."""
    readable, writable = os.pipe()
    os.set_blocking(writable, False)
    signal.set_wakeup_fd(writable, warn_on_full_buffer=False)
    for number in numbers:
        signal.signal(number, lambda *_: None)
    return readable


def _told_to_stop(wake: int) -> bool:
    """Waits for an end of stdin or a signal; true if it means to stop, false at a child's end."""
    ready, _, _ = select.select([0, wake], [], [])
    if 0 in ready and not os.read(0, 4096):
        return True
    return wake in ready and any(number != signal.SIGCHLD for number in os.read(wake, 512))


def _pause(wake: int) -> None:
    """Waits for a moment, or less if a child ends or a signal comes."""
    if select.select([wake], [], [], _POLL_S)[0]:
        os.read(wake, 512)


def _adopt_orphans() -> None:
    """Makes descendants whose parent ended children of this process, instead of init's (Linux only)."""
    if sys.platform == "linux":
        PR_SET_CHILD_SUBREAPER = 36
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _dies_with_its_parent() -> Callable[[], None] | None:
    """What a new process does first, so that it is killed with the tether if that is (Linux only)."""
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None).prctl  # found here: between fork and exec as little as possible is done
    PR_SET_PDEATHSIG = 1
    return lambda: prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def _send(pid: int, number: int) -> bool:
    """Signals a process; false if there is none."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return False
    except PermissionError:  # of another user: it lives, but is not ours to end
        pass
    return True


def _has_proc() -> bool:
    return os.path.exists("/proc/self/stat")


def _descendants(ancestor: int) -> list[tuple[int, int]]:
    """Every living process below `ancestor` with its process group."""
    children: dict[int, list[tuple[int, int]]] = {}
    for pid in map(int, filter(str.isdigit, os.listdir("/proc"))):
        try:
            with open(f"/proc/{pid}/stat", "rb") as stat:
                state, parent, group = stat.read().rpartition(b")")[2].split()[:3]
        except OSError:  # it ended meanwhile
            continue
        if state != b"Z":
            children.setdefault(int(parent), []).append((pid, int(group)))
    found: list[tuple[int, int]] = []
    generation = children.get(ancestor, [])
    while generation:
        found += generation
        generation = [child for pid, _ in generation for child in children.get(pid, [])]
    return found


def _parse(arguments: list[str]) -> tuple[float, list[str]]:
    match arguments:
        case ["--", *command] if command:
            return GRACE_S, command
        case ["--grace", seconds, "--", *command] if command and seconds.replace(".", "", 1).isdigit():
            return float(seconds), command
    raise SystemExit("usage: tether.py [--grace SECONDS] -- COMMAND ARGUMENT...")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
