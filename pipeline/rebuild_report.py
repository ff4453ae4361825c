"""What a rebuild did, by its counters, for whoever started it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from apache_beam.runners.runner import PipelineResult

from pipeline import names
from pipeline.counted import counted

_ROWS = {
    "rows read": names.ARCHIVE_ROWS_READ,
    "copies dropped": names.ARCHIVE_COPIES_READ,
    "lines unreadable": names.ARCHIVE_LINES_UNREADABLE,
    "events accepted": names.ACCEPTED,
    "events known already": names.DUPLICATE,
    "events late": names.LATE,
    "events before an erasure": names.ERASED,
    "events rejected": names.REJECTED_PREFIX,
    "documents made": names.DOCUMENTS_MADE,
    "documents written": names.DOCUMENTS_WRITTEN,
    "documents that the store has newer": names.DOCUMENTS_STALE,
    "documents refused": names.DOCUMENTS_REFUSED,
    "stored documents unreadable": names.DOCUMENTS_UNREADABLE,
}


def totals(result: PipelineResult) -> Mapping[str, int] | None:
    """The job's counters by name, summed over its steps; those of rejected events together, under
    `names.REJECTED_PREFIX`. None if the runner does not tell them."""
    try:
        found = counted(result)
    except Exception:  # each runner has errors of its own, and what was rebuilt does not depend on them
        return None
    sums: Counter[str] = Counter()
    for name, count in found.items():
        sums[names.REJECTED_PREFIX if name.startswith(names.REJECTED_PREFIX) else name] += count
    return sums


def report(found: Mapping[str, int] | None, archive: str, dead_letter_topic: str) -> str:
    """Lines for people, of `totals`; the last says where dead letters are, if there are any."""
    if found is None:
        return f"Rebuild from {archive}: the runner tells no counters here."
    values = {label: f"{found.get(name, 0):,}" for label, name in _ROWS.items()}
    wide = max(map(len, values)), max(map(len, values.values()))
    lines = [f"  {label:<{wide[0]}}  {value:>{wide[1]}}" for label, value in values.items()]
    letters = found.get(names.ARCHIVE_LINES_UNREADABLE, 0) + found.get(names.DOCUMENTS_REFUSED, 0)
    if letters:
        lines.append(
            f"What was unreadable or refused went to {dead_letter_topic}; with a subscription of it:\n"
            "  evermail dead-letters list projects/PROJECT/subscriptions/NAME"
        )
    return "\n".join([f"Rebuild from {archive}:", *lines])


def why_nothing(found: Mapping[str, int] | None, archive: str) -> str:
    """Why not one row was read, in a line; empty if one was, or if the runner does not tell."""
    if found is None or found.get(names.ARCHIVE_ROWS_READ):
        return ""
    if found.get(names.ARCHIVE_LINES_UNREADABLE):
        return f"Nothing was rebuilt: no line of {archive} could be read."
    return f"Nothing was rebuilt: no row in that archive and span ({archive})."
