"""Nothing that runs under a tether outlives it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from demo import tether

TETHER = [sys.executable, "-I", "-S", tether.__file__]
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks at processes through /proc")


def is_alive(pid: int) -> bool:
    try:
        return b") Z" not in Path(f"/proc/{pid}/stat").read_bytes()
    except FileNotFoundError:
        return False


def wait_for(get: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not get():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.01)


def pids_in(directory: Path, *names: str) -> list[int]:
    """Waits until processes wrote their ids into files of these names."""
    files = [directory / name for name in names]
    wait_for(lambda: all(file.exists() and file.read_text().endswith("\n") for file in files))
    return [int(file.read_text()) for file in files]


def start(script: str, directory: Path, *options: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [*TETHER, *options, "--", "bash", "-c", script], stdin=subprocess.PIPE, cwd=directory
    )


FAMILY = """
(echo $BASHPID > grandchild; exec sleep 100) &
setsid bash -c 'echo $$ > runaway; exec sleep 100' &
echo $$ > child; wait
"""
STUBBORN = "trap '' TERM; echo $$ > child; while true; do sleep 0.05; done"


def test_the_exit_code_is_the_commands(tmp_path: Path) -> None:
    with start("exit 7", tmp_path) as process:
        assert process.wait(20) == 7


def test_a_command_ended_by_a_signal_gives_128_and_its_number(tmp_path: Path) -> None:
    with start("kill -KILL $$", tmp_path) as process:
        assert process.wait(20) == 128 + signal.SIGKILL


def test_a_command_that_cannot_start_is_named() -> None:
    result = subprocess.run(
        [*TETHER, "--", "no-such-command"], stdin=subprocess.PIPE, capture_output=True, text=True, check=False
    )
    assert result.returncode == 127
    assert "no-such-command" in result.stderr


@pytest.mark.parametrize("arguments", [[], ["--"], ["true"], ["--grace", "x", "--", "true"]])
def test_wrong_arguments_give_the_usage(arguments: list[str]) -> None:
    result = subprocess.run([*TETHER, *arguments], stdin=subprocess.PIPE, capture_output=True, check=False)
    assert result.returncode == 1
    assert b"usage" in result.stderr


def test_the_end_of_stdin_ends_the_whole_family(tmp_path: Path) -> None:
    with start(FAMILY, tmp_path) as process:
        family = pids_in(tmp_path, "child", "grandchild", "runaway")
        assert all(map(is_alive, family))
        assert process.stdin
        process.stdin.close()
        assert process.wait(20) == 128 + signal.SIGTERM
    assert not any(map(is_alive, family))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_the_whole_family(number: int, tmp_path: Path) -> None:
    with start(FAMILY, tmp_path) as process:
        family = pids_in(tmp_path, "child", "grandchild", "runaway")
        process.send_signal(number)
        process.wait(20)
    assert not any(map(is_alive, family))


def test_what_the_command_leaves_behind_ends_with_it(tmp_path: Path) -> None:
    script = "(echo $BASHPID > grandchild; exec sleep 100) & until [ -s grandchild ]; do sleep 0.01; done; "
    with start(script + "exit 3", tmp_path) as process:
        assert process.wait(20) == 3
    assert not any(map(is_alive, pids_in(tmp_path, "grandchild")))


def test_one_that_ignores_the_request_is_killed_after_the_grace_period(tmp_path: Path) -> None:
    with start(STUBBORN, tmp_path, "--grace", "0.2") as process:
        family = pids_in(tmp_path, "child")
        process.terminate()
        assert process.wait(20) == 128 + signal.SIGKILL
    assert not any(map(is_alive, family))


def test_one_that_needs_a_moment_may_finish_and_is_asked_only_once(tmp_path: Path) -> None:
    script = """
    trap 'echo asked >> requests' TERM
    echo $$ > child; while [ ! -s requests ]; do sleep 0.01; done
    sleep 0.3; exit 5
    """
    with start(script, tmp_path) as process:
        pids_in(tmp_path, "child")
        process.terminate()
        assert process.wait(20) == 5
    assert (tmp_path / "requests").read_text() == "asked\n"


def test_a_parent_killed_outright_leaves_nothing(tmp_path: Path) -> None:
    command = [*TETHER, "--", "bash", "-c", FAMILY]
    program = f"""
import subprocess, time
child = subprocess.Popen({command!r}, stdin=subprocess.PIPE, cwd={str(tmp_path)!r})
time.sleep(100)
"""
    with subprocess.Popen([sys.executable, "-c", program]) as parent:
        family = pids_in(tmp_path, "child", "grandchild", "runaway")
        os.kill(parent.pid, signal.SIGKILL)
        parent.wait(20)
    wait_for(lambda: not any(map(is_alive, family)))
