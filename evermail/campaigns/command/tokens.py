"""`evermail campaign tokens`: an audience gets the columns that its emails are merged with."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import BinaryIO

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from evermail.campaigns.aliases import Known, with_profiles
from evermail.campaigns.audience import Audience, AudienceRefused
from evermail.campaigns.command.options import FINDINGS, STORE, ending, the_pseudonyms, the_signer
from evermail.campaigns.context import Tokens
from evermail.campaigns.recipients import COLUMNS
from evermail.campaigns.token_columns import Tally, with_tokens
from evermail.events import Refusal
from evermail.events.checks import IDENTIFIERS, check_identifier
from evermail.pseudonyms import Pseudonymizer
from evermail.shelf.store_option import NO_ANSWER, WRONG_USE, opened
from evermail.stores import StoreError
from evermail.suppression import is_suppressed
from evermail.tokens import Recipient
from evermail.written_yaml import Problem

TIMEOUT_S = 30.0
"""Of one read of the store: nobody waits for an opened email here."""

_end = ending("tokens")

_AUDIENCE = typer.Option(
    ...,
    metavar="FILE.csv",
    help="Whom the campaign goes to: a user_id, client_id or shopper column, and any others.",
    show_default=False,
)
_OUT = typer.Option(
    None, dir_okay=False, help="The file to write; without, it is printed.", show_default=False
)


def tokens(
    audience: Path = _AUDIENCE,
    campaign: str = typer.Option(..., metavar="ID", help="The campaign, as in reports.", show_default=False),
    out: Path | None = _OUT,
    store: str | None = STORE,
) -> None:
    """Add the columns to an audience that a mail service merges into its emails, and keep all others.

    They hold one token for each purpose, by which an opened email knows whose it is. EVERMAIL_TOKEN_KEYS
    are the functions' secrets, EVERMAIL_PSEUDONYM_KEYS the job's. A row that is wrong is told with its line
    and left out; so is, with --store, who wants no email. After a rotation of pseudonym keys, give --store:
    it tells by which name each is known. Exit code 1: rows were wrong.

    \b
    Example:
      evermail campaign tokens --audience people.csv --campaign black-friday --out upload.csv
    """
    try:
        check_identifier("the campaign's id", campaign, IDENTIFIERS["campaign_id"])
    except Refusal as refusal:
        _end(f"--campaign: {refusal.message}", WRONG_USE)
    sign, pseudonyms = the_signer(_end), the_pseudonyms(_end)
    with opened(store, _end, must_exist=True) if store else nullcontext() as reading:
        suppressed = partial(is_suppressed, reading, timeout_s=TIMEOUT_S) if reading is not None else None
        known = partial(with_profiles, reading, timeout_s=TIMEOUT_S) if reading is not None else None
        try:
            tally = _write(audience, out, campaign, sign, pseudonyms, suppressed, known)
        except AudienceRefused as refused:
            print(refused, file=sys.stderr)
            raise typer.Exit(FINDINGS) from None
        except ValueError as problem:
            _end(f"--campaign: {problem}", WRONG_USE)
        except StoreError as problem:
            _end(f"the store does not answer, so who wants no email is not known: {problem}", NO_ANSWER)
        except OSError as problem:
            where = f"--out {out}" if out is not None else "what is printed"
            _end(f"{where} cannot be written: {problem.strerror}", WRONG_USE)
    wanted_none = f", {tally.suppressed:,} left out who want no email" if store else ""
    left_out = f", {tally.wrong:,} left out as told above" if tally.wrong else ""
    rows = f"{tally.written:,} row{'s' * (tally.written != 1)}"
    print(f"{rows} with tokens of {campaign}{wanted_none}{left_out}", file=sys.stderr)
    if tally.wrong:
        raise typer.Exit(FINDINGS)


def _write(
    path: Path,
    out: Path | None,
    campaign: str,
    sign: Callable[[Recipient], Tokens],
    pseudonyms: Pseudonymizer | None,
    suppressed: Callable[[Collection[str]], Collection[str]] | None,
    known: Known | None,
) -> Tally:
    tally = Tally()
    with (
        Audience(path, COLUMNS) as audience,
        _progress(path.stat().st_size) as show,
        _output(path, out) as file,
    ):
        for piece in with_tokens(
            audience,
            campaign,
            sign,
            pseudonyms,
            tally=tally,
            wrong=partial(_tell, path),
            suppressed=suppressed,
            known=known,
        ):
            file.write(piece)
            show(audience.bytes_read, tally.written)
    return tally


def _tell(path: Path, problem: Problem) -> None:
    print(problem.told(path), file=sys.stderr)


@contextmanager
def _output(source: Path, out: Path | None) -> Iterator[BinaryIO]:
    """Where the new file goes. It appears whole, or not at all."""
    if out is None:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    if out.exists() and out.samefile(source):
        _end("--out is the audience itself: name another file", WRONG_USE)
    part = out.with_name(f".{out.name}.part")
    try:
        with part.open("wb") as file:
            yield file
        part.replace(out)
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def _progress(total: int) -> Iterator[Callable[[int, int], None]]:
    """Shows how far it is, in bytes and rows, to whoever looks at a terminal."""
    console = Console(stderr=True)
    columns = (
        BarColumn(),
        TextColumn("{task.fields[rows]:,} rows"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("", total=total, rows=0)
        yield lambda done, rows: progress.update(task, completed=done, rows=rows)
