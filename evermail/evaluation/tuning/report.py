"""What a search for constants found, as JSON for programs and for people, who paste it into the code."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec

from evermail.evaluation.bootstrap import CONFIDENCE
from evermail.evaluation.report import Figure


class Change(msgspec.Struct, frozen=True):
    """A constant that is better with another value: `put_back` is what is left of the mean of all figures if
    this one alone has its value from before."""

    constant: str
    before: int | float
    after: int | float
    put_back: float


class Tail(msgspec.Struct, frozen=True):
    """Figures of one data set, by name, as shares of 1: with the constants in use, with the best ones that
    were found, and how they differ (paired bootstrap over sessions)."""

    train: str
    cases: int
    before: dict[str, float]
    after: dict[str, float]
    difference: dict[str, Figure]


class Tuned(msgspec.Struct, frozen=True):
    """`value` is the mean of all figures of all data sets, which the search makes as high as it can."""

    model: str
    tried: int
    seed: int
    before: float
    value: float
    constants: dict[str, int | float]
    changes: list[Change]
    tails: list[Tail]
    file: str
    """Where the constants stand, and what to write there: a line for each that changes."""
    lines: list[str]


def table(found: Tuned) -> Iterator[str]:
    """The lines of the report for people, figures in per cent."""
    yield (
        f"{found.model}: {found.tried:,} sets of constants tried, mean of all figures "
        f"{100 * found.before:.3f} -> {100 * found.value:.3f}"
    )
    wide = max(15, *(len(tail.train) for tail in found.tails))
    yield ""
    yield f"{'figure':<{wide}}{'from':>9}{'to':>9}{'change':>9}  {CONFIDENCE:.0%}"
    for tail in found.tails:
        yield f"{tail.train} ({tail.cases:,} cases of its tail)"
        for name, one in tail.difference.items():
            yield (
                f"  {name:<{wide - 2}}{100 * tail.before[name]:>9.2f}{100 * tail.after[name]:>9.2f}"
                f"{100 * one.value:>+9.2f}  {100 * one.low:+.2f} .. {100 * one.high:+.2f}"
            )
    yield ""
    if not found.changes:
        yield "Nothing that was tried is better than the constants in use."
        return
    wide = max(len(change.constant) for change in found.changes)
    yield f"{'constant':<{wide}}{'from':>9}{'to':>9}{'score':>9}  (the mean, if only this one is put back)"
    for change in found.changes:
        yield (
            f"{change.constant:<{wide}}{change.before!r:>9}{change.after!r:>9}{100 * change.put_back:>9.3f}"
        )
    yield ""
    yield f"In {found.file} these lines change:"
    yield ""
    yield from found.lines


def changed(start: Mapping[str, int | float], point: Mapping[str, int | float]) -> str:
    """What a point has other than the start, in one line."""
    parts = [f"{name} {start[name]} -> {value}" for name, value in point.items() if value != start[name]]
    return ", ".join(parts) or "the constants in use"
