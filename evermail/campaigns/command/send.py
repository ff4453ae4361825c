"""`evermail campaign send`: the messages of a build go out through a mail server."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from pathlib import Path
from typing import NoReturn

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from evermail.campaigns.command.options import FINDINGS, STORE, ending, the_token_signer
from evermail.campaigns.dispatch import Dispatch, Sent
from evermail.campaigns.folder import message_files
from evermail.campaigns.journal import Journal, JournalRefused, journal_of
from evermail.campaigns.sending import Mailer, NoConnection, NoEntry, Server
from evermail.shelf.store_option import NO_ANSWER, WRONG_USE, opened
from evermail.stores import StoreError

PASSWORD = "EVERMAIL_SMTP_PASSWORD"  # noqa: S105 (a variable's name)
INTERRUPTED = 130
UNCHECKED = "not checked who wants no email: that takes --store"
_TLS_AT_ONCE = 465

_end = ending("send")

_MESSAGES = typer.Argument(
    metavar="DIR|EML...",
    help="Folders of `evermail campaign build --esp smtp`, or messages.",
    show_default=False,
)


def send(
    messages: list[Path] = _MESSAGES,
    smtp: str = typer.Option(..., metavar="HOST:PORT", help="The mail server.", show_default=False),
    starttls: bool = typer.Option(
        False, "--starttls", help="Encrypt the connection, as servers on 587 want."
    ),
    user: str | None = typer.Option(
        None, help=f"Log in as this user, with the password in {PASSWORD}.", show_default=False
    ),
    rate: float | None = typer.Option(
        None, min=0.001, metavar="N", help="At most so many messages a second.", show_default=False
    ),
    dry_run: bool = typer.Option(False, "--dry-run", help="Look at all of them, and send none."),
    store: str | None = STORE,
) -> None:
    """Send the messages that a build made, each once.

    Not sent: a message with tokens that the functions would refuse (EVERMAIL_TOKEN_KEYS, as they have it),
    such as expired ones; and, with --store, one to somebody who wants no email. What the server accepted
    stands in a journal beside the folder, so that a run that was ended goes on where it was. What is refused
    for now is tried again for a while; what was handed over without an answer was perhaps delivered, and is
    not sent again. Exit code 1: some could not be sent, or were perhaps; 3: the server or the store did not
    answer.

    \b
    Examples:
      evermail campaign send autumn/ --smtp localhost:1025 --dry-run
      evermail campaign send autumn/ --smtp smtp.shop.example:587 --starttls --user mailer --rate 10
    """
    server = _server(smtp, starttls, user)
    signer = the_token_signer(_end)
    files = _files(messages)
    if not store:
        print(UNCHECKED, file=sys.stderr)
    with (
        opened(store, _end, must_exist=True) if store else nullcontext() as reading,
        _journals(only_read=dry_run) as journal,
        Mailer(server) as mailer,
        _progress(len(files)) as show,
    ):
        dispatch = Dispatch(
            signer, journal, None if dry_run else mailer, told=_tell, store=reading, rate=rate
        )
        try:
            for so_far in dispatch.send(files):
                show(so_far.done)
        except (NoConnection, NoEntry) as problem:
            _stop(dispatch.so_far, len(files), f"{server}: {problem}", NO_ANSWER)
        except StoreError as problem:
            what = f"the store does not answer, so who wants no email is not known: {problem}"
            _stop(dispatch.so_far, len(files), what, NO_ANSWER)
        except JournalRefused as problem:
            _stop(dispatch.so_far, len(files), str(problem), WRONG_USE)
        except KeyboardInterrupt:
            _stop(dispatch.so_far, len(files), "ended by Ctrl-C", INTERRUPTED)
    print(_summary(dispatch.so_far, dry_run=dry_run))
    if dispatch.so_far.earlier:
        journals = ", ".join(sorted({str(journal_of(file)) for file in files}))
        print(f"what was sent before stands in {journals}: delete it to send all again", file=sys.stderr)
    if dispatch.so_far.failed or dispatch.so_far.perhaps:
        raise typer.Exit(FINDINGS)


def _server(smtp: str, starttls: bool, user: str | None) -> Server:
    host, _, port = smtp.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not host or not port.isdecimal() or not 0 < int(port) < 65536:
        _end(f"--smtp: {smtp!r} is not HOST:PORT, as in smtp.shop.example:587", WRONG_USE)
    if int(port) == _TLS_AT_ONCE:
        _end("--smtp: port 465 speaks TLS from its first byte; take 587 with --starttls", WRONG_USE)
    password = os.environ.get(PASSWORD, "")
    server = Server(host, int(port), starttls, user, password)
    if user is not None and not password:
        _end(f"--user needs a password: set it in {PASSWORD}", WRONG_USE)
    if user is not None and not starttls and not server.is_here:
        _end("--user without --starttls would send the password in the clear: add --starttls", WRONG_USE)
    return server


def _files(messages: list[Path]) -> list[Path]:
    files: dict[Path, None] = {}
    for path in messages:
        if path.is_dir():
            found = message_files(path) or sorted(path.glob("*.eml"))
            if not found:
                remedy = "name a folder of `evermail campaign build --esp smtp`"
                _end(f"{path} has no messages: {remedy}", WRONG_USE)
        elif path.is_file():
            found = [path]
        else:
            _end(f"there is no {path}", WRONG_USE)
        files.update(dict.fromkeys(found))
    return list(files)


@contextmanager
def _journals(*, only_read: bool) -> Iterator[Callable[[Path], Journal]]:
    """The journal of a file, opened when first asked for, and all closed in the end."""
    with ExitStack() as stack:
        known: dict[Path, Journal] = {}

        def journal(file: Path) -> Journal:
            path = journal_of(file)
            if path not in known:
                known[path] = stack.enter_context(Journal(path, only_read=only_read))
            return known[path]

        yield journal


def _tell(file: Path, problem: str) -> None:
    print(f"{file}: {problem}", file=sys.stderr)


def _stop(so_far: Sent, files: int, why: str, code: int) -> NoReturn:
    print(_summary(so_far), file=sys.stderr)
    left = files - so_far.done
    _end(f"{why}\n{left:,} of {files:,} are left: the same command goes on with them", code)


def _summary(so_far: Sent, *, dry_run: bool = False) -> str:
    parts = [f"{so_far.sent:,} {'would be sent' if dry_run else 'sent'}"]
    if so_far.earlier:
        parts.append(f"{so_far.earlier:,} sent before")
    if so_far.suppressed:
        parts.append(f"{so_far.suppressed:,} left out who want no email")
    if so_far.perhaps:
        parts.append(f"{so_far.perhaps:,} perhaps delivered as told above")
    if so_far.failed:
        parts.append(f"{so_far.failed:,} not sent as told above")
    return ", ".join(parts)


@contextmanager
def _progress(total: int) -> Iterator[Callable[[int], None]]:
    """Shows how far it is to whoever looks at a terminal."""
    console = Console(stderr=True)
    columns = (
        BarColumn(),
        TextColumn("{task.completed:,} of {task.total:,}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("", total=total)
        yield lambda done: progress.update(task, completed=done)
