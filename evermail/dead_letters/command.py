"""`evermail dead-letters`: what could not be used, why, and once more."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NoReturn

import typer

from evermail import clock, keys
from evermail.dead_letters import replay, show
from evermail.dead_letters.letter import to_json
from evermail.dead_letters.pubsub import PubSubFailed, publisher
from evermail.dead_letters.replay import NotReplayable, Sent
from evermail.dead_letters.seal import Seals, Unsealable
from evermail.dead_letters.selection import Found, Selection, parse_moment, select
from evermail.dead_letters.sources import FileSource, Source, SourceError, open_source
from evermail.events import Code

LEFT = 1
WRONG_USE = 2
NO_ANSWER = 3
"""Exit codes: some letters that were meant were not there or could not be replayed; the command line is at
fault; letters could not be read, or Pub/Sub did not answer. 0: all is well."""

dead_letters = typer.Typer(
    help="What the job could not use: look at it, understand it, publish it again.",
    epilog="Example: evermail dead-letters list projects/shop/subscriptions/dead-letters --since 2h",
    no_args_is_help=True,
    rich_markup_mode=None,
)

_SOURCE = typer.Argument(
    help="projects/PROJECT/subscriptions/NAME, a file of letters (`list --json`), or - for standard input.",
    show_default=False,
)
_CODE = typer.Option([], "--code", metavar="CODE", help="Only letters of this code; may be repeated.")
_STAGE = typer.Option([], "--stage", help="Only letters of this stage, such as decode; may be repeated.")
_ID = typer.Option([], "--id", help="Only the letter with this id, or its beginning; may be repeated.")
_SINCE = typer.Option(None, help="Only what was refused since: a time (RFC 3339), or 30m, 2h, 7d ago.")
_UNTIL = typer.Option(None, help="Only what was refused before; in the same forms.")
_WAIT = typer.Option(
    5.0, "--wait", min=0.1, max=60, help="A subscription that gives nothing for so many seconds is empty."
)
_KEYS = typer.Option(
    None, "--keys", help=f"Where the pseudonym secrets are, which open sealed originals: {keys.FORMS}."
)
_TOPIC = re.compile(r"projects/[^/\s]+/topics/[^/\s]+")


@dead_letters.command("list")
def list_letters(
    source: str = _SOURCE,
    code: list[Code] = _CODE,
    stage: list[str] = _STAGE,
    letter_id: list[str] = _ID,
    since: str | None = _SINCE,
    until: str | None = _UNTIL,
    limit: int = typer.Option(100, min=0, help="At most so many letters; 0 for all."),
    as_json: bool = typer.Option(False, "--json", help="Whole letters, one a line, to keep or to process."),
    wait: float = _WAIT,
) -> None:
    """Show what is there; nothing is taken away.

    \b
    Example: evermail dead-letters list projects/shop/subscriptions/dead-letters --code late --since 2h
    """
    selection = _selection(code, stage, letter_id, since, until)
    with _told_to_people(), open_source(source, wait_s=wait) as opened:
        found = []
        with show.reading() as progress:
            for one in select(opened, selection, limit or None):
                if as_json:
                    print(to_json(one.letter).decode())
                found.append(one)
                progress(len(found))
        if isinstance(opened, FileSource) and opened.strangers and not opened.has_letters:
            are = "is no letter" if opened.strangers == 1 else "are no letters"
            _end(f"{show.count(opened.strangers, 'line')} of {opened.name} {are}", LEFT)
        if not as_json:
            show.table([one.letter for one in found])
        show.note(_seen(opened, len(found), limit))
        show.note(opened.keeps)


@dead_letters.command("explain")
def explain(
    source: str = _SOURCE,
    letter_id: str = typer.Argument(metavar="ID", help="The letter's id, or its beginning."),
    key_reference: str | None = _KEYS,
    wait: float = _WAIT,
) -> None:
    """Show all of one letter, what its code means, and what to do about it.

    With --keys the original is shown as it came: it may name people.

    \b
    Example: evermail dead-letters explain letters.ndjson x7Yq --keys env:EVERMAIL_PSEUDONYM_KEYS
    """
    seals = _seals(key_reference)
    with _told_to_people(), open_source(source, wait_s=wait) as opened:
        with show.reading():
            found = list(select(opened, Selection(ids=(letter_id,)), limit=2))
        if not found:
            _end(f"no letter in {opened.name} has an id that begins with {letter_id}", LEFT)
        if len(found) > 1:
            _end(f"more than one letter has an id that begins with {letter_id}", WRONG_USE)
        show.letter(found[0].letter, seals, clock.now_us())
        show.note(opened.keeps)


@dead_letters.command("replay")
def replay_letters(
    source: str = _SOURCE,
    to: str = typer.Option(..., "--to", help="The topic of events: projects/PROJECT/topics/NAME."),
    code: list[Code] = _CODE,
    stage: list[str] = _STAGE,
    letter_id: list[str] = _ID,
    since: str | None = _SINCE,
    until: str | None = _UNTIL,
    limit: int = typer.Option(1000, min=1, help="At most so many letters in one go."),
    key_reference: str | None = _KEYS,
    dry_run: bool = typer.Option(
        False, "--dry-run", help="Say what would be published, and publish nothing."
    ),
    yes: bool = typer.Option(False, "--yes", "-y", help="Do not ask."),
    wait: float = _WAIT,
) -> None:
    """Publish originals again. A letter is acknowledged when its original has been published for certain.

    Doing so twice is harmless: the job counts the second copy as a duplicate. What is called readable here
    is an event for this version; whether it counts or is late, say, the job decides.

    \b
    Example: evermail dead-letters replay projects/shop/subscriptions/dead-letters --since 1d --dry-run \\
      --to projects/shop/topics/events --keys secret:projects/shop/secrets/pseudonyms/versions/1
    """
    if not _TOPIC.fullmatch(to):
        _end(f"--to must be projects/PROJECT/topics/NAME, got {to!r}", WRONG_USE)
    selection = _selection(code, stage, letter_id, since, until)
    seals = _seals(key_reference)
    with _told_to_people(), open_source(source, wait_s=wait) as opened:
        found: list[Found] = []
        with show.reading() as progress:
            for one in select(opened, selection, limit):
                found.append(one)
                progress(len(found))
        waiting, left, unopened = _sort_out(found, seals)
        show.plan(waiting, left, clock.now_us())
        show.note(_seen(opened, len(found), limit))
        if waiting and not dry_run:
            if not yes and _somebody_is_there():
                typer.confirm(f"Publish {show.count(len(waiting), 'message')} to {to}?", abort=True)
            _publish(opened, to, waiting)
        else:
            show.note(f"nothing was published; {opened.keeps}")
    if unopened or any(one.problem for one in waiting):
        raise typer.Exit(LEFT)


def _sort_out(found: list[Found], seals: Seals | None) -> tuple[list[Sent], list[tuple[Found, str]], bool]:
    """What to publish, what stays and why, and whether a seal that was not opened is among the reasons."""
    waiting: list[Sent] = []
    left: list[tuple[Found, str]] = []
    unopened = False
    for one in sorted(found, key=lambda one: (one.letter.received_at, one.letter.id)):
        try:
            waiting.append(Sent(one, replay.outgoing(one.letter, seals)))
        except NotReplayable as problem:
            left.append((one, str(problem)))
        except Unsealable as problem:
            left.append((one, str(problem)))
            unopened = True
    return waiting, left, unopened


def _publish(source: Source, topic: str, waiting: list[Sent]) -> None:
    client = publisher()
    try:
        with show.publishing(len(waiting)) as progress:

            def confirmed(arrived: Sequence[Sent]) -> None:
                source.acknowledge([handle for one in arrived for handle in one.found.handles])
                progress(len(arrived))

            replay.publish(client, topic, waiting, confirmed)
    finally:
        client.stop()
        show.outcome(waiting)


def _somebody_is_there() -> bool:
    return sys.stdin.isatty()


def _seen(source: Source, found: int, limit: int) -> str:
    said = [show.count(found, "letter")]
    if found and found == limit:
        said.append("more may be there: see --limit")
    if source.strangers:
        are = "is no letter" if source.strangers == 1 else "are no letters"
        said.append(f"{source.strangers:,} in {source.name} {are}")
    return "; ".join(said)


def _selection(
    codes: list[Code], stages: list[str], ids: list[str], since: str | None, until: str | None
) -> Selection:
    return Selection(
        codes=frozenset(code.value for code in codes),
        stages=frozenset(stages),
        ids=tuple(ids),
        since_us=_moment("--since", since),
        until_us=_moment("--until", until),
    )


def _moment(option: str, text: str | None) -> int | None:
    try:
        return None if text is None else parse_moment(text, clock.now_us())
    except ValueError as problem:
        _end(f"{option}: {problem}", WRONG_USE)


def _seals(reference: str | None) -> Seals | None:
    try:
        return None if reference is None else Seals(keys.key_source(reference).keys())
    except ModuleNotFoundError as missing:
        _end(f"--keys needs {missing.name}: pip install evermail[dead-letters]", WRONG_USE)
    except ValueError as problem:
        _end(f"--keys: {problem}", WRONG_USE)


@contextmanager
def _told_to_people() -> Iterator[None]:
    """Turns the failures that are nobody's bug into one line and an exit code."""
    try:
        yield
    except (SourceError, PubSubFailed) as problem:
        _end(str(problem), NO_ANSWER)


def _end(message: str, code: int) -> NoReturn:
    show.note(f"evermail dead-letters: {message}")
    raise typer.Exit(code)
