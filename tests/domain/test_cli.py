"""`evermail`: help, version, commands of other packages, and how it ends."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from evermail import __version__, cli


class Entry:
    """An entry point of the group `evermail.commands`."""

    def __init__(self, name: str, load: Callable[[], Any]) -> None:
        self.name = name
        self.load = load


def missing() -> Any:
    raise ModuleNotFoundError("No module named 'apache_beam'", name="apache_beam")


def greet(name: str = "shop") -> None:
    """Greets somebody."""
    print(f"hello {name}")


def interrupted() -> None:
    raise KeyboardInterrupt


COMMANDS = [
    Entry("replay", missing),
    Entry("greet", lambda: greet),
    Entry("wait", lambda: interrupted),
]


@pytest.fixture
def run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str, str]]:
    """Runs `evermail` with arguments; returns the exit code, what was printed, and what was complained of."""
    monkeypatch.setattr(cli, "entry_points", lambda group: COMMANDS if group == cli.GROUP else [])
    monkeypatch.setattr(cli.app, "registered_commands", [])

    def main(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["evermail", *arguments])
        with pytest.raises(SystemExit) as caught:
            cli.main()
        code = caught.value.code
        assert isinstance(code, int) or code is None
        output = capsys.readouterr()
        return code or 0, output.out, output.err

    return main


def test_help_lists_the_commands_that_are_there(run: Callable[..., tuple[int, str, str]]) -> None:
    code, out, _ = run("--help")
    assert code == 0
    assert "greet" in out
    assert "Greets somebody." in out
    assert "Example: evermail " in out
    assert "replay" not in out


def test_without_a_command_there_is_help(run: Callable[..., tuple[int, str, str]]) -> None:
    code, out, err = run()
    assert code in (0, 2)
    assert "Usage: " in out + err
    assert "greet" in out + err


def test_tells_its_version(run: Callable[..., tuple[int, str, str]]) -> None:
    assert run("--version")[:2] == (0, f"evermail {__version__}\n")


def test_runs_a_command_with_its_options(run: Callable[..., tuple[int, str, str]]) -> None:
    assert run("greet", "--name", "you")[:2] == (0, "hello you\n")


@pytest.mark.parametrize("arguments", [["--help"], ["greet"], ["replay"]])
def test_says_what_is_missing_for_a_command_and_how_to_get_it(
    run: Callable[..., tuple[int, str, str]], arguments: list[str]
) -> None:
    code, _, err = run(*arguments)
    assert "`evermail replay` needs apache_beam: pip install" in err
    assert "evermail[replay]" in err
    assert code == (2 if arguments == ["replay"] else 0)


@pytest.mark.parametrize("arguments", [["unknown"], ["greet", "--unknown"]])
def test_a_mistake_on_the_command_line_is_exit_code_2(
    run: Callable[..., tuple[int, str, str]], arguments: list[str]
) -> None:
    code, _, err = run(*arguments)
    assert code == 2
    assert "unknown" in err


def test_control_c_ends_it_quietly_as_shells_expect(run: Callable[..., tuple[int, str, str]]) -> None:
    code, out, err = run("wait")
    assert code == 130
    assert "Traceback" not in out + err


def test_starts_as_a_process_without_loading_beam() -> None:
    probe = "import sys, evermail.cli; print('apache_beam' in sys.modules, 'flask' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", probe], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.split() == ["False", "False"]
