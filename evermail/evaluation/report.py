"""What was measured, as JSON for programs and as a table for people."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec
import numpy as np

from evermail.evaluation import metrics
from evermail.evaluation.bootstrap import CONFIDENCE, intervals
from evermail.evaluation.datasets import Case, DataSet
from evermail.evaluation.protocol import Outcome, Repeats

_RULES = {
    Repeats.YES: "every next item counts, and everything may be recommended",
    Repeats.NOT_CURRENT: "the current item neither counts as the next one nor is recommended",
    Repeats.NO: "only next items not yet seen count, and what was seen is not recommended",
}


class Figure(msgspec.Struct, frozen=True):
    """A mean over all cases, as a share of 1, and the interval that bootstrap gives it."""

    value: float
    low: float
    high: float


class AtCutoff(msgspec.Struct, frozen=True):
    """Figures of the first `k` items. `difference` is to the first model: empty for that one itself."""

    k: int
    figures: dict[str, Figure]
    difference: dict[str, Figure]
    coverage: float
    popularity_bias: float


class OfLength(msgspec.Struct, frozen=True):
    """Figures of the first `k` items, the largest cutoff, of the cases with a history of so many clicks."""

    k: int
    clicks: str
    cases: int
    figures: dict[str, float]


class OfModel(msgspec.Struct, frozen=True):
    model: str
    at: list[AtCutoff]
    by_length: list[OfLength]


class Report(msgspec.Struct, frozen=True):
    repeats: Repeats
    cases: int
    test_sessions: int
    train_sessions: int
    train_clicks: int
    items: int
    notes: list[str]
    models: list[OfModel]


def report(
    data: DataSet,
    cases: Sequence[Case],
    outcomes: Sequence[Outcome],
    cutoffs: Sequence[int],
    *,
    repeats: Repeats,
) -> Report:
    """Sums up what models recommended for the same cases."""
    sessions = np.array([case.session for case in cases], np.int64)
    groups = metrics.by_length(np.array([case.end for case in cases], np.int64))
    values = [metrics.columns(outcome.ranks, cutoffs) for outcome in outcomes]
    differences = [one - values[0] for one in values]
    # All at once: the same sessions are drawn for every figure
    drawn = np.concatenate([*values, *differences], axis=1)
    low, high = intervals(drawn, sessions)
    figures = [Figure(*map(float, one)) for one in zip(drawn.mean(axis=0), low, high, strict=True)]
    names = [(k, name) for k in cutoffs for name in metrics.METRICS]
    found = []
    for place, outcome in enumerate(outcomes):
        own = dict(zip(names, figures[place * len(names) :], strict=False))
        against = dict(zip(names, figures[(len(outcomes) + place) * len(names) :], strict=False))
        at = [
            AtCutoff(
                k,
                {name: own[k, name] for name in metrics.METRICS},
                {name: against[k, name] for name in metrics.METRICS} if place else {},
                metrics.coverage(outcome.lists, k, data.known),
                metrics.popularity_bias(outcome.lists, k, data.clicks),
            )
            for k in cutoffs
        ]
        lengths = [
            OfLength(cutoffs[-1], clicks, len(group), metrics.means(outcome.ranks[group], cutoffs[-1]))
            for clicks, group in groups.items()
        ]
        found.append(OfModel(outcome.name, at, lengths))
    return Report(
        repeats=repeats,
        cases=len(cases),
        test_sessions=len(set(sessions.tolist())),
        train_sessions=len(data.train),
        train_clicks=len(data.train.items),
        items=data.known,
        notes=list(data.notes),
        models=found,
    )


def table(report: Report) -> Iterator[str]:
    """The lines of the report for people, figures in per cent."""
    yield (
        f"{_count(report.cases, 'case')} of {_count(report.test_sessions, 'session')}, after "
        f"{_count(report.train_clicks, 'click')} of {_count(report.train_sessions, 'session')} on "
        f"{_count(report.items, 'item')}"
    )
    yield f"repeats {report.repeats}: {_RULES[report.repeats]}"
    yield from report.notes
    first = report.models[0].model
    wide = max(10, *(len(model.model) + 1 for model in report.models))
    for place, k in enumerate(at.k for at in report.models[0].at):
        yield ""
        names = [f"{name.upper()}@{k}" for name in metrics.METRICS]
        head = "".join(f"{name:>9} {f'{CONFIDENCE:.0%}':<16}" for name in names)
        yield f"{'model':<{wide}}{head}{'coverage':>9}{'popular':>9}"
        for model in report.models:
            at = model.at[place]
            cells = "".join(f"{100 * one.value:>9.2f} {_span(one):<16}" for one in at.figures.values())
            yield f"{model.model:<{wide}}{cells}{100 * at.coverage:>9.1f}{100 * at.popularity_bias:>9.1f}"
        for model in report.models[1:]:
            cells = "".join(
                f"{100 * one.value:>+9.2f} {_span(one):<16}" for one in model.at[place].difference.values()
            )
            yield f"{model.model:<{wide}}{cells}  against {first}"
    yield ""
    groups = report.models[0].by_length
    heads = "".join(f"{f'{group.clicks} ({group.cases:,})':>16}" for group in groups)
    yield f"{f'HR/MRR@{groups[0].k}':<{wide}}{heads}  by clicks before (cases)"
    for model in report.models:
        yield f"{model.model:<{wide}}" + "".join(f"{_pair(group):>16}" for group in model.by_length)


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _pair(group: OfLength) -> str:
    return f"{100 * group.figures['hr']:.2f} / {100 * group.figures['mrr']:.2f}"


def _span(figure: Figure) -> str:
    return f"{100 * figure.low:.2f} .. {100 * figure.high:.2f}"
