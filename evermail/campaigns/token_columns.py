"""An audience with the tokens of its people, for upload to a mail service: each row as it stands, and behind
it the columns of `merge.TOKEN_FIELDS`. A stream in constant memory."""

from __future__ import annotations

import codecs
from collections.abc import Callable, Collection, Iterator
from itertools import islice
from operator import attrgetter

import msgspec

from evermail.campaigns.aliases import Known, chosen
from evermail.campaigns.audience import Audience
from evermail.campaigns.context import Tokens
from evermail.campaigns.merge import TOKEN_FIELDS
from evermail.campaigns.recipients import names_of_row, rows
from evermail.pseudonyms import Pseudonymizer
from evermail.tokens import Recipient
from evermail.written_yaml import Problem

ROWS_AT_ONCE = 100
"""Rows that the store is asked about together: one call of the store for people with one name or two."""

_tokens_of = attrgetter(*(field.removeprefix("evermail_") for field in TOKEN_FIELDS))


class Tally(msgspec.Struct):
    """What became of the rows so far."""

    written: int = 0
    suppressed: int = 0
    wrong: int = 0


def with_tokens(
    audience: Audience,
    campaign: str,
    sign: Callable[[Recipient], Tokens],
    pseudonyms: Pseudonymizer | None,
    *,
    tally: Tally,
    wrong: Callable[[Problem], None],
    suppressed: Callable[[Collection[str]], Collection[str]] | None = None,
    known: Known | None = None,
) -> Iterator[bytes]:
    """The new file, piece by piece. Rows that are wrong go to `wrong` and are left out.

    `sign` makes the tokens of a recipient. `suppressed` says which of some names no email may go to: their
    rows are left out too. `known` says which names have a profile, for people with several. Raises
    `AudienceRefused`, and `ValueError` for a campaign with so long a name that no token can carry it.
    """
    for field in TOKEN_FIELDS:
        if field in audience.columns:
            remedy = "give the file without it: tokens are made anew"
            raise audience.refused(1, f"there is a column `{field}` already", remedy)
    yield (codecs.BOM_UTF8 if audience.has_bom else b"") + _line(audience, audience.header, TOKEN_FIELDS)
    found = rows(audience, needs_email=False)
    while chunk := list(islice(found, ROWS_AT_ONCE)):
        named = []
        for one in chunk:
            called = one if isinstance(one, Problem) else names_of_row(one[1], pseudonyms)
            if isinstance(called, Problem):
                tally.wrong += 1
                wrong(called)
            elif not isinstance(one, Problem):
                named.append((one[0], called))
        gone = suppressed([name for _, called in named for name in called.pseudonyms]) if suppressed else ()
        wanted = [(line, called) for line, called in named if not any(n in gone for n in called.pseudonyms)]
        tally.suppressed += len(named) - len(wanted)
        piece = []
        names = chosen([called.aliases for _, called in wanted], known)
        for (line, _), name in zip(wanted, names, strict=True):
            tokens = _tokens_of(sign(Recipient(name.pseudonym, campaign, name.kind)))
            piece.append(_line(audience, line.raw.rstrip("\r\n"), tokens))
            tally.written += 1
        yield b"".join(piece)


def _line(audience: Audience, text: str, more: Collection[str]) -> bytes:
    return (audience.delimiter.join((text, *more)) + audience.line_end).encode()
