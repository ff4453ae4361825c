"""`evermail static`: a file that the functions can read, or why there is none."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest
import typer
from shelf_support import product, rule, rules, trending
from typer.testing import CliRunner, Result

from evermail.shelf import last_resort, store_option
from evermail.shelf.static_command import static
from evermail.stores import StoreUnavailable
from evermail.stores.sqlite import SqliteStore


def run(*arguments: str) -> Result:
    app = typer.Typer(rich_markup_mode=None)
    app.command()(static)
    result = CliRunner().invoke(app, arguments)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


@pytest.fixture
def url(tmp_path: Path) -> str:
    """A store in which P, Q and R are popular, of which Q is sold out and R hidden."""
    path = tmp_path / "store.sqlite3"
    with closing(SqliteStore(path)) as store:
        store.put_many(
            [
                trending("global", "PQRS"),
                product("P"),
                product("Q", available=False),
                product("R"),
                product("S", price=5.0),
                rules(rule("R", hide=True)),
            ]
        )
    return f"sqlite:///{path}"


def test_writes_what_is_popular_by_the_shops_rules(url: str, tmp_path: Path) -> None:
    out = tmp_path / "static.json"
    result = run("--store", url, "--out", str(out), "--locale", "de_DE")
    assert result.exit_code == 0, result.output
    assert result.stdout == f"{out}: 2 items, trending\n"
    found = last_resort.read(out)
    assert [one.item_id for one in found] == ["P", "S"]
    assert found[1].price == "5,00\xa0€"


def test_writes_as_many_as_asked_for(url: str, tmp_path: Path) -> None:
    out = tmp_path / "static.json"
    assert run("--store", url, "--out", str(out), "--items", "1").stdout.endswith(": 1 item, trending\n")
    assert len(last_resort.read(out)) == 1


def test_an_empty_store_gives_no_file(tmp_path: Path) -> None:
    path, out = tmp_path / "empty.sqlite3", tmp_path / "static.json"
    SqliteStore(path).close()
    result = run("--store", f"sqlite:///{path}", "--out", str(out))
    assert (result.exit_code, out.exists()) == (2, False)
    assert "nothing is popular yet" in result.output


def test_a_store_that_is_not_there_is_named(tmp_path: Path) -> None:
    result = run("--store", f"sqlite:///{tmp_path / 'no.sqlite3'}", "--out", str(tmp_path / "static.json"))
    assert result.exit_code == 2
    assert "there is no" in result.output


def test_a_store_that_does_not_answer_is_told(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Down(SqliteStore):
        def get_many(self, *_: object, **__: object) -> dict:  # type: ignore[override,type-arg]
            raise StoreUnavailable("locked")

    monkeypatch.setattr(store_option, "open_store", lambda url: Down(url.removeprefix("sqlite:///")))
    result = run("--store", url, "--out", str(tmp_path / "static.json"))
    assert (result.exit_code, "locked" in result.output) == (3, True)


def test_a_file_that_cannot_be_written_is_told(url: str, tmp_path: Path) -> None:
    result = run("--store", url, "--out", str(tmp_path / "no" / "static.json"))
    assert result.exit_code == 2
    assert "static.json" in result.output
