"""`evermail campaign tokens`: columns of tokens that the functions take, and nothing else changed."""

from __future__ import annotations

import csv
import random
from collections.abc import Callable
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from evermail.campaigns.command import options
from evermail.campaigns.command import tokens as module
from evermail.campaigns.command.tokens import tokens
from evermail.campaigns.merge import TOKEN_FIELDS
from evermail.campaigns.token_columns import ROWS_AT_ONCE
from evermail.documents import Profile, Suppression
from evermail.pseudonyms import Pseudonymizer
from evermail.shelf import store_option
from evermail.stores import StoreUnavailable
from evermail.stores.sqlite import SqliteStore
from evermail.tokens import Purpose, Recipient, TokenSigner

Run = Callable[..., Result]

TOKEN_KEY = "a token secret of 16 bytes"
RARE = "".join(map(chr, random.Random(1).sample(range(0x4E00, 0x9FFF), 128)))
SECRETS = {"k1": "an old secret of 16 bytes", "k2": "a new secret of 16 bytes"}
PSEUDONYMS = Pseudonymizer(SECRETS, "k2")
ANN, BEN = (PSEUDONYMS.pseudonym("user", one) for one in ("ann", "ben"))
OLD_ANN = PSEUDONYMS.pseudonym("user", "ann", key_id="k1")


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs the command on `people.csv` in a directory of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(options.TOKEN_KEYS, f"an older secret of 16 bytes, {TOKEN_KEY}")
    monkeypatch.setenv(options.PSEUDONYM_KEYS, ",".join(map(":".join, SECRETS.items())))
    monkeypatch.delenv("EVERMAIL_STORE", raising=False)
    app = typer.Typer(rich_markup_mode=None)
    app.command()(tokens)

    def invoke(*arguments: str, campaign: str = "autumn") -> Result:
        given = ["--audience", "people.csv", "--campaign", campaign, *arguments]
        result = CliRunner().invoke(app, given)
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result

    return invoke


def people(data: str) -> None:
    Path("people.csv").write_bytes(data.encode())


def upload() -> list[dict[str, str]]:
    with Path("upload.csv").open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def test_each_row_gets_a_token_for_each_purpose_of_who_the_job_says_it_is(run: Run) -> None:
    people(f"email,user_id,client_id,shopper\na@x.example,ann,c-1,\nb@x.example,,c-1,\nc@x.example,,,{BEN}\n")
    result = run("--out", "upload.csv")
    assert (result.exit_code, result.stderr) == (0, "3 rows with tokens of autumn\n")
    shoppers = [
        Recipient(OLD_ANN, "autumn"),
        Recipient(PSEUDONYMS.pseudonym("client", "c-1", key_id="k1"), "autumn", "client"),
        Recipient(BEN, "autumn"),
    ]
    signer = TokenSigner([TOKEN_KEY])
    for row, shopper in zip(upload(), shoppers, strict=True):
        for field, purpose in zip(TOKEN_FIELDS, Purpose, strict=True):
            assert field == f"evermail_{purpose}"
            assert signer.verify(row[field], purpose=purpose) == shopper


def test_all_else_stays_as_it_is_written(run: Run) -> None:
    lines = ['Name;User_ID;"not; e"', '"Ann ""A""";ann;x', "Bén;ben;", '"two\r\nlines";c;"y"']
    Path("people.csv").write_bytes(b"\xef\xbb\xbf" + "\r\n".join(lines).encode())
    assert run("--out", "upload.csv").exit_code == 0
    written = Path("upload.csv").read_bytes()
    assert written.startswith(b"\xef\xbb\xbf")
    found = written.removeprefix(b"\xef\xbb\xbf").decode()
    assert found.startswith(f"{lines[0]};{';'.join(TOKEN_FIELDS)}\r\n")
    for line in lines:
        assert f"{line};" in found
    assert found.count("\r\n") == 5


def test_without_a_file_it_is_printed(run: Run) -> None:
    people("user_id\nann\n")
    result = run()
    assert result.stdout.splitlines()[0] == ",".join(("user_id", *TOKEN_FIELDS))
    assert result.stdout.splitlines()[1].startswith("ann,")
    assert result.stderr == "1 row with tokens of autumn\n"


def test_rows_that_are_wrong_are_told_and_counted(run: Run) -> None:
    people('email,user_id\na@x.example,ann\nb,ben\n"open,c\nd@x.example,d\na@x.example,e\n')
    result = run("--out", "upload.csv")
    assert result.exit_code == options.FINDINGS
    assert [row["user_id"] for row in upload()] == ["ann", "d"]
    *told, summary = result.stderr.splitlines()
    assert [line.split(" ")[0] for line in told] == ["people.csv:3:", "people.csv:4:", "people.csv:6:"]
    assert summary == "2 rows with tokens of autumn, 3 left out as told above"


def test_who_wants_no_email_is_left_out_by_whatever_name(run: Run) -> None:
    number = 3 * ROWS_AT_ONCE
    people("user_id\n" + "".join(f"u{n}\n" for n in range(number)))
    gone = [PSEUDONYMS.pseudonym("user", "u7", key_id="k1"), PSEUDONYMS.pseudonym("user", "u250")]
    store = SqliteStore("store.sqlite3")
    store.put_many([Suppression(id=name, version=1, updated_at=1, reason="test") for name in gone])
    store.close()
    result = run("--out", "upload.csv", "--store", "sqlite:///store.sqlite3")
    assert result.exit_code == 0
    assert result.stderr == "298 rows with tokens of autumn, 2 left out who want no email\n"
    assert [row["user_id"] for row in upload()] == [f"u{n}" for n in range(number) if n not in (7, 250)]


def profile(name: str, **more: object) -> Profile:
    return Profile(id=name, version=1, updated_at=1, as_of=1, events=1, **more)


@pytest.mark.parametrize(
    ("profiles", "expected"),
    [
        ([profile(OLD_ANN)], OLD_ANN),
        ([profile(OLD_ANN, moved_to=ANN, renamed=True), profile(ANN)], ANN),
        ([profile(ANN)], ANN),
        ([], ANN),
    ],
)
def test_tokens_bear_the_name_that_the_store_knows(run: Run, profiles: list[Profile], expected: str) -> None:
    people("user_id\nann\n")
    store = SqliteStore("store.sqlite3")
    store.put_many(profiles)
    store.close()
    assert run("--out", "upload.csv", "--store", "sqlite:///store.sqlite3").exit_code == 0
    [row] = upload()
    signer = TokenSigner([TOKEN_KEY])
    assert signer.verify(row["evermail_slots"], purpose=Purpose.SLOTS) == Recipient(expected, "autumn")


def test_a_store_that_does_not_answer_leaves_no_file(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    people("user_id\nann\n")
    SqliteStore("store.sqlite3").close()

    def unavailable(*_: object, **__: object) -> None:
        raise StoreUnavailable("out to lunch")

    monkeypatch.setattr(module, "is_suppressed", unavailable)
    result = run("--out", "upload.csv", "--store", "sqlite:///store.sqlite3")
    assert result.exit_code == store_option.NO_ANSWER
    assert "out to lunch" in result.stderr
    assert sorted(path.name for path in Path().iterdir() if path.suffix == ".csv") == ["people.csv"]
    assert not list(Path().glob(".upload*"))


@pytest.mark.parametrize("link", [False, True])
def test_the_audience_itself_is_not_overwritten(run: Run, link: bool) -> None:
    people("user_id\nann\n")
    if link:
        Path("other.csv").hardlink_to("people.csv")
    result = run("--out", "other.csv" if link else "./people.csv")
    assert result.exit_code == store_option.WRONG_USE
    assert "--out is the audience itself: name another file" in result.stderr
    assert Path("people.csv").read_text() == "user_id\nann\n"


@pytest.mark.parametrize(
    ("data", "campaign", "code", "words"),
    [
        (
            "user_id,Evermail_Slots\na,b\n",
            "autumn",
            1,
            "people.csv:1: there is a column `evermail_slots`",
        ),
        ("vip\n1\n", "autumn", 1, "people.csv:1: there is no column `user_id`, `client_id` or `shopper`"),
        ("user_id\na\n", "", 2, "--campaign: the campaign's id is empty"),
        (
            "user_id\na\n",
            RARE,
            2,
            "--campaign: shopper and campaign make a token of more than",
        ),
    ],
)
def test_what_it_cannot_work_with_is_said(run: Run, data: str, campaign: str, code: int, words: str) -> None:
    people(data)
    result = run("--out", "upload.csv", campaign=campaign)
    assert (result.exit_code, words in result.stderr) == (code, True), result.stderr
    assert not Path("upload.csv").exists()


def test_keys_that_are_missing_are_named(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    people(f"user_id,shopper\nann,\n,{BEN}\n")
    monkeypatch.delenv(options.PSEUDONYM_KEYS)
    result = run("--out", "upload.csv")
    assert result.exit_code == options.FINDINGS
    assert "people.csv:2: a user_id or client_id needs EVERMAIL_PSEUDONYM_KEYS" in result.stderr
    assert [row["shopper"] for row in upload()] == [BEN]
    monkeypatch.delenv(options.TOKEN_KEYS)
    result = run("--out", "upload.csv")
    assert result.exit_code == store_option.WRONG_USE
    assert "EVERMAIL_TOKEN_KEYS is not set" in result.stderr
