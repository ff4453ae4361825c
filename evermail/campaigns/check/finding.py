"""What a check finds: where it is, what is wrong, and what whoever made the email can do about it."""

from __future__ import annotations

import re
from enum import StrEnum

import msgspec


class Severity(StrEnum):
    ERROR = "error"
    """Some of the recipients would not get the email, or not what it is to show."""
    WARNING = "warning"
    """It arrives, but looks, reads or behaves worse than it should."""
    HINT = "hint"
    """Nothing is wrong; good to know."""


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that was found.

    `code` is for programs and stays stable. `part` is where it is: amp, html, text, subject, message,
    brand, payload, endpoint, domain or check (something that could not be checked). `line` counts from 1
    in that part, 0 where there is no line. `file` is the message it was found in, where there are several,
    and `others` how many more have the same.
    """

    severity: Severity
    code: str
    part: str
    line: int
    what: str
    remedy: str
    file: str = ""
    others: int = 0


class Kind(msgspec.Struct, frozen=True):
    """A thing that can be found: its code, how bad it is, what it means, and the remedy, in plain words."""

    code: str
    severity: Severity
    meaning: str
    remedy: str

    def at(self, part: str, line: int, what: str, *, remedy: str = "") -> Finding:
        """A finding of this kind. `remedy` is for one that is more to the point than the kind's own."""
        return Finding(
            severity=self.severity,
            code=self.code,
            part=part,
            line=line,
            what=what,
            remedy=remedy or self.remedy,
        )


def error(code: str, meaning: str, remedy: str) -> Kind:
    return Kind(code, Severity.ERROR, meaning, remedy)


def warning(code: str, meaning: str, remedy: str) -> Kind:
    return Kind(code, Severity.WARNING, meaning, remedy)


def hint(code: str, meaning: str, remedy: str) -> Kind:
    return Kind(code, Severity.HINT, meaning, remedy)


def brief(text: str, length: int = 60) -> str:
    """The beginning of what an email says, on one line, to be quoted in a finding."""
    line = re.sub(r"[\s\x00-\x1f\x7f-\x9f]+", " ", text).strip()
    return line if len(line) <= length else line[: length - 1] + "…"
