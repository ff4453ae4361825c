"""Reads whom a campaign goes to: a line of column names, then a row for each recipient.

`email`       where it goes
`user_id`, `client_id`, `shopper`
              who that is, at least one of them: as the shop's events name the user or the browser, or the
              pseudonym that the store knows
`first_name`  how they are addressed, if they are
`item_id`     what the email is about; several are separated by spaces

Names are matched without case, other columns are let be.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from difflib import get_close_matches
from pathlib import Path

import msgspec

from evermail.campaigns.audience import Audience, Line
from evermail.campaigns.placeholders import is_no_first_name, is_placeholder, is_rounded
from evermail.events import Refusal
from evermail.events.checks import IDENTIFIERS, check_identifier, check_item_id
from evermail.person import Name, names_of
from evermail.pseudonyms import Pseudonymizer, key_id_of
from evermail.written_yaml import Problem

NAMES = ("user_id", "client_id", "shopper")
COLUMNS = ("email", *NAMES, "first_name", "item_id")

MAX_EMAIL_CHARS = 254
"""RFC 5321, 4.5.3.1.3, without the angle brackets."""

MAX_FIRST_NAME_CHARS = 100
MAX_ITEMS = 20

_LOCAL = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_DOMAIN = re.compile(r"([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z][A-Za-z0-9-]*[A-Za-z0-9]")


class Row(msgspec.Struct, frozen=True):
    """A recipient, and the line of the file. At least one of the three names is there."""

    line: int
    email: str
    user_id: str | None = None
    client_id: str | None = None
    shopper: str | None = None
    first_name: str | None = None
    item_ids: tuple[str, ...] = ()


class Called(msgspec.Struct, frozen=True):
    """What a person is called. The email goes by one of `aliases`, the names of one identifier from the
    oldest key to the newest; `others` are those of their other identifiers."""

    aliases: tuple[Name, ...]
    others: tuple[Name, ...] = ()

    @property
    def pseudonyms(self) -> tuple[str, ...]:
        """All of them."""
        return tuple(dict.fromkeys(name.pseudonym for name in self.aliases + self.others))


def read_recipients(path: Path, *, wrong: Callable[[Problem], None] | None = None) -> Iterator[Row]:
    """The recipients of a file as they come, in constant memory.

    A row that is wrong goes to `wrong`, and the next one follows; without, it raises. Raises
    `AudienceRefused`, whose text is `FILE:LINE: what; remedy`, also for a file that is none at all.
    """
    with Audience(path, COLUMNS) as audience:
        for found in rows(audience):
            if not isinstance(found, Problem):
                yield found[1]
            elif wrong is not None:
                wrong(found)
            else:
                raise audience.refused(found.line, found.what, found.remedy)


def rows(audience: Audience, *, needs_email: bool = True) -> Iterator[tuple[Line, Row] | Problem]:
    """The recipients with the lines they stand in, or what is wrong with them.

    Raises `AudienceRefused` if there are not the columns that are needed.
    """
    read = _Reader(audience, needs_email=needs_email)
    with _Seen() as seen:
        for line in audience.lines():
            if isinstance(line, Problem):
                yield line
                continue
            row = read(line)
            if isinstance(row, Problem):
                yield row
            elif (again := _again(row, seen)) is not None:
                yield again
            else:
                yield line, row


def _again(row: Row, seen: _Seen) -> Problem | None:
    """What of an earlier row is here again. Without addresses, nobody gets an email of somebody else's."""
    if not row.email:
        return None
    if (before := seen.line_of("email", row.email.lower(), row.line)) is not None:
        return Problem(row.line, f"the email address of line {before} is here again", "keep one of them")
    if row.user_id is not None and (before := seen.line_of("user_id", row.user_id, row.line)) is not None:
        what = f"the user_id of line {before} is here again, with another email address"
        return Problem(row.line, what, "keep the one that is theirs, and give the other its own user_id")
    return None


def names_of_row(row: Row, pseudonyms: Pseudonymizer | None) -> Called | Problem:
    """What the shopper of a row is called, under every key. The email goes by `shopper` before `user_id`, and
    by that before `client_id`."""
    groups: list[list[Name]] = []
    if row.shopper is not None:
        if pseudonyms is not None and not pseudonyms.knows(row.shopper):
            what = "the pseudonym in `shopper` is of none of our keys"
            return Problem(row.line, what, "is EVERMAIL_PSEUDONYM_KEYS that of the job?")
        groups.append([Name("user", row.shopper)])
    for kind, identifier in (("user", row.user_id), ("client", row.client_id)):
        if identifier is not None and pseudonyms is not None:
            groups.append(names_of(pseudonyms, kind, identifier)[::-1])  # type: ignore[arg-type]
    if not groups:
        remedy = "set it as the job has it, or give a `shopper`"
        return Problem(row.line, "a user_id or client_id needs EVERMAIL_PSEUDONYM_KEYS", remedy)
    first, *others = groups
    return Called(tuple(first), tuple(name for names in others for name in names))


class _Reader:
    """Makes a recipient of a line."""

    def __init__(self, audience: Audience, *, needs_email: bool) -> None:
        columns = audience.columns
        self._places = {name: columns.index(name) for name in COLUMNS if name in columns}
        self._needs_email = needs_email
        if needs_email and "email" not in self._places:
            raise audience.refused(1, "there is no column `email`", _rename("email", columns))
        if not self._places.keys() & set(NAMES):
            what = "there is no column `user_id`, `client_id` or `shopper`"
            raise audience.refused(1, what, _rename("user_id", columns))

    def __call__(self, line: Line) -> Row | Problem:
        value = {name: line.values[place].strip() for name, place in self._places.items()}
        try:
            email = value.get("email", "")
            if email or self._needs_email:
                _check_email(email)
            names = {name: value[name] for name in NAMES if value.get(name)}
            _check_names(names)
            first_name = value.get("first_name") or None
            if first_name is not None and is_no_first_name(first_name):
                first_name = None
            if first_name is not None and len(first_name) > MAX_FIRST_NAME_CHARS:
                what = (
                    f"first_name has {len(first_name)} characters, at most {MAX_FIRST_NAME_CHARS} are allowed"
                )
                raise _Wrong(what, "leave it empty")
            item_ids = tuple(value.get("item_id", "").split())
            if len(item_ids) > MAX_ITEMS:
                raise _Wrong(f"item_id has {len(item_ids)} items, at most {MAX_ITEMS} are allowed", "")
            for item_id in item_ids:
                check_item_id(item_id)
        except _Wrong as wrong:
            return Problem(line.number, *wrong.args)
        except Refusal as refusal:  # as the pipeline refuses it
            return Problem(line.number, refusal.message, "write it as the shop's events do")
        return Row(line.number, email, **names, first_name=first_name, item_ids=item_ids)


class _Wrong(Exception):
    """What is wrong with a value, and what to do about it."""


class _Seen:
    """Addresses and user_ids so far, with their lines: on disk once they are many, so that memory stays flat.

    Digests with a secret of their own stand for them: nothing that names anybody is left in a file.
    """

    def __init__(self) -> None:
        self._secret = secrets.token_bytes(16)
        self._lines = sqlite3.connect("", isolation_level=None)
        self._lines.execute("CREATE TABLE seen (value INTEGER PRIMARY KEY, line INTEGER)")
        self._lines.execute("BEGIN")

    def __enter__(self) -> _Seen:
        return self

    def __exit__(self, *_: object) -> None:
        self._lines.close()

    def line_of(self, column: str, text: str, line: int) -> int | None:
        """The line in which a column had this before; None if it is new, and in `line` from now on."""
        digest = hashlib.blake2b(f"{column}\0{text}".encode(), digest_size=8, key=self._secret).digest()
        value = int.from_bytes(digest, "big", signed=True)
        try:
            self._lines.execute("INSERT INTO seen VALUES (?, ?)", (value, line))
        except sqlite3.IntegrityError:
            found = self._lines.execute("SELECT line FROM seen WHERE value = ?", (value,)).fetchone()
            return int(found[0])
        return None


def _check_email(email: str) -> None:
    """Raises `_Wrong` for what no mail server takes, as far as the text tells."""
    if not email:
        raise _Wrong("there is no email address", "add it, or delete the line")
    local, _, domain = email.rpartition("@")
    shown = repr(email[:80])
    if re.search(r"[<>,;\s]", email):
        raise _Wrong(f"{shown} is not an email address alone", "write one address, without a name")
    if not domain.isascii():
        raise _Wrong(f"{shown} has letters in its domain that mail servers do not take", _in_ascii(domain))
    if not local.isascii():
        raise _Wrong(f"{shown} has letters before its @ that mail servers do not take", "ask for another one")
    if (
        len(email) > MAX_EMAIL_CHARS
        or len(local) > 64
        or not (_LOCAL.fullmatch(local) and _DOMAIN.fullmatch(domain))
    ):
        raise _Wrong(
            f"{shown} is not an email address", "write it as in mara@example.com, or delete the line"
        )


def _in_ascii(domain: str) -> str:
    try:
        return f"write it as {domain.encode('idna').decode()}"
    except UnicodeError:
        return "is it spelt right?"


def _check_names(names: dict[str, str]) -> None:
    """Raises `_Wrong`, and `Refusal` for what the pipeline refuses."""
    if not names:
        raise _Wrong("nothing says who this is", "give a user_id, client_id or shopper, or delete the line")
    for name, identifier in names.items():
        if is_placeholder(identifier):
            raise _Wrong(f"{name} is {identifier!r}, which names nobody", "put who it is, or leave it empty")
        if is_rounded(identifier):
            what = f"{name} is {identifier!r}: a spreadsheet has made a rounded number of it"
            raise _Wrong(what, "export it anew, and have the spreadsheet open that column as text")
        if name == "shopper":
            if key_id_of(identifier) is None:
                what = "`shopper` is not a pseudonym, which looks like k1.Zm9vYmFyYmF6cXV4cXV1eA"
                raise _Wrong(what, "put what the shop's events have into user_id or client_id")
        else:
            check_identifier(name, identifier, IDENTIFIERS[name])


def _rename(name: str, columns: Sequence[str]) -> str:
    close = get_close_matches(name, columns, n=1, cutoff=0.6)
    return (
        f"call one so; is it `{close[0]}`?"
        if close
        else f"call one so; there are: {', '.join(columns)[:200]}"
    )
