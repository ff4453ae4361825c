"""`evermail tune`: better constants, found on training sessions alone."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import msgspec
import numpy as np
import typer
from numpy.typing import NDArray

from evermail.evaluation import metrics
from evermail.evaluation.bootstrap import intervals
from evermail.evaluation.command import UNUSABLE
from evermail.evaluation.datasets import DataSet, Floats
from evermail.evaluation.progress import on_console
from evermail.evaluation.reading import DataError, Format, read_training
from evermail.evaluation.report import Figure
from evermail.evaluation.tuning.report import Change, Tail, Tuned, changed, table
from evermail.evaluation.tuning.search import search
from evermail.evaluation.tuning.subjects import DEPTH, SUBJECTS, Ranks
from evermail.evaluation.tuning.tail import split

RULES = "", "unseen "
"""Everything recommended and counted, and only what was not seen before."""

MEASURES = {f"hr@{DEPTH}": metrics.hit_rate, f"mrr@{DEPTH}": metrics.reciprocal_rank}

FIGURES = tuple(rule + name for rule in RULES for name in MEASURES)

Values = dict[str, Floats]
"""For each of `FIGURES` one value for each case that counts."""


def tune(
    train: Annotated[list[Path], typer.Option(help="Training sessions. Give it again for another data set.")],
    form: Annotated[
        list[Format],
        typer.Option("--format", help="Of each training file: sessions or lines, as for evermail evaluate."),
    ],
    model: Annotated[str, typer.Option(help=f"Which: {', '.join(SUBJECTS)}.")] = "evermail",
    budget: Annotated[int, typer.Option(min=1, help="How many sets of constants are tried.")] = 100,
    sessions: Annotated[int, typer.Option(min=1, help="Sessions of each tail that judge.")] = 1_000,
    days: Annotated[
        float, typer.Option(min=0, help="Days that sessions without times are spread over; 0: nothing fades.")
    ] = 0.0,
    seed: Annotated[int, typer.Option(help="The same seed tries the same.")] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="Print all of it as JSON, shares of 1.")] = False,
) -> None:
    """Search for better constants on the newest tenth of training sessions, after learning from the rest.

    All data sets weigh the same. What is made as high as it can be is the mean of HR@20 and MRR@20, with
    everything recommended and with what was seen left out. There is no way to give test cases. In the end
    each constant that changed is put back alone, to show what it is worth. Exit code 2: a file or the command
    line is at fault.

    \b
      evermail tune --train a.txt --format sessions --train b.gz --format lines --days 150
    """
    if len(form) != len(train):
        raise typer.BadParameter("give one for each --train, in the same order", param_hint="--format")
    if Format.CASES in form:
        raise typer.BadParameter("cases are for testing: tune on training sessions", param_hint="--format")
    if model not in SUBJECTS:
        raise typer.BadParameter(
            f"no model {model!r} with constants: choose from {', '.join(SUBJECTS)}", param_hint="--model"
        )
    with on_console() as (console, track):
        try:
            tails = [
                split(read_training(path, one, track, days=days), sessions, seed)
                for path, one in zip(train, form, strict=True)
            ]
        except DataError as problem:
            console.print(f"evermail tune: {problem}", markup=False, highlight=False, soft_wrap=True)
            raise typer.Exit(UNUSABLE) from None
        subject = SUBJECTS[model]()
        for tail in tails:
            subject.prepare(tail)
        start = subject.start
        highest = -1.0
        tries = 0

        def typed(point: Mapping[str, float]) -> dict[str, int | float]:
            """Whole numbers where the constants in use are."""
            return {name: type(start[name])(at) for name, at in point.items()}

        def values(point: Mapping[str, float]) -> list[Values]:
            return [values_of(subject.ranks(place, point), tail) for place, tail in enumerate(tails)]

        def mean(point: Mapping[str, float]) -> float:
            return float(np.mean([one.mean() for tail in values(point) for one in tail.values()]))

        def value(point: Mapping[str, float]) -> float:
            nonlocal highest, tries
            found, tries = mean(point), tries + 1
            if found > highest:
                highest = found
                told = f"{tries:>5}{100 * found:>9.3f}  {changed(start, typed(point))}"
                console.print(told, markup=False, highlight=False, soft_wrap=True)
            return found

        console.print("  try    score  better than all before", highlight=False)
        tried = search(subject.space, start, value, budget=budget, seed=seed, track=track)
        best = typed(max(tried, key=lambda one: one[1])[0])
        differing = [name for name, at in best.items() if at != start[name]]
        changes = [
            Change(name, start[name], best[name], mean({**best, name: start[name]}))
            for name in track(differing, "putting each constant back", len(differing))
        ]
        before, after = values(start), values(best)
    found = Tuned(
        model=model,
        tried=len(tried),
        seed=seed,
        before=tried[0][1],
        value=highest,
        constants=best,
        changes=changes,
        tails=[
            compare(path.name, old, new, tail)
            for path, old, new, tail in zip(train, before, after, tails, strict=True)
        ],
        file=subject.file,
        lines=[subject.line(name, best[name]) for name in differing],
    )
    if as_json:
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(found), indent=2).decode() + "\n")
    else:
        print("\n".join(table(found)))


def values_of(ranks: Ranks, tail: DataSet) -> Values:
    """What each case counts."""
    everything, unseen = ranks
    parts = zip(RULES, (everything, unseen[is_unseen(tail)]), strict=True)
    return {rule + name: measure(one, DEPTH) for rule, one in parts for name, measure in MEASURES.items()}


def is_unseen(tail: DataSet) -> NDArray[np.bool_]:
    """For each case, whether its target was not seen before."""
    return np.array([case.target not in case.history for case in tail.cases], bool)


def compare(name: str, before: Values, after: Values, tail: DataSet) -> Tail:
    """Two sets of constants on one tail."""
    sessions = np.array([case.session for case in tail.cases], np.int64)
    new = is_unseen(tail)
    difference = {}
    for figure in FIGURES:
        changed = after[figure] - before[figure]
        low, high = intervals(changed[:, None], sessions[new] if figure.startswith(RULES[1]) else sessions)
        difference[figure] = Figure(float(changed.mean()), float(low[0]), float(high[0]))
    return Tail(
        train=name,
        cases=len(sessions),
        before={figure: float(before[figure].mean()) for figure in FIGURES},
        after={figure: float(after[figure].mean()) for figure in FIGURES},
        difference=difference,
    )
