"""`evermail catalog` on the command line: what it prints, what it writes, and how it ends."""

from __future__ import annotations

import gzip
import json
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from importlib.metadata import entry_points
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from evermail import cli
from evermail.catalog import command
from evermail.catalog.importer import Importer
from evermail.catalog.staging import Staging
from evermail.documents import Product
from evermail.stores import StoreUnavailable
from evermail.stores.sqlite import SqliteStore
from tests.catalog.feeds import lamp, lamps, rss, tsv
from tests.catalog.stores import Faulty

Invoke = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Invoke:
    """Runs `evermail catalog` with arguments, in a directory of its own; the environment names a store."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EVERMAIL_STORE", "sqlite:///store.sqlite3")
    app = typer.Typer(rich_markup_mode=None)
    app.callback()(lambda: None)
    app.add_typer(command.catalog, name="catalog")

    def invoke(*arguments: str, stdin: bytes = b"") -> Result:
        result = CliRunner().invoke(app, ["catalog", *arguments], input=stdin)
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result

    return invoke


def lines(text: str) -> list[str]:
    return [" ".join(line.split()) for line in text.splitlines()]


def products(path: str = "store.sqlite3") -> dict[str, Product]:
    store = SqliteStore(path)
    found = {one.id: one for one in store.scan("products") if isinstance(one, Product)}
    store.close()
    return found


def test_a_feed_is_imported_and_told_about(run: Invoke) -> None:
    Path("feed.xml").write_bytes(rss([*lamps(10), lamp("BAD", price="1.299 EUR")]))
    result = run("import", "feed.xml")
    assert result.exit_code == 0
    assert lines(result.stdout) == [
        "read 11 items of feed.xml",
        "written 10 (10 new, 0 changed)",
        "unchanged 0",
        "withdrawn 0 that the feed no longer has",
        "written the list of what the shop shows first",
        "refused 1: 1 invalid_price",
        "line 13, BAD: price '1.299 EUR' can mean 1299 or 1.299: write two decimals [invalid_price]",
        "remarks 0",
    ]
    assert result.stderr == ""
    assert list(products()) == sorted(f"LAMP-{number + 1}" for number in range(10))


@pytest.mark.parametrize(
    "data", [rss(lamps(2)), tsv(lamps(2)), gzip.compress(tsv(lamps(2)))], ids=["xml", "tsv", "gzip"]
)
def test_a_feed_can_come_from_standard_input(run: Invoke, data: bytes) -> None:
    result = run("import", "-", stdin=data)
    assert result.exit_code == 0
    assert "read 2 items of standard input" in lines(result.stdout)
    assert len(products()) == 2


def test_the_store_can_be_given(run: Invoke) -> None:
    assert run("import", "-", "--store", "sqlite:///other.sqlite3", stdin=rss(lamps(2))).exit_code == 0
    assert len(products("other.sqlite3")) == 2
    assert not Path("store.sqlite3").exists()


def test_a_second_import_writes_nothing(run: Invoke) -> None:
    run("import", "-", stdin=rss(lamps(2)))
    before = products()
    result = run("import", "-", stdin=rss(lamps(2)))
    assert "written 0 (0 new, 0 changed)" in lines(result.stdout)
    assert "unchanged 2" in lines(result.stdout)
    assert products() == before


def test_a_dry_run_writes_nothing(run: Invoke) -> None:
    result = run("import", "-", "--dry-run", stdin=rss(lamps(2)))
    assert result.exit_code == 0
    assert "to write 2 (2 new, 0 changed)" in lines(result.stdout)
    assert "to withdraw 0 that the feed no longer has" in lines(result.stdout)
    assert products() == {}


def test_the_options_reach_the_import(run: Invoke) -> None:
    run("import", "-", stdin=rss(lamps(4)))
    assert run("import", "-", "--keep-missing", stdin=rss(lamps(1))).exit_code == 0
    assert all(product.available for product in products().values())
    assert run("import", "-", stdin=rss(lamps(1))).exit_code == 1
    assert run("import", "-", "--max-withdrawn-share", "1", stdin=rss(lamps(1))).exit_code == 0
    assert [product.available for product in products().values()] == [True, False, False, False]
    assert run("import", "-", "--category", "last", stdin=rss(lamps(1))).exit_code == 0
    assert products()["LAMP-1"].category == "Table lamps"
    data = tsv([lamp("LAMP-1", title="Töpfe")]).decode().encode("windows-1252")
    assert run("import", "-", "--encoding", "windows-1252", "--format", "tsv", stdin=data).exit_code == 0
    assert products()["LAMP-1"].title == "Töpfe"


# Checking


def test_a_check_needs_no_store(run: Invoke, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("EVERMAIL_STORE")
    result = run("check", "-", stdin=rss([*lamps(10), lamp("LAMP-1"), lamp("LONG", title="x" * 200)]))
    assert result.exit_code == 0
    assert lines(result.stdout) == [
        "read 12 items of standard input",
        "good 11",
        "refused 1: 1 duplicate_id",
        "line 13, LAMP-1: an earlier item of the feed has the same id [duplicate_id]",
        "remarks 1: 1 shortened",
        "line 14, LONG: title has more than 150 characters [shortened]",
    ]
    assert not Path("store.sqlite3").exists()


def test_a_check_ends_as_an_import_would(run: Invoke) -> None:
    feed = rss([*lamps(8), lamp("BAD", price=""), lamp("WORSE", price="")])
    result = run("check", "-", stdin=feed)
    assert result.exit_code == command.WRONG_FEED
    assert result.stderr == "evermail catalog: 2 of 10 items were refused, more than 10%\n"
    assert run("check", "-", "--max-refused-share", "0.2", stdin=feed).exit_code == 0


# The report


def test_the_first_of_many_refused_items_are_shown(run: Invoke) -> None:
    feed = rss([*lamps(90), *(lamp(f"BAD-{number}", price="") for number in range(1, 8))])
    shown = [line for line in lines(run("check", "-", "--show", "2", stdin=feed).stdout) if "BAD" in line]
    assert shown == [
        "line 93, BAD-1: price is missing or empty [missing_attribute]",
        "line 94, BAD-2: price is missing or empty [missing_attribute]",
    ]
    assert "... and 5 more: --report FILE.json has them all" in lines(
        run("check", "-", "--show", "2", stdin=feed).stdout
    )


def test_what_a_feed_holds_reaches_no_terminal_as_a_command(run: Invoke) -> None:
    bad = tsv([lamp("\x1b[2J"), lamp("A", availability="\x1b[2J"), lamp("B", link="\x1b]0;x\x07")])
    for data in (bad, b"sku\t\x1b[2J\n", b"\x1b[2J"):
        result = run("check", "-", stdin=data)
        assert result.exit_code == command.WRONG_FEED
        assert "\\x1b[2j" in result.output.lower()
        assert "\x1b" not in result.output


def test_the_report_has_all_of_it(run: Invoke) -> None:
    feed = [
        *lamps(40),
        *(lamp(f"BAD-{number}", price="") for number in range(3)),
        lamp("LONG", brand="x" * 99),
    ]
    assert run("import", "-", "--report", "report.json", "--show", "0", stdin=rss(feed)).exit_code == 0
    report = json.loads(Path("report.json").read_text())
    refused, remarked = report.pop("refused_items"), report.pop("remarked_items")
    assert report == {
        "feed": "standard input",
        "dry_run": False,
        "complete": True,
        "read": 44,
        "written": 41,
        "added": 41,
        "changed": 0,
        "unchanged": 0,
        "overtaken": 0,
        "withdrawn": 0,
        "front_page": True,
        "refused": {"missing_attribute": 3},
        "remarks": {"shortened": 1},
        "problems": [],
    }
    assert [one["id"] for one in refused] == ["BAD-0", "BAD-1", "BAD-2"]
    assert refused[0] == {
        "line": 43,
        "position": 41,
        "id": "BAD-0",
        "code": "missing_attribute",
        "attribute": "price",
        "message": "price is missing or empty",
    }
    assert [(one["id"], one["code"], one["attribute"]) for one in remarked] == [
        ("LONG", "shortened", "brand")
    ]


def test_a_report_without_findings_is_json_too(run: Invoke) -> None:
    run("check", "-", "--report", "report.json", stdin=rss(lamps(1)))
    report = json.loads(Path("report.json").read_text())
    assert report["refused_items"] == report["remarked_items"] == []


def test_a_failed_import_is_reported_too(run: Invoke) -> None:
    assert run("import", "-", "--report", "report.json", stdin=rss(lamps(3))[:-200]).exit_code == 1
    report = json.loads(Path("report.json").read_text())
    assert report["complete"] is False
    assert report["written"] == report["read"]
    assert len(report["problems"]) == 2


# How it ends when something is wrong


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (b"", "standard input is empty"),
        (b"id,title\n", "standard input is neither XML nor tab-separated text"),
        (b"sku\tname\n", "standard input: its first line must name the attributes"),
        (b"PK\x03\x04", "standard input is a zip archive"),
        (rss(lamps(3))[:-1], "only 3 items of the feed can be read: line 6: "),
        (rss([]), "the feed has no items"),
    ],
)
def test_a_wrong_feed_is_exit_code_1(run: Invoke, data: bytes, complaint: str) -> None:
    result = run("import", "-", stdin=data)
    assert result.exit_code == command.WRONG_FEED
    assert f"evermail catalog: {complaint}" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_feed_that_is_not_there_is_told_in_one_line(run: Invoke) -> None:
    result = run("import", "missing.xml")
    assert result.exit_code == command.WRONG_USE
    assert result.stderr == "evermail catalog: cannot open missing.xml: No such file or directory\n"
    assert result.stdout == ""


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("import", "-", "--store", "redis://localhost"), "cannot open store"),
        (("import", "-", "--max-refused-share", "1.5"), "--max-refused-share"),
        (("import", "-", "--format", "csv"), "--format"),
        (("import", "-", "--report", "not/there/report.json"), "cannot write into not/there"),
        (("import",), "Missing argument"),
        (("check", "-", "--dry-run"), "--dry-run"),
    ],
)
def test_a_wrong_command_is_exit_code_2(run: Invoke, arguments: tuple[str, ...], complaint: str) -> None:
    result = run(*arguments, stdin=rss(lamps(1)))
    assert result.exit_code == command.WRONG_USE
    assert complaint in result.stderr
    assert products() == {}


def test_an_import_without_a_store_says_what_is_missing(run: Invoke, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("EVERMAIL_STORE")
    result = run("import", "-", stdin=rss(lamps(1)))
    assert result.exit_code == command.WRONG_USE
    assert "EVERMAIL_STORE" in result.stderr


def test_a_server_that_does_not_answer_is_exit_code_3(run: Invoke) -> None:
    result = run("import", "http://127.0.0.1:9/feed.xml?token=secret")
    assert result.exit_code == command.NO_ANSWER
    assert result.stderr.startswith("evermail catalog: cannot fetch http://127.0.0.1:9/feed.xml?…: ")
    assert len(result.stderr.splitlines()) == 1


def test_a_store_that_does_not_answer_is_exit_code_3_and_says_what_was_done(
    run: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    # scan, get_many, put_many; then nothing more, when the front page is read
    down = [None, None, None, *[StoreUnavailable("no route to host")] * 10]
    monkeypatch.setattr(command, "open_store", lambda url: Faulty(SqliteStore("store.sqlite3"), *down))
    pauses: list[float] = []
    monkeypatch.setattr(command, "Importer", partial(Importer, sleep=pauses.append))
    result = run("import", "-", stdin=rss(lamps(2)))
    assert result.exit_code == command.NO_ANSWER
    assert "written 2 (2 new, 0 changed)" in lines(result.stdout)
    assert result.stderr == (
        "evermail catalog: the store does not answer; the same import again does the rest: no route to host\n"
    )
    assert pauses == [0.5, 1.0, 2.0, 4.0, 8.0]


def test_a_store_that_cannot_be_opened_now_is_exit_code_3(
    run: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    def locked(url: str) -> SqliteStore:
        raise StoreUnavailable("database is locked")

    monkeypatch.setattr(command, "open_store", locked)
    result = run("import", "-", stdin=rss(lamps(2)))
    assert result.exit_code == command.NO_ANSWER
    assert result.stderr == "evermail catalog: the store does not answer: database is locked\n"


def test_a_full_disk_is_told(run: Invoke, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: Staging, product: Product) -> bool:
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(Staging, "add", full)
    result = run("check", "-", stdin=rss(lamps(1)))
    assert result.exit_code == command.NO_ANSWER
    assert "no room for the feed among the temporary files: database or disk is full" in result.stderr


# As a command of `evermail`


@pytest.mark.parametrize("name", ["import", "check"])
def test_help_shows_an_example(run: Invoke, name: str) -> None:
    result = run(name, "--help")
    assert result.exit_code == 0
    assert f"\n    evermail catalog {name} feed.xml" in result.stdout


def test_it_is_a_command_of_evermail() -> None:
    [entry] = [one for one in entry_points(group=cli.GROUP) if one.name == "catalog"]
    assert entry.load() is command.catalog


def test_control_c_in_the_middle_ends_it_quietly_and_writes_nothing(tmp_path: Path) -> None:
    store = tmp_path / "store.sqlite3"
    command_line = [
        sys.executable,
        "-m",
        "evermail",
        "catalog",
        "import",
        "-",
        "--store",
        f"sqlite:///{store}",
    ]
    with subprocess.Popen(
        command_line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as child:
        assert child.stdin is not None
        # More than a pipe holds: once it is written, most of it has been read.
        child.stdin.write(rss(lamps(2_000))[:-50])
        child.stdin.flush()
        child.send_signal(signal.SIGINT)
        out, err = child.communicate(timeout=60)
    assert child.returncode == 130
    assert b"Traceback" not in out + err
    assert products(str(store)) == {}
