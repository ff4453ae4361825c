"""`evermail campaign send`: what it prints, sends and leaves, and how it ends."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
import typer
from mail_server import MailServer
from typer.testing import CliRunner, Result

from evermail.campaigns.command import options
from evermail.campaigns.command import send as module
from evermail.campaigns.command.send import INTERRUPTED, send
from evermail.campaigns.folder import message_files
from evermail.campaigns.outgoing import Outgoing
from evermail.campaigns.sending import Mailer
from evermail.documents import Suppression
from evermail.shelf import store_option
from evermail.stores import StoreUnavailable
from evermail.stores.sqlite import SqliteStore

Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mail_server: MailServer, token_key: str) -> Run:
    """Runs the command against the mail server, in the folder where `autumn/` is; nobody sleeps."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(options.TOKEN_KEYS, token_key)
    monkeypatch.delenv("EVERMAIL_STORE", raising=False)
    monkeypatch.delenv(module.PASSWORD, raising=False)
    monkeypatch.setattr("evermail.campaigns.dispatch.LONGEST_WAIT_S", 0.0)
    app = typer.Typer(rich_markup_mode=None)
    app.command()(send)

    def invoke(*arguments: str, smtp: str = mail_server.address) -> Result:
        result = CliRunner().invoke(app, [*arguments, "--smtp", smtp])
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result

    return invoke


def test_a_folder_is_sent_once(build: Path, run: Run, mail_server: MailServer) -> None:
    first = run("autumn")
    assert (first.exit_code, first.stdout, first.stderr) == (0, "3 sent\n", f"{module.UNCHECKED}\n")
    assert [str(one["To"]) for one in mail_server.messages] == [
        "ann@mail.example", "ben@mail.example", "cleo@mail.example",
    ]  # fmt: skip
    again = run("autumn")
    assert (again.exit_code, again.stdout) == (0, "0 sent, 3 sent before\n")
    assert "autumn.sent.jsonl: delete it to send all again" in again.stderr
    assert len(mail_server.messages) == 3


def test_single_messages_are_sent(build: Path, run: Run, mail_server: MailServer) -> None:
    files = [str(file) for file in message_files(build)]
    assert run(files[2], files[0], files[2]).stdout == "2 sent\n"
    assert [str(one["To"]) for one in mail_server.messages] == ["cleo@mail.example", "ann@mail.example"]


def test_a_dry_run_looks_and_sends_nothing(build: Path, run: Run, mail_server: MailServer) -> None:
    message_files(build)[1].write_text("nothing\n")
    result = run("autumn", "--dry-run")
    assert result.exit_code == options.FINDINGS
    assert result.stdout == "2 would be sent, 1 not sent as told above\n"
    assert "\nautumn/messages/000002.eml: nobody could unsubscribe from it" in result.stderr
    assert mail_server.connections == 0
    assert not list(Path().rglob("*.jsonl"))
    assert run("autumn").stdout == "2 sent, 1 not sent as told above\n"


def test_what_is_rejected_is_told_and_the_rest_goes_on(
    build: Path, run: Run, mail_server: MailServer
) -> None:
    mail_server.answers["ann@mail.example"] = ["550 5.1.1 no such user"]
    result = run("autumn")
    assert result.exit_code == options.FINDINGS
    assert result.stdout == "2 sent, 1 not sent as told above\n"
    told = "autumn/messages/000001.eml: the server answered 550 5.1.1 no such user"
    assert result.stderr.splitlines() == [module.UNCHECKED, told]


def test_what_was_perhaps_delivered_is_told_with_how_to_send_it_again(
    build: Path, run: Run, mail_server: MailServer
) -> None:
    mail_server.answers["ann@mail.example"] = ["DATA:gone"]
    for stdout in ("2 sent", "0 sent, 2 sent before"):
        result = run("autumn")
        assert result.exit_code == options.FINDINGS
        assert result.stdout == f"{stdout}, 1 perhaps delivered as told above\n"
        assert "autumn/messages/000001.eml: perhaps delivered: " in result.stderr
    told = re.search(r"to send it again, delete the lines with (\w+) from (\S+)", result.stderr)
    assert told is not None
    journal = Path(told[2])
    kept = [line for line in journal.read_text().splitlines(keepends=True) if told[1] not in line]
    journal.write_text("".join(kept))
    assert run("autumn").stdout == "1 sent, 2 sent before\n"
    assert len(mail_server.messages) == 3


def test_who_wants_no_email_gets_none(build: Path, run: Run, mail_server: MailServer) -> None:
    store = SqliteStore("store.sqlite3")
    store.put_many([Suppression(id="k1.ben", version=1, updated_at=1, reason="test")])
    store.close()
    result = run("autumn", "--store", "sqlite:///store.sqlite3")
    assert (result.exit_code, result.stdout) == (0, "2 sent, 1 left out who want no email\n")
    assert not result.stderr
    assert len(mail_server.messages) == 2


def test_a_store_that_does_not_answer_ends_it(
    build: Path, run: Run, mail_server: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unavailable(*_: object, **__: object) -> None:
        raise StoreUnavailable("out to lunch")

    SqliteStore("store.sqlite3").close()
    monkeypatch.setattr("evermail.campaigns.dispatch.is_suppressed", unavailable)
    result = run("autumn", "--store", "sqlite:///store.sqlite3")
    assert result.exit_code == store_option.NO_ANSWER
    assert "who wants no email is not known: out to lunch" in result.stderr
    assert "3 of 3 are left: the same command goes on with them" in result.stderr
    assert not mail_server.messages


def test_a_server_that_does_not_answer_ends_it(build: Path, run: Run, mail_server: MailServer) -> None:
    mail_server.stop()
    result = run("autumn")
    assert result.exit_code == store_option.NO_ANSWER
    assert f"{mail_server.address} does not answer" in result.stderr
    assert "3 of 3 are left" in result.stderr


def test_ctrl_c_ends_it_with_a_summary(
    build: Path, run: Run, mail_server: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    sending = Mailer.send

    def interrupted(mailer: Mailer, message: Outgoing) -> str:
        if message.recipient.startswith("ben"):
            raise KeyboardInterrupt
        return sending(mailer, message)

    monkeypatch.setattr(Mailer, "send", interrupted)
    result = run("autumn")
    assert result.exit_code == INTERRUPTED
    assert result.stderr.splitlines() == [
        module.UNCHECKED,
        "1 sent",
        "evermail campaign send: ended by Ctrl-C",
        "2 of 3 are left: the same command goes on with them",
    ]


@pytest.mark.parametrize(
    ("arguments", "smtp", "words"),
    [
        (["autumn"], "mail.example", "'mail.example' is not HOST:PORT"),
        (["autumn"], "mail.example:99999", "is not HOST:PORT"),
        (["autumn"], "mail.example:465", "take 587 with --starttls"),
        (["autumn", "--user", "shop"], "localhost:1025", "set it in EVERMAIL_SMTP_PASSWORD"),
        (["winter"], "localhost:1025", "there is no winter"),
        (["."], "localhost:1025", ". has no messages: name a folder of `evermail campaign build --esp smtp`"),
        (
            ["autumn", "--store", "sqlite:///none.sqlite3"],
            "localhost:1025",
            "--store: there is no none.sqlite3",
        ),
    ],
)
def test_what_it_cannot_work_with_is_said(
    build: Path, run: Run, arguments: list[str], smtp: str, words: str
) -> None:
    result = run(*arguments, smtp=smtp)
    assert (result.exit_code, words in result.stderr) == (store_option.WRONG_USE, True), result.stderr


def test_a_password_does_not_travel_in_the_clear(
    build: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(module.PASSWORD, "secret")
    result = run("autumn", "--user", "shop", smtp="mail.example:25")
    assert result.exit_code == store_option.WRONG_USE
    assert "would send the password in the clear: add --starttls" in result.stderr


def test_a_journal_that_cannot_be_used_ends_it(build: Path, run: Run, mail_server: MailServer) -> None:
    Path("autumn.sent.jsonl").mkdir()
    result = run("autumn")
    assert result.exit_code == store_option.WRONG_USE
    assert "autumn.sent.jsonl cannot be written" in result.stderr
    assert not mail_server.messages
