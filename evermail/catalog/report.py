"""What became of every item of a feed: counted, said to people, and as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import msgspec

from evermail.catalog.findings import Code, Finding, Refused, Remark, Remarked
from evermail.catalog.staging import Staging


class Report(msgspec.Struct, kw_only=True):
    """Counts of one import. In the end read = written + unchanged + overtaken + refused, unless it was
    stopped."""

    feed: str
    dry_run: bool = False
    """What would be done, then: nothing was written."""
    complete: bool = False
    """The feed was read to its end."""
    read: int = 0
    added: int = 0
    changed: int = 0
    unchanged: int = 0
    overtaken: int = 0
    """Somebody else wrote a newer version while we were at it."""
    withdrawn: int = 0
    """In the store and not in the feed: marked unavailable."""
    front_page: bool = False
    """The list of what the shop shows first was written anew."""
    refused: dict[Code, int] = {}
    remarks: dict[Remark, int] = {}
    problems: list[str] = []
    """Why it is not all well, for a person; what was not done because of it is said there."""

    @property
    def written(self) -> int:
        return self.added + self.changed

    @property
    def refusals(self) -> int:
        return sum(self.refused.values())

    def count(self, finding: Refused | Remarked) -> None:
        if isinstance(finding, Refused):
            self.refused[finding.code] = self.refused.get(finding.code, 0) + 1
        else:
            self.remarks[finding.code] = self.remarks.get(finding.code, 0) + 1


def summary(report: Report, staging: Staging, *, show: int, checked_only: bool = False) -> Iterator[str]:
    """Lines for a person, with the first `show` refusals and remarks each."""
    written = "to write" if report.dry_run else "written"
    withdrawn = "to withdraw" if report.dry_run else "withdrawn"
    yield f"{'read':<11} {report.read:,} items of {report.feed}"
    if checked_only:
        yield f"{'good':<11} {report.read - report.refusals:,}"
    else:
        yield f"{written:<11} {report.written:,} ({report.added:,} new, {report.changed:,} changed)"
        yield f"{'unchanged':<11} {report.unchanged:,}"
        if report.overtaken:
            yield f"{'overtaken':<11} {report.overtaken:,} by a newer version that somebody else wrote"
        yield f"{withdrawn:<11} {report.withdrawn:,} that the feed no longer has"
        if report.front_page:
            yield f"{written:<11} the list of what the shop shows first"
    yield from _found("refused", report.refused, staging.refused(show), show)
    yield from _found("remarks", report.remarks, staging.remarked(show), show)


def write_report(path: Path, report: Report, staging: Staging) -> None:
    """The report as JSON, one finding a line, without holding them all. Raises `OSError`."""
    counts = msgspec.to_builtins(report) | {"written": report.written}
    with path.open("wb") as file:
        file.write(msgspec.json.encode(counts).removesuffix(b"}"))
        for name, findings in (("refused_items", staging.refused()), ("remarked_items", staging.remarked())):
            file.write(f',\n"{name}": ['.encode())
            for number, finding in enumerate(findings):
                file.write((b",\n" if number else b"\n") + msgspec.json.encode(finding))
            file.write(b"]")
        file.write(b"}\n")


def _found(
    name: str,
    counts: Mapping[Code, int] | Mapping[Remark, int],
    findings: Iterable[Refused | Remarked],
    show: int,
) -> Iterator[str]:
    total = sum(counts.values())
    by_code = ", ".join(
        f"{count:,} {code}" for code, count in sorted(counts.items(), key=lambda one: -one[1])
    )
    yield f"{name:<11} {total:,}" + (f": {by_code}" if by_code else "")
    for finding in findings:
        yield f"  {_where(finding)}: {finding.message} [{finding.code}]"
    if total > show:
        yield f"  ... and {total - show:,} more: --report FILE.json has them all"


def _where(finding: Finding) -> str:
    # What a feed holds must not reach a terminal as commands to it.
    item_id = finding.id if finding.id.isprintable() else repr(finding.id)
    return ", ".join(filter(None, (f"line {finding.line:,}" if finding.line else "", item_id)))
