"""Which letters somebody means."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from evermail import clock
from evermail.dead_letters.letter import Letter
from evermail.dead_letters.sources import Source

_AGO = re.compile(r"([0-9]{1,6})([smhd])")
_UNITS = {"s": clock.SECOND, "m": clock.MINUTE, "h": clock.HOUR, "d": clock.DAY}


@dataclass(frozen=True)
class Selection:
    """What is empty or None restricts nothing. Times are of the first refusal, in microseconds."""

    codes: frozenset[str] = frozenset()
    stages: frozenset[str] = frozenset()
    ids: tuple[str, ...] = ()
    """Beginnings of ids."""
    since_us: int | None = None
    until_us: int | None = None

    def takes(self, letter: Letter) -> bool:
        return (
            (not self.codes or letter.code in self.codes)
            and (not self.stages or letter.stage in self.stages)
            and (not self.ids or letter.id.startswith(self.ids))
            and (self.since_us is None or letter.first_seen >= self.since_us)
            and (self.until_us is None or letter.first_seen < self.until_us)
        )


@dataclass
class Found:
    """A letter, and the handles of all messages that are it."""

    letter: Letter
    handles: list[str]


def select(source: Source, selection: Selection, limit: int | None = None) -> Iterable[Found]:
    """The letters of a source that are meant, each once, at most `limit`, as they come.

    Handles of a letter may be added after it was given, as long as the source is read.
    """
    found: dict[str, Found] = {}
    for taken in source.letters():
        letter = taken.letter
        if not selection.takes(letter):
            continue
        if letter.id in found:
            found[letter.id].handles.append(taken.handle)
            continue
        if limit is not None and len(found) >= limit:
            return
        found[letter.id] = Found(letter, [taken.handle])
        yield found[letter.id]


def parse_moment(text: str, now_us: int) -> int:
    """Microseconds since the epoch of an RFC 3339 time, or of `30m`, `2h`, `7d` ago. Raises `ValueError`."""
    ago = _AGO.fullmatch(text)
    if ago:
        return now_us - int(ago[1]) * _UNITS[ago[2]]
    try:
        return clock.from_rfc3339(text)
    except ValueError:
        raise ValueError(
            f"expected a time with its zone, such as 2026-11-24T03:00:00Z, or 2h, got {text!r}"
        ) from None
