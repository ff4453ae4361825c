"""Findings as people read them, and as programs do."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from rich.console import Console
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table

from evermail.campaigns.check.finding import Finding, Severity

_PARTS = {
    "check": "The check itself",
    "subject": "Subject",
    "amp": "AMP part",
    "html": "HTML part",
    "text": "Text part",
    "message": "Message",
    "payload": "Call of the API",
    "brand": "Brand",
    "endpoint": "Functions",
    "domain": "Domain of the sender",
}
"""In the order in which they are told."""

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
    severities = list(Severity)
    for part, title in _PARTS.items():
        found = [one for one in findings if one.part == part]
        if not found:
            continue
        table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
        table.add_column(no_wrap=True)
        table.add_column(no_wrap=True, justify="right")
        table.add_column(overflow="fold")
        for one in sorted(found, key=lambda one: (severities.index(one.severity), one.line)):
            style = _STYLES[one.severity]
            line = f"line {one.line}" if one.line else ""
            what = (
                f"{escape(one.what)}{_where(one)} [dim]({one.code})[/dim]\n[dim]→[/dim] {escape(one.remedy)}"
            )
            table.add_row(f"[{style}]{one.severity}[/{style}]", f"[dim]{line}[/dim]", what)
        console.print(f"[bold]{title}[/bold]")
        console.print(Padding(table, (0, 0, 1, 2)))
    console.print(str(summary))


def _where(finding: Finding) -> str:
    if not finding.file:
        return ""
    more = f" and {finding.others} more" if finding.others else ""
    return f" [dim]in {escape(finding.file)}{more}[/dim]"


def _number(number: int, of: str) -> str:
    return f"{number:,} {of}{'s' * (number != 1)}" if number else ""
