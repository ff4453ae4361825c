"""Children are started, heard and stopped; busy ports are told with their holder."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from demo.processes import (
    HOST,
    Child,
    ChildFailed,
    PortBusy,
    free_port,
    how_it_ended,
    port_is_free,
    require_port,
)

FOREVER = ["sleep", "100"]


def test_output_arrives_line_by_line_in_log_and_callback(tmp_path: Path) -> None:
    lines: list[str] = []
    log = tmp_path / "child.log"
    command = ["bash", "-c", "echo one; echo two >&2; printf '\\xff\\n'"]
    with Child("speaker", command, log=log, on_line=lines.append) as child:
        assert child.wait(20) == 0
    assert lines == ["one", "two", "\ufffd"]
    assert log.read_text() == "one\ntwo\n\ufffd\n"
    assert child.tail() == "one\ntwo\n\ufffd"


def test_python_children_are_heard_at_once() -> None:
    lines: list[str] = []
    program = "import time; print(1); time.sleep(100)"
    with Child("python", [sys.executable, "-c", program], on_line=lines.append) as child:
        child.wait_until(lambda: lines == ["1"], timeout_s=20)


def test_stop_ends_a_running_child_and_may_be_repeated() -> None:
    child = Child("sleeper", FOREVER)
    assert child.poll() is None
    assert child.stop() == 128 + signal.SIGTERM
    assert child.stop() == child.poll() == 128 + signal.SIGTERM


def test_waiting_for_a_child_that_ends_first_tells_its_last_words() -> None:
    with (
        Child("mayfly", ["bash", "-c", "echo no such thing; exit 4"]) as child,
        pytest.raises(ChildFailed, match=r"mayfly ended with exit code 4; its last output:\nno such thing"),
    ):
        child.wait_until(lambda: False, timeout_s=20)


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (0, "ended with exit code 0"),
        (4, "ended with exit code 4"),
        (127, "ended with exit code 127"),
        (128, "ended with exit code 128"),
        (137, "was ended by SIGKILL (exit code 137): perhaps memory ran out"),
        (-9, "was ended by SIGKILL (exit code -9): perhaps memory ran out"),
        (143, "was ended by SIGTERM (exit code 143)"),
        (-11, "was ended by SIGSEGV (exit code -11)"),
        (255, "ended with exit code 255"),
    ],
)
def test_an_exit_code_is_told_in_words(code: int, words: str) -> None:
    assert how_it_ended(code) == words


def test_a_killed_child_is_told_as_that() -> None:
    with (
        Child("victim", ["bash", "-c", "kill -9 $$"]) as child,
        pytest.raises(ChildFailed, match="victim was ended by SIGKILL"),
    ):
        child.wait_until(lambda: False, timeout_s=20)


def test_waiting_has_an_end() -> None:
    with Child("sleeper", FOREVER) as child:
        with pytest.raises(ChildFailed, match="sleeper was not ready after"):
            child.wait_until(lambda: False, timeout_s=0.1)
        with pytest.raises(TimeoutError, match="sleeper still runs"):
            child.wait(0.1)


def test_environment_and_directory_are_given(tmp_path: Path) -> None:
    with Child("asker", ["bash", "-c", "echo $SHOP; pwd"], env={"SHOP": "tea"}, cwd=tmp_path) as child:
        child.wait(20)
    assert child.tail().split("\n") == ["tea", str(tmp_path)]


def test_a_killed_parent_takes_its_children_along(tmp_path: Path) -> None:
    program = """
import pathlib, time
from demo.processes import Child
child = Child("sleeper", ["bash", "-c", "echo $$ > pid; exec sleep 100"])
time.sleep(100)
"""
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    with subprocess.Popen([sys.executable, "-c", program], cwd=tmp_path, env=env) as parent:
        deadline = time.monotonic() + 20
        while not ((tmp_path / "pid").exists() and (tmp_path / "pid").read_text()):
            assert time.monotonic() < deadline
            time.sleep(0.01)
        parent.kill()
    pid = int((tmp_path / "pid").read_text())
    while Path(f"/proc/{pid}").exists():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process that its parent died")
def test_a_killed_tether_takes_its_command_along() -> None:
    lines: list[str] = []
    with Child("sleeper", ["bash", "-c", "echo $$; exec sleep 100"], on_line=lines.append) as child:
        child.wait_until(lambda: bool(lines), timeout_s=20)
        os.kill(child.pid, signal.SIGKILL)
        child.wait(20)
        deadline = time.monotonic() + 20
        while Path(f"/proc/{lines[0]}").exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        assert not Path(f"/proc/{lines[0]}").exists()


def test_a_free_port_can_be_listened_on() -> None:
    port = free_port()
    assert port_is_free(port)
    require_port(port)
    with socket.create_server((HOST, port)):
        assert not port_is_free(port)
    assert port_is_free(port)


@pytest.mark.skipif(sys.platform != "linux", reason="the holder is found through /proc")
def test_a_busy_port_is_told_with_its_holder() -> None:
    with socket.create_server((HOST, 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(PortBusy, match=re.escape(f"port {port} is in use by")) as failure:
            require_port(port)
        assert f"(process {os.getpid()})" in str(failure.value)
