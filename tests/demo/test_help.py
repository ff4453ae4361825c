"""Every command says what it is for, and shows an example that begins as it must be typed."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from demo.command import demo

ROOT = Path(__file__).resolve().parents[2]
COMMANDS = [
    "demo.page.serve",
    "demo.page.photograph",
    "bench.bench_demo",
    "bench.bench_pubsub",
    "bench.bench_stores",
]


@pytest.mark.parametrize("name", COMMANDS)
def test_help_shows_an_example(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.syspath_prepend(str(ROOT))
    monkeypatch.setattr(sys, "argv", [name, "--help"])
    with pytest.raises(SystemExit) as ended:
        importlib.import_module(name).main()
    assert ended.value.code == 0
    shown = capsys.readouterr().out
    assert shown.startswith(f"usage: python -m {name} ")
    assert f"\nexample: python -m {name} --" in shown


def test_help_of_the_demo_shows_examples() -> None:
    app = typer.Typer(rich_markup_mode=None)
    app.command()(demo)
    shown = CliRunner().invoke(app, ["--help"]).output
    assert "  evermail demo --headless --events 3000 " in shown
