"""Findings as people read them, and as programs do."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import msgspec
from rich.console import Console
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table

from evermail.campaigns.check.finding import Finding, Severity

_PARTS = {
    "check": "The check itself",
    "message": "Message",
    "subject": "Subject",
    "amp": "AMP part",
    "html": "HTML part",
    "text": "Text part",
    "payload": "Call of the API",
    "brand": "Brand",
    "endpoint": "Functions",
    "domain": "Domain of the sender",
}
"""In the order in which they are told."""

MOST_TOLD = 20
"""Findings of a part: whoever mends so many checks again."""

_LINES = 5
"""So many lines are named beside the first that has something."""

_STYLES = {Severity.ERROR: "bold red", Severity.WARNING: "yellow", Severity.HINT: "cyan"}


class Summary(msgspec.Struct, frozen=True):
    """How many findings there are, and of how many emails."""

    emails: int
    errors: int
    warnings: int
    hints: int

    @classmethod
    def of(cls, findings: Sequence[Finding], emails: int) -> Summary:
        number = {each: sum(one.severity is each for one in findings) for each in Severity}
        return cls(emails, number[Severity.ERROR], number[Severity.WARNING], number[Severity.HINT])

    def __str__(self) -> str:
        named = [
            _number(self.errors, "error"),
            _number(self.warnings, "warning"),
            _number(self.hints, "hint"),
        ]
        said = ", ".join(one for one in named if one) or "nothing to mend"
        return f"{_number(self.emails, 'email') or 'no email'} checked: {said}"


def as_json(findings: Sequence[Finding], summary: Summary) -> str:
    """One JSON object: `summary`, and `findings` in the order in which they were found."""
    return msgspec.json.encode({"summary": summary, "findings": findings}).decode()


def tell(findings: Sequence[Finding], summary: Summary, console: Console) -> None:
    """A table for each part that something was found in, and a line with the sum of it."""
    for part, title in _PARTS.items():
        found = [one for one in findings if one.part == part]
        if found:
            console.print(f"[bold]{title}[/bold]")
            console.print(Padding(_table(found), (0, 0, 1, 2)))
    console.print(str(summary))


def _table(found: Iterable[Finding]) -> Table:
    severities = list(Severity)
    alike = list(_alike(sorted(found, key=lambda one: (severities.index(one.severity), one.line))))
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True, justify="right")
    table.add_column(overflow="fold")
    for one, again in alike[:MOST_TOLD]:
        style = _STYLES[one.severity]
        line = f"line {one.line}" if one.line else ""
        what = f"{escape(one.what)}[dim]{_where(one, again)} ({one.code})[/dim]"
        remedy = f"[dim]→[/dim] {escape(one.remedy)}"
        table.add_row(f"[{style}]{one.severity}[/{style}]", f"[dim]{line}[/dim]", f"{what}\n{remedy}")
    if more := alike[MOST_TOLD:]:
        table.add_row("", "", f"and {len(more):,} more: mend these, then check again")
    return table


def _alike(findings: Iterable[Finding]) -> Iterator[tuple[Finding, list[Finding]]]:
    """Each that says something new, with the later ones that say the same of another line."""
    groups: dict[Finding, list[Finding]] = {}
    for one in findings:
        groups.setdefault(msgspec.structs.replace(one, line=0, others=0), []).append(one)
    for first, *again in groups.values():
        yield first, again


def _where(finding: Finding, again: Sequence[Finding]) -> str:
    """The places beside the line that a finding begins with."""
    said = ""
    if again:
        rest = f" and {len(again) - _LINES} more" if len(again) > _LINES else ""
        said = f", also in line {', '.join(str(one.line) for one in again[:_LINES])}{rest}"
    if finding.file:
        others = f" and {finding.others:,} more" if finding.others else ""
        said += f" in {escape(finding.file)}{others}"
    return said


def _number(number: int, of: str) -> str:
    return f"{number:,} {of}{'s' * (number != 1)}" if number else ""
