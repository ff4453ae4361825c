"""`evermail explain` in a terminal, with rules whose time it is not, and for names made with unknown keys."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from rich.console import Console
from shelf_support import product, trending
from typer.testing import CliRunner, Result

from evermail.shelf import explain_command
from evermail.stores.sqlite import SqliteStore

SECRETS = "k0:an-older-secret-of-16,k1:a-secret-of-16-bytes"
STRANGER = f"k9.{'A' * 22}"


@pytest.fixture(autouse=True)
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVERMAIL_STORE", f"sqlite:///{tmp_path}/store.sqlite3")
    monkeypatch.setenv("EVERMAIL_PSEUDONYM_KEYS", SECRETS)
    store = SqliteStore(str(tmp_path / "store.sqlite3"))
    title = "A table lamp of brass and oak with a shade of paper, made in the north"
    store.put_many([trending("global", "PQ"), product("P", "Lamps", title=title), product("Q")])
    store.close()


def explain(*arguments: str) -> Result:
    app = typer.Typer(rich_markup_mode=None)
    app.command()(explain_command.explain)
    result = CliRunner().invoke(app, [*arguments])
    assert result.exit_code == 0, result.output
    return result


def test_a_terminal_is_not_overrun(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(explain_command, "Console", lambda **_: Console(force_terminal=True, width=80))
    told = explain("--shopper", STRANGER, "--slots", "1").stdout.splitlines()
    assert max(map(len, told)) <= 80
    assert any("A table lamp of" in line and "…" in line for line in told)


def test_a_name_made_with_an_unknown_key_is_told_the_known_ones() -> None:
    result = explain("--shopper", STRANGER, "--keys", "env:EVERMAIL_PSEUDONYM_KEYS", "--json")
    assert json.loads(result.stdout)["known"] is False
    assert result.stderr == (
        "This name was made with a key k9; the keys in env:EVERMAIL_PSEUDONYM_KEYS are k0, k1.\n"
    )
    assert "secret-of" not in result.output


def test_without_keys_it_is_said_how_to_learn_of_them() -> None:
    assert "Give --keys to learn whether there is a key k9" in explain("--shopper", STRANGER).stderr


def test_a_name_made_with_a_known_key_needs_no_hint() -> None:
    known = f"k1.{'A' * 22}"
    assert explain("--shopper", known, "--keys", "env:EVERMAIL_PSEUDONYM_KEYS").stderr == ""
