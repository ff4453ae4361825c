"""`evermail rules` and `evermail explain` on the command line: what they print, write, and how they end."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest
import typer
from shelf_support import product, profile, row, trending
from typer.testing import CliRunner, Result

from evermail import clock
from evermail.documents import Document, Key, Rules
from evermail.pseudonyms import Pseudonymizer
from evermail.serving import Recommender
from evermail.shelf import store_option
from evermail.shelf.explain_command import explain
from evermail.shelf.rules_command import rules
from evermail.shelf.schema import schema
from evermail.stores import StoreUnavailable
from evermail.stores.sqlite import SqliteStore

Invoke = Callable[..., Result]

SECRETS = {"k0": "an-older-secret-of-16", "k1": "a-secret-of-16-bytes"}
KEYS = ",".join(f"{key_id}:{secret}" for key_id, secret in SECRETS.items())
RULES = """\
rules:
  - name: No lamps
    hide: yes
    where: {category: [Lmaps]}
  - {name: Hero, pin: 2, where: {items: [P]}}
"""


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Invoke:
    """Runs `evermail` with these commands, in a directory of its own; the environment names a store."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EVERMAIL_STORE", "sqlite:///store.sqlite3")
    monkeypatch.setenv("EVERMAIL_PSEUDONYM_KEYS", KEYS)
    app = typer.Typer(rich_markup_mode=None)
    app.command("explain")(explain)
    app.add_typer(rules, name="rules")

    def invoke(*arguments: str) -> Result:
        result = CliRunner().invoke(app, arguments)
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result

    return invoke


@pytest.fixture
def store(run: Invoke) -> Iterator[SqliteStore]:
    """The store that the commands use: ann saw A, which leads to X; P is popular."""
    opened = SqliteStore("store.sqlite3")
    ann = profile("A", {"X": 3})
    documents: list[Document] = [
        ann,
        row("A", {"X": 9.0, "Y": 8.0}),
        trending("global", "PQ"),
        *(product(one, "Lamps") for one in "AXYPQ"),
    ]
    opened.put_many(documents)
    yield opened
    opened.close()


def write(text: str) -> None:
    Path("rules.yaml").write_text(text, encoding="utf-8")


def rows(text: str) -> list[str]:
    return [" ".join(line.split()) for line in text.splitlines()]


def current(store: SqliteStore) -> Rules:
    found = store.get_many([Key("rules", "current")])[Key("rules", "current")]
    assert isinstance(found, Rules)
    return found


# Rules


def test_a_file_that_is_right_is_told_so(run: Invoke) -> None:
    write(RULES)
    result = run("rules", "check", "rules.yaml")
    assert (result.exit_code, result.output) == (0, "rules.yaml is right: 2 rules\n")


def test_a_mistake_is_told_with_file_line_and_remedy(run: Invoke) -> None:
    write(RULES.replace("hide", "hdie"))
    result = run("rules", "check", "rules.yaml")
    assert result.exit_code == 1
    assert result.output == "rules.yaml:3: there is no `hdie` here (did you mean `hide`?)\n"


def test_mistakes_are_told_to_programs_too(run: Invoke) -> None:
    write(RULES.replace("pin: 2", "pin: 0"))
    result = run("rules", "check", "rules.yaml", "--json")
    assert result.exit_code == 1
    [problem] = json.loads(result.stdout)["problems"]
    assert problem == {"line": 5, "what": "pin: this has to be at least 1", "remedy": ""}


@pytest.mark.parametrize(("content", "code"), [(None, 2), (b"rules: \xff", 1)])
def test_a_file_that_cannot_be_read_is_told(run: Invoke, content: bytes | None, code: int) -> None:
    if content is not None:
        Path("rules.yaml").write_bytes(content)
    result = run("rules", "check", "rules.yaml")
    assert result.exit_code == code
    assert "rules.yaml" in result.output


def test_with_a_store_it_is_said_what_each_rule_meets(run: Invoke, store: SqliteStore) -> None:
    write(RULES)
    result = run("rules", "check", "rules.yaml", "--store", "sqlite:///store.sqlite3")
    assert result.exit_code == 0
    assert rows(result.stdout)[2:] == [
        "line rule does products for sale",
        "2 No lamps hide 0 0",
        "5 Hero pin 2 1 1",
    ]
    assert "no product has the category 'Lmaps'; did you mean 'Lamps'?" in result.stderr
    told = run("rules", "check", "rules.yaml", "--store", "sqlite:///store.sqlite3", "--json")
    assert [one["products"] for one in json.loads(told.stdout)["reach"]["met"]] == [0, 1]


def test_published_rules_are_what_emails_follow(run: Invoke, store: SqliteStore) -> None:
    write(RULES)
    result = run("rules", "publish", "rules.yaml")
    assert "did you mean 'Lamps'?" in result.stderr
    assert (result.exit_code, result.stdout) == (
        0,
        "published 2 rules: emails follow them within 5 seconds\n",
    )
    assert current(store).file == "rules.yaml"
    shown = [item.item_id for item in Recommender(store).recommend("ann", slots=2).items]
    assert shown == ["Y", "P"]


def test_settings_are_published_too(run: Invoke, store: SqliteStore) -> None:
    write("diversity: 0.4")
    assert run("rules", "publish", "rules.yaml").output.startswith("published settings and 0 rules: ")


def test_a_rule_whose_time_is_over_is_remarked(run: Invoke, store: SqliteStore) -> None:
    write("timezone: Europe/Berlin\n" + RULES.replace("hide: yes", "hide: yes\n    until: 2020-01-31"))
    remark = "rule 'No lamps', line 3: ended with 2020-01-31, and does nothing any more"
    for command in (["check"], ["check", "--store", "sqlite:///store.sqlite3"], ["publish"]):
        result = run("rules", command[0], "rules.yaml", *command[1:])
        assert result.exit_code == 0
        assert result.stderr.count(remark) == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ["explain", "--shopper", "ann", "--store"],
        ["rules", "check", "rules.yaml", "--store"],
    ],
)
def test_what_only_reads_makes_no_store(run: Invoke, arguments: list[str]) -> None:
    write(RULES)
    result = run(*arguments, "sqlite:///shpo.sqlite3")
    assert result.exit_code == 2
    assert "there is no shpo.sqlite3" in result.stderr
    assert not Path("shpo.sqlite3").exists()


def test_what_is_published_later_holds_even_if_clocks_go_back(run: Invoke, store: SqliteStore) -> None:
    write(RULES)
    run("rules", "publish", "rules.yaml")
    before = current(store)
    before.version += clock.DAY
    store.put_many([before])
    write("")
    assert run("rules", "publish", "rules.yaml").exit_code == 0
    assert current(store).policy.rules == ()


def test_rules_are_not_published_to_a_store_that_is_not_there(run: Invoke, tmp_path: Path) -> None:
    (tmp_path / "rules.yaml").write_text("rules: []")
    result = run("rules", "publish", "rules.yaml", "--store", "sqlite:///mistyped.sqlite3")
    assert (result.exit_code, "there is no mistyped.sqlite3" in result.output) == (2, True)
    assert not (tmp_path / "mistyped.sqlite3").exists()


def test_a_file_with_a_mistake_is_not_published(run: Invoke, store: SqliteStore) -> None:
    write("rules: 3")
    assert run("rules", "publish", "rules.yaml").exit_code == 1
    assert list(store.scan("rules")) == []


def test_a_store_that_is_none_is_told(run: Invoke) -> None:
    write(RULES)
    result = run("rules", "publish", "rules.yaml", "--store", "postgres://x")
    assert result.exit_code == 2
    assert "sqlite:///PATH" in result.output


def test_the_schema_is_printed(run: Invoke) -> None:
    assert json.loads(run("rules", "schema").stdout) == schema()


# Explain


def test_an_email_is_explained_in_lines_that_align(run: Invoke, store: SqliteStore) -> None:
    write(RULES)
    run("rules", "publish", "rules.yaml")
    result = run("explain", "--shopper", "ann", "--campaign", "may", "--slots", "2")
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert lines[0].startswith("ann in campaign may, 2 slots, ")
    assert lines[1].startswith("rules: rules.yaml of ")
    header, first, second = lines[3:6]
    assert header.split()[:4] == ["slot", "item", "title", "category"]
    why = header.index("why")
    assert first[why:] == "Seen with Kettle A"
    assert second[why:] == "pinned by rule 'Hero', line 5"
    said = rows(result.stdout)
    assert any(line.startswith("bought X Kettle X Lamps personal ") for line in said)
    assert any(line.startswith("outranked Q Kettle Q Lamps trending ") for line in said)
    assert lines == [line.rstrip() for line in lines]


def test_it_is_explained_to_programs_too(run: Invoke, store: SqliteStore) -> None:
    found = json.loads(run("explain", "--shopper", "ann", "--json").stdout)
    assert [one["item_id"] for one in found["shown"]] == ["Y", "A", "P", "Q"]
    assert {one["item_id"]: one["code"] for one in found["out"]} == {"X": "bought"}
    assert found["shown"][0]["score"] > 0


def test_to_explain_remembers_nothing(run: Invoke, store: SqliteStore) -> None:
    run("explain", "--shopper", "ann", "--campaign", "may")
    assert list(store.scan("exposures")) == []


@pytest.mark.parametrize(("kind", "key_id"), [("user", "k1"), ("user", "k0"), ("client", "k1")])
def test_with_keys_a_shopper_is_found_by_the_own_id(
    run: Invoke, store: SqliteStore, kind: str, key_id: str
) -> None:
    named = profile("A")
    named.id = Pseudonymizer(SECRETS, "k1").pseudonym(kind, "crm-1", key_id=key_id)
    store.put_many([named])
    result = run("explain", "--shopper", "crm-1", "--keys", "env:EVERMAIL_PSEUDONYM_KEYS", "--json")
    found = json.loads(result.stdout)
    assert (found["shopper"], found["known"]) == (named.id, True)


def test_a_stranger_may_be_one_for_want_of_keys(run: Invoke, store: SqliteStore) -> None:
    result = run("explain", "--shopper", "crm-1")
    assert result.exit_code == 0
    assert "Nothing is stored of this shopper" in result.stdout
    assert "give --keys" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--store", "postgres://x"], 2, "sqlite:///PATH"),
        (["--keys", "a-secret-of-16-bytes"], 2, "not the secrets"),
        (["--keys", "env:NOWHERE"], 2, "NOWHERE is not set"),
        (["--slots", "0"], 2, "--slots"),
    ],
)
def test_wrong_use_is_told(run: Invoke, arguments: list[str], code: int, said: str) -> None:
    result = run("explain", "--shopper", "crm-1", *arguments)
    assert result.exit_code == code
    assert said in result.output
    assert "a-secret-of-16" not in result.output


class Silent:
    """A store that is there and does not answer."""

    def get_many(self, keys: Sequence[Key], **options: Any) -> dict[Key, Document]:
        raise StoreUnavailable("timed out")

    def scan(self, collection: str) -> Iterator[Document]:
        raise StoreUnavailable("timed out")

    def close(self) -> None:
        pass


@pytest.mark.parametrize(
    "arguments",
    [
        ["explain", "--shopper", "ann"],
        ["rules", "publish", "rules.yaml"],
        ["rules", "check", "rules.yaml", "--store", "sqlite:///store.sqlite3"],
    ],
)
def test_a_store_that_does_not_answer_is_told(
    run: Invoke, monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    write(RULES)
    Path("store.sqlite3").touch()
    monkeypatch.setattr(store_option, "open_store", lambda url: Silent())
    result = run(*arguments)
    assert result.exit_code == 3
    assert "timed out" in result.stderr


def test_both_are_commands_of_evermail() -> None:
    setup = Path(__file__).parents[2] / "setup.py"
    lines = [line.strip().strip('",') for line in setup.read_text(encoding="utf-8").splitlines()]
    for name, command in (("explain", explain), ("rules", rules)):
        [line] = [line for line in lines if line.startswith(f"{name}=")]
        assert EntryPoint(name, line.partition("=")[2], "evermail.commands").load() is command
