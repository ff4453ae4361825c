"""Messages go out once each, whatever the mail server answers and whatever ends the run."""

from __future__ import annotations

import re
import resource
import signal
import smtplib
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from mail_server import MailServer

from evermail import clock
from evermail.campaigns.check.mime import parsed, parts_of
from evermail.campaigns.dispatch import TRIES, Dispatch
from evermail.campaigns.folder import message_files
from evermail.campaigns.journal import Journal, JournalRefused, journal_of
from evermail.campaigns.sending import TIMEOUT_S, Mailer, NoConnection, Server
from evermail.documents import Profile, Suppression
from evermail.stores.sqlite import SqliteStore
from evermail.tokens import TokenSigner


class Run:
    """A run over the messages of a build, with what it slept and told."""

    def __init__(self, build: Path, token_key: str, server: MailServer, **more: Any) -> None:
        self.files = message_files(build)
        self.slept: list[float] = []
        self.told: list[str] = []
        self.journal_path = journal_of(self.files[0])
        self._signer = TokenSigner([token_key], clock=more.pop("clock", clock.now_us))
        self._server, self._more = server, more

    @contextmanager
    def dispatch(self) -> Iterator[Dispatch]:
        host, _, port = self._server.address.rpartition(":")
        with Journal(self.journal_path) as journal, Mailer(Server(host, int(port))) as mailer:
            yield Dispatch(
                self._signer,
                lambda _: journal,
                mailer,
                told=lambda file, problem: self.told.append(f"{file.name}: {problem}"),
                **{"sleep": self.slept.append, **self._more},
            )

    def __call__(self) -> Run:
        with self.dispatch() as dispatch:
            self.dispatched = dispatch
            for _ in dispatch.send(self.files):
                pass
        self.so_far = dispatch.so_far
        return self


@pytest.fixture
def run(build: Path, token_key: str, mail_server: MailServer) -> Callable[..., Run]:
    return lambda **more: Run(build, token_key, mail_server, **more)


def recipients(server: MailServer) -> list[str]:
    return [recipient.partition("@")[0] for _, recipient, _ in server.accepted]


def test_all_go_out_over_one_connection_as_they_were_built(
    run: Callable[..., Run], mail_server: MailServer
) -> None:
    sent = run()()
    assert sent.so_far.sent == 3
    assert not sent.slept
    assert mail_server.connections == 1
    assert [one[:2] for one in mail_server.accepted] == [
        ("hello@alder.example", f"{name}@mail.example") for name in ("ann", "ben", "cleo")
    ]
    for file, (_, _, data), received in zip(
        sent.files, mail_server.accepted, mail_server.messages, strict=True
    ):
        assert data == file.read_bytes()
        assert [part.get_content_type() for part in received.iter_parts()] == [
            "text/plain", "text/x-amp-html", "text/html",
        ]  # fmt: skip
        assert parts_of(received) == parts_of(parsed(file.read_bytes()))
        assert received["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"


def test_lines_of_dots_arrive(build: Path, run: Callable[..., Run], mail_server: MailServer) -> None:
    file = message_files(build)[0]
    dotted = file.read_bytes().replace(b"\r\n\r\n", b"\r\n\r\n.\r\n..\r\n.x\r\n", 1)
    file.write_bytes(dotted.replace(b"\r\n", b"\n"))
    run()()
    assert b"\r\n\r\n.\r\n..\r\n.x\r\n" in mail_server.accepted[0][2]


def test_a_second_run_sends_only_what_is_left(run: Callable[..., Run], mail_server: MailServer) -> None:
    mail_server.answers["ben@mail.example"] = ["550 5.1.1 no such user"]
    first = run()()
    assert (first.so_far.sent, first.so_far.failed) == (2, 1)
    assert first.told == ["000002.eml: the server answered 550 5.1.1 no such user"]
    second = run()()
    assert (second.so_far.sent, second.so_far.earlier) == (1, 2)
    assert recipients(mail_server) == ["ann", "cleo", "ben"]


def test_what_is_built_anew_is_not_sent_again(
    build: Path,
    run: Callable[..., Run],
    mail_server: MailServer,
    token_key: str,
    write_message: Callable[[Path, str, TokenSigner], None],
) -> None:
    run()()
    first = message_files(build)[0]
    write_message(first, "ann", TokenSigner([token_key], clock=lambda: clock.now_us() + clock.HOUR))
    assert run()().so_far.earlier == 3
    write_message(first, "dora", TokenSigner([token_key]))
    assert run()().so_far.sent == 1
    assert recipients(mail_server) == ["ann", "ben", "cleo", "dora"]


@pytest.mark.parametrize(
    "answer", ["451 4.7.1 greylisted", "DATA:452 4.3.1 full", "421 busy", "DATA:421 busy"]
)
def test_what_is_refused_for_now_is_tried_again_after_a_while(
    run: Callable[..., Run], mail_server: MailServer, answer: str
) -> None:
    mail_server.answers["ben@mail.example"] = [answer] * (TRIES - 1)
    sent = run()()
    assert sent.so_far.sent == 3
    assert recipients(mail_server) == ["ann", "ben", "cleo"]
    assert len(sent.slept) == TRIES - 1
    assert all(2**n <= seconds <= 2**n + 1 for n, seconds in enumerate(sent.slept))


@pytest.mark.parametrize("answer", ["DATA:gone", "DATA:what?"])
def test_what_is_handed_over_without_an_answer_is_not_sent_again(
    run: Callable[..., Run], mail_server: MailServer, answer: str
) -> None:
    mail_server.answers["ben@mail.example"] = [answer]
    first, second = run()(), run()()
    assert (first.so_far.sent, first.so_far.perhaps, first.so_far.failed) == (2, 1, 0)
    assert (second.so_far.sent, second.so_far.perhaps, second.so_far.earlier) == (0, 1, 2)
    assert "000002.eml: perhaps delivered" in first.told[0]
    assert mail_server.attempts.count("ben@mail.example") == 1
    assert not first.slept


def test_the_answer_to_a_whole_message_is_waited_for_ten_minutes(
    run: Callable[..., Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float | None] = []
    getreply = smtplib.SMTP.getreply

    def noted(smtp: smtplib.SMTP) -> tuple[int, bytes]:
        waits.append(smtp.sock.gettimeout() if smtp.sock is not None else None)
        return getreply(smtp)

    monkeypatch.setattr(smtplib.SMTP, "getreply", noted)
    run()()
    assert waits.count(600.0) == 3
    assert waits[-1] == TIMEOUT_S


def test_a_full_disk_ends_it_before_anything_goes_out(
    run: Callable[..., Run], mail_server: MailServer
) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, before[1]))
    try:
        with pytest.raises(JournalRefused, match="cannot be written"):
            run()()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert not mail_server.accepted
    assert run()().so_far.sent == 3


def test_a_journal_stays_since_another_run_may_have_opened_it(tmp_path: Path) -> None:
    path = tmp_path / "sent.jsonl"
    with Journal(path, only_read=True):
        assert not path.exists()
    with Journal(path):
        pass
    assert path.exists()


def test_what_stays_refused_is_told_and_the_rest_goes_on(
    run: Callable[..., Run], mail_server: MailServer
) -> None:
    mail_server.answers["ann@mail.example"] = ["451 4.7.1 greylisted"] * TRIES
    mail_server.answers["ben@mail.example"] = ["DATA:554 5.7.1 spam\x07"]
    sent = run()()
    assert sent.told == [
        "000001.eml: the server answered 451 4.7.1 greylisted",
        "000002.eml: the server answered 554 5.7.1 spam",
    ]
    assert recipients(mail_server) == ["cleo"]
    assert mail_server.attempts.count("ben@mail.example") == 1


def test_a_server_that_is_gone_ends_the_run(run: Callable[..., Run], mail_server: MailServer) -> None:
    mail_server.stop()
    sending = run()
    with pytest.raises(NoConnection, match=r"does not answer: .*refused"):
        sending()
    assert len(sending.slept) == TRIES - 1
    assert sending.dispatched.so_far.done == 0


def test_the_rate_is_kept(run: Callable[..., Run]) -> None:
    now = [100.0]

    def sleep(seconds: float) -> None:
        now[0] += seconds

    moments: list[float] = []
    sending = run(rate=4, sleep=sleep, monotonic=lambda: now[0])
    with sending.dispatch() as dispatch:
        for _ in dispatch.send(sending.files):
            moments.append(now[0])
    assert moments == [100.0, 100.25, 100.5]


def test_nothing_goes_to_who_wants_none(
    run: Callable[..., Run], mail_server: MailServer, tmp_path: Path
) -> None:
    store = SqliteStore(tmp_path / "store.sqlite3")
    store.put_many([Suppression(id="k1.ben", version=1, updated_at=1, reason="test")])
    sent = run(store=store)()
    assert (sent.so_far.sent, sent.so_far.suppressed) == (2, 1)
    assert recipients(mail_server) == ["ann", "cleo"]
    store.close()


def test_nothing_goes_to_a_name_that_has_moved_to_who_wants_none(
    run: Callable[..., Run], mail_server: MailServer, tmp_path: Path
) -> None:
    store = SqliteStore(tmp_path / "store.sqlite3")
    moved = Profile(id="k1.ben", version=1, updated_at=1, as_of=1, events=0, moved_to="k1.user")
    store.put_many([moved, Suppression(id="k1.user", version=1, updated_at=1, reason="test")])
    assert run(store=store)().so_far.suppressed == 1
    assert recipients(mail_server) == ["ann", "cleo"]
    store.close()


def test_ctrl_c_ends_it_once_the_message_is_through(run: Callable[..., Run], mail_server: MailServer) -> None:
    taken = mail_server.handle_DATA

    async def interrupted(*given: Any) -> str:
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
        return await taken(*given)

    mail_server.handle_DATA = interrupted  # type: ignore[method-assign]
    sending = run()
    with pytest.raises(KeyboardInterrupt):
        sending()
    assert recipients(mail_server) == ["ann"]
    mail_server.handle_DATA = taken  # type: ignore[method-assign]
    assert run()().so_far.earlier == 1
    assert recipients(mail_server) == ["ann", "ben", "cleo"]


def test_two_runs_at_a_time_are_one_too_many(build: Path) -> None:
    path = journal_of(message_files(build)[0])
    with Journal(path), pytest.raises(JournalRefused, match="is in use: another run is sending"):
        Journal(path)


def test_a_line_that_a_power_cut_broke_is_let_go(run: Callable[..., Run], mail_server: MailServer) -> None:
    sending = run()()
    data = sending.journal_path.read_bytes()
    sending.journal_path.write_bytes(data[:-5])
    again = run()()
    assert (again.so_far.sent, again.so_far.earlier, again.so_far.perhaps) == (0, 2, 1)
    assert "000003.eml: perhaps delivered: an earlier run ended before it had an answer" in again.told[0]
    assert sending.journal_path.read_bytes() == b"".join(data.splitlines(keepends=True)[:-1])
    assert len(mail_server.accepted) == 3


def test_a_journal_that_is_none_is_refused(run: Callable[..., Run], mail_server: MailServer) -> None:
    sending = run()
    sending.journal_path.write_text("name,email\n")
    with pytest.raises(JournalRefused, match=r"autumn\.sent\.jsonl:1: this is no line of a journal"):
        sending()
    assert not mail_server.accepted


def test_the_journal_names_nobody(run: Callable[..., Run]) -> None:
    text = run()().journal_path.read_text()
    assert not re.search(r"ann|mail\.example|k1\.", text)
