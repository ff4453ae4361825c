"""`evermail evaluate`, as people call it."""

from __future__ import annotations

import json
from importlib.metadata import entry_points
from pathlib import Path

import pytest
import typer
from evaluation_support import write
from typer.testing import CliRunner, Result

from evermail.evaluation.command import MODELS, evaluate

app = typer.Typer(rich_markup_mode=None)
app.command()(evaluate)


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture
def files(tmp_path: Path) -> list[str | Path]:
    """What to call the command with: two sessions to learn from and one to be judged by."""
    train = write(tmp_path / "train.txt", "a b c", "a b")
    test = write(tmp_path / "test.txt", "a b c")
    return ["--train", train, "--test", test, "--format", "lines"]


def test_evermail_has_the_command() -> None:
    (entry,) = (entry for entry in entry_points(group="evermail.commands") if entry.name == "evaluate")
    assert entry.load() is evaluate


def test_help_shows_an_example() -> None:
    result = run("--help")
    assert result.exit_code == 0
    assert "  evermail evaluate --train train.txt --test test.txt --format sessions\n" in result.stdout


def test_all_models_in_a_table(files: list[str | Path]) -> None:
    result = run(*files)
    assert result.exit_code == 0, result.output
    for name in MODELS:
        assert f"\n{name} " in result.stdout
        assert f"{name}: learned in " in result.stderr
    assert "HR@6" in result.stdout
    assert "HR@20" in result.stdout


def test_json_holds_all_of_it_and_nothing_else_is_printed(files: list[str | Path]) -> None:
    result = run(*files, "--model", "sr, pop", "--k", "2,1", "--repeats", "no", "--json")
    found = json.loads(result.stdout)
    assert found["repeats"] == "no"
    assert found["cases"] == 2
    assert [one["model"] for one in found["models"]] == ["sr", "pop"]
    assert [at["k"] for at in found["models"][0]["at"]] == [1, 2]
    assert [one["k"] for one in found["models"][0]["by_length"]] == [2, 2]
    assert found["models"][0]["at"][0]["figures"]["hr"] == {"value": 1.0, "low": 1.0, "high": 1.0}


def test_the_same_call_gives_the_same_figures(files: list[str | Path]) -> None:
    assert run(*files, "--json").stdout == run(*files, "--json").stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--model", "gru"], "no model 'gru': choose from evermail, pop"),
        (["--model", ""], "no model ''"),
        (["--k", "0,6"], "'0,6' are not whole numbers from 1, such as 6,20"),
        (["--k", "six"], "'six' are not whole numbers"),
        (["--rows", "10", "--model", "pop"], "--model: not together with --rows"),
        (["--lag", "0s", "--model", "pop"], "--model: not together with --lag"),
        (["--format", "sessions", "--days", "5"], "--days: not together with --format sessions"),
        (["--chart", "a.svg"], "--chart: needs --rows or --lag"),
    ],
)
def test_a_wrong_call(files: list[str | Path], arguments: list[str], said: str) -> None:
    result = run(*files, *arguments)
    assert result.exit_code == 2
    assert said in result.stderr


def test_a_wrong_file(files: list[str | Path]) -> None:
    result = run(*files[:4], "--format", "cases")
    assert result.exit_code == 2
    assert result.stdout == ""
    [line] = result.stderr.splitlines()
    assert "test.txt, line 1: 'a b c' is no case; write the items so far" in line


@pytest.mark.parametrize(
    "content", [None, b"", b"SessionId\tItemId\tTime\n", b"SessionId\tItemId\tTime\n1\ta\tnoon\n"]
)
def test_a_training_file_that_cannot_be_used_is_told_in_one_line(
    tmp_path: Path, content: bytes | None
) -> None:
    train = tmp_path / "clicks.tsv"
    if content is not None:
        train.write_bytes(content)
    result = run("--train", train, "--test", tmp_path / "test.tsv", "--format", "sessions")
    assert (result.exit_code, result.stdout) == (2, "")
    [line] = result.stderr.splitlines()
    assert line.startswith(f"evermail evaluate: {train}")


def test_nothing_left_to_judge_by(tmp_path: Path) -> None:
    path = write(tmp_path / "a.txt", "a a a")
    result = run("--train", path, "--test", path, "--format", "lines", "--repeats", "no")
    assert result.exit_code == 2
    assert "each next item was seen before: try --repeats yes" in result.stderr


@pytest.mark.parametrize(
    ("chart", "said"),
    [("none/a.svg", "No such file or directory"), (".", "Is a directory"), ("a" * 400, "name too long")],
)
def test_a_chart_that_cannot_be_written_is_refused_before_learning(
    files: list[str | Path], tmp_path: Path, chart: str, said: str
) -> None:
    result = run(*files, "--rows", "10", "--chart", tmp_path / chart)
    assert result.exit_code == 2
    assert f"--chart: {tmp_path / chart} cannot be written: " in result.stderr
    assert said in result.stderr
    assert "learned" not in result.stderr


def test_a_wrong_call_leaves_an_old_chart_and_no_new_one(files: list[str | Path], tmp_path: Path) -> None:
    old = write(tmp_path / "old.svg", "<svg/>")
    missing = ["--test", tmp_path / "none.txt"]
    for chart in (old, tmp_path / "new.svg"):
        assert run(*files, *missing, "--rows", "10", "--chart", chart).exit_code == 2
    assert old.read_text() == "<svg/>\n"
    assert not (tmp_path / "new.svg").exists()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_the_table_is_there_even_if_the_chart_fails_in_the_end(files: list[str | Path]) -> None:
    result = run(*files, "--rows", "10", "--chart", "/dev/full")
    assert result.exit_code == 1
    assert "HR@6" in result.stdout
    assert "/dev/full cannot be written: No space left on device" in result.stderr
