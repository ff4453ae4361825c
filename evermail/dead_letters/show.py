"""Letters for people: on stdout what was asked for, on stderr how it goes. Whatever stands in a letter is
shown as text: nothing in it can move a cursor or colour a line."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from evermail import clock
from evermail.dead_letters.advice import advice
from evermail.dead_letters.letter import Form, Letter
from evermail.dead_letters.replay import EVENT_STAGES, Outgoing, Sent, verdict
from evermail.dead_letters.seal import Seals, Unsealable
from evermail.dead_letters.selection import Found

WIDE = 10_000
"""Columns of a table that goes to a file or another program: a letter stays on its line."""

SHOWN_BYTES = 20_000
"""How much of an original is shown."""


def note(text: str) -> None:
    """A line beside the point, for people: stderr."""
    if text:
        print(plain(text), file=sys.stderr)


@contextmanager
def reading() -> Iterator[Callable[[int], None]]:
    """While letters are looked for; takes how many there are so far."""
    with Console(stderr=True).status("looking for letters") as status:
        yield lambda count: status.update(f"looking for letters: {count:,}")


@contextmanager
def publishing(total: int) -> Iterator[Callable[[int], None]]:
    """While messages are published; takes how many more were confirmed."""
    columns = (TextColumn("publishing"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("publishing", total=total)
        yield lambda count: bar.advance(task, count)


def table(letters: Sequence[Letter]) -> None:
    """One line a letter, oldest first."""
    rows = Table("first refused", "stage", "code", "attempts", "message", "id", box=None, pad_edge=False)
    for letter in sorted(letters, key=lambda letter: (letter.first_seen, letter.id)):
        _add(
            rows,
            _time(letter.first_seen),
            letter.stage,
            letter.code,
            letter.attempts,
            letter.message,
            letter.id,
        )
    _print(rows)


def letter(letter: Letter, seals: Seals | None, now_us: int) -> None:
    """All of one letter."""
    means, remedy = advice(letter.code)
    rows = Table(show_header=False, box=None, pad_edge=False)
    _add(rows, "id", letter.id)
    _add(rows, "stage", letter.stage)
    _add(rows, "code", letter.code)
    _add(rows, "message", letter.message)
    _add(rows, "means", means)
    _add(rows, "do", remedy)
    _add(rows, "first refused", _time(letter.first_seen))
    _add(rows, "received", _time(letter.received_at))
    _add(rows, "attempts", letter.attempts)
    _add(rows, "version", letter.pipeline_version)
    sealed = letter.form is Form.SEALED
    _add(rows, "original", f"sealed with key {letter.key_id}" if sealed else "in the clear, with pseudonyms")
    try:
        data, attributes = letter.original(seals)
    except Unsealable as problem:
        _add(rows, "", f"{problem}")
        _print(rows)
        return
    for name, value in sorted(attributes.items()):
        _add(rows, "attribute", f"{name}: {value}")
    if letter.stage in EVENT_STAGES:
        _add(rows, "read now", verdict(letter, Outgoing(data, attributes), now_us))
    _print(rows)
    print(_readable(data))


def plan(waiting: Sequence[Sent], left: Sequence[tuple[Found, str]], now_us: int) -> None:
    """What a replay would do, by code: how many are published, and how this version reads them."""
    rows = Table("code", "letters", "what becomes of them", box=None, pad_edge=False)
    found = Counter(
        (
            one.found.letter.code.value,
            f"published; this version: {verdict(one.found.letter, one.message, now_us)}",
        )
        for one in waiting
    )
    stays = Counter((one.letter.code.value, f"stays: {reason}") for one, reason in left)
    for (code, what), count in sorted((found + stays).items()):
        _add(rows, code, count, what)
    if rows.row_count:
        _print(rows)


def outcome(sent: Sequence[Sent]) -> None:
    """What a replay did, by code."""
    rows = Table("code", "published", "kept", box=None, pad_edge=False)
    for code in sorted({one.found.letter.code.value for one in sent}):
        of_code = [one for one in sent if one.found.letter.code == code]
        published = sum(1 for one in of_code if one.confirmed)
        _add(rows, code, published, len(of_code) - published)
    _print(rows)
    for problem, count in Counter(one.problem for one in sent if one.problem).items():
        note(f"{count:,} not confirmed, and therefore kept: {problem}")


def count(number: int, noun: str) -> str:
    """`1 letter`, `2 letters`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def plain(text: str) -> str:
    """Text without what a terminal would obey."""
    return "".join(one if one.isprintable() or one == "\n" else f"\\x{ord(one):02x}" for one in text)


def _readable(data: bytes) -> str:
    shown = data[:SHOWN_BYTES]
    try:
        text = json.dumps(json.loads(data), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        text = repr(shown)
    more = f"\n… {len(data):,} bytes in all" if len(data) > len(shown) else ""
    return plain(text[:SHOWN_BYTES]) + more


def _time(time_us: int) -> str:
    return clock.to_rfc3339(time_us)[:19] + "Z" if time_us else "not known"


def _add(rows: Table, *cells: object) -> None:
    rows.add_row(*(Text(plain(str(cell)), overflow="fold") for cell in cells))


def _print(rows: Table) -> None:
    console = Console(width=None if sys.stdout.isatty() else WIDE, highlight=False)
    console.print(rows)
