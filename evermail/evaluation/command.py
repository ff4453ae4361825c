"""`evermail evaluate`: how good recommendations are, on sessions of a shop."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from evermail.evaluation import variants
from evermail.evaluation.models.model import Model
from evermail.evaluation.models.popularity import RECENT_SHARE, Popular, RecentlyViewed
from evermail.evaluation.models.rules import AssociationRules, ItemKnn, SequentialRules
from evermail.evaluation.models.served import Evermail
from evermail.evaluation.models.session_knn import SessionKnn
from evermail.evaluation.progress import on_console
from evermail.evaluation.protocol import Repeats, counted, measure
from evermail.evaluation.reading import DataError, Format, read
from evermail.evaluation.report import report, table

MODELS: dict[str, Callable[[], Model]] = {
    "evermail": Evermail,
    "pop": Popular,
    "recentpop": lambda: Popular(RECENT_SHARE),
    "viewed": RecentlyViewed,
    "ar": AssociationRules,
    "sr": SequentialRules,
    "itemknn": ItemKnn,
    "vmisknn": SessionKnn,
    "vmisknn-dropped": lambda: SessionKnn(keeps_current=False),
}

UNUSABLE = 2
"""Exit code: a file is at fault, or the command line, as for typer."""

NOT_DRAWN = 1
"""Exit code: all was measured, and the chart could not be written in the end."""

EXPLAINED = """
Every model ranks all items. HR, MRR, NDCG and their intervals (95 %, bootstrap over sessions) are in per
cent. Coverage is of the items in training; popular is the mean of the clicks of what is recommended, as a
share of those of the most clicked item. Models after the first are compared with it. vmisknn may recommend
the current item; vmisknn-dropped is without the current item, as the program that Serenade published.
Exit code 2: a file or the command line is at fault.

Examples:

\b
  evermail evaluate --train train.txt --test test.txt --format sessions
  evermail evaluate --train sessions.gz --test cases.gz --format cases --model evermail,ar --json
"""


def evaluate(
    train: Annotated[Path, typer.Option(help="Sessions to learn from. Files ending in .gz are gzip.")],
    test: Annotated[Path, typer.Option(help="Sessions, or cases, to be judged by.")],
    form: Annotated[
        Format,
        typer.Option(
            "--format",
            help="sessions: a table with the columns SessionId, ItemId, Time, separated by tabs. lines: one "
            "session a line, items separated by spaces. cases: lines to learn from, and to be judged by "
            "`items so far<TAB>next item`.",
        ),
    ],
    model: Annotated[
        str | None,
        typer.Option(help="Models to compare, separated by commas.", show_default=",".join(MODELS)),
    ] = None,
    repeats: Annotated[
        Repeats,
        typer.Option(
            help="Whether an item of the session may come again: yes, all but the current one, or no. If "
            "not, it is not recommended, and cases where it is the next item do not count."
        ),
    ] = Repeats.YES,
    days: Annotated[
        float, typer.Option(min=0, help="Days that sessions without times are spread over; 0: nothing fades.")
    ] = 0.0,
    rows: Annotated[
        str, typer.Option(help="Compare evermail with rows of so many neighbours instead, as in 10,50,all.")
    ] = "",
    lag: Annotated[
        str,
        typer.Option(
            help="Compare evermail with what it knows so far behind instead, as in 0s,1h,48h: first the rows "
            "of neighbours only, then all of it. It goes on learning while it is tested."
        ),
    ] = "",
    chart: Annotated[
        Path | None, typer.Option(help="Where to draw what --rows or --lag found, as SVG.")
    ] = None,
    k: Annotated[str, typer.Option(help="Lengths of lists, separated by commas.")] = "6,20",
    as_json: Annotated[bool, typer.Option("--json", help="Print all of it as JSON, shares of 1.")] = False,
) -> None:
    """Measure how well the next item of a session is recommended, beside what the field compares with."""
    models, cutoffs = _models(model, rows, lag), _cutoffs(k)
    if days and form is Format.SESSIONS:
        raise typer.BadParameter("not together with --format sessions, which has times", param_hint="--days")
    if chart is not None:
        _check_chart(chart, rows or lag)
    with on_console() as (console, track):
        try:
            data = read(train, test, form, track, days=days)
        except DataError as problem:
            console.print(f"evermail evaluate: {problem}", markup=False, highlight=False, soft_wrap=True)
            raise typer.Exit(UNUSABLE) from None
        if lag and not data.timed:
            raise typer.BadParameter("needs times: --format sessions", param_hint="--lag")
        cases = counted(data, repeats)
        if lag:
            cases.sort(key=lambda case: case.now_us)
        if not cases:
            console.print(
                "evermail evaluate: each next item was seen before: try --repeats yes", markup=False
            )
            raise typer.Exit(UNUSABLE)
        outcomes = []
        for name, make in models.items():
            outcome = measure(name, make(), data, cases, repeats=repeats, depth=cutoffs[-1], track=track)
            each_ms = 1_000 * outcome.answering_s / len(cases)
            console.print(
                f"{name}: learned in {outcome.learning_s:.1f} s, {each_ms:.2f} ms a case", highlight=False
            )
            outcomes.append(outcome)
        found = report(data, cases, outcomes, cutoffs, repeats=repeats)
    if as_json:
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(found), indent=2).decode() + "\n")
    else:
        print("\n".join(table(found)))
    if chart is not None:
        try:
            chart.write_text(variants.chart(found, test.name), encoding="utf-8")
        except OSError as problem:
            typer.echo(f"evermail evaluate: {chart} cannot be written: {problem.strerror}", err=True)
            raise typer.Exit(NOT_DRAWN) from None


evaluate.__doc__ = f"{evaluate.__doc__}\n{EXPLAINED}"


def _check_chart(chart: Path, ranges: str) -> None:
    """Before anything is learned, which may take minutes."""
    if not ranges:
        raise typer.BadParameter("needs --rows or --lag", param_hint="--chart")
    existed = os.path.exists(chart)
    try:
        chart.open("ab").close()  # trying it is the only way to know
    except OSError as problem:
        raise typer.BadParameter(
            f"{chart} cannot be written: {problem.strerror}", param_hint="--chart"
        ) from None
    if not existed:
        chart.unlink()


def _models(written: str | None, rows: str, lag: str) -> variants.Models:
    if rows and lag:
        raise typer.BadParameter("not together with --rows", param_hint="--lag")
    if written is not None and (rows or lag):
        raise typer.BadParameter(f"not together with {'--rows' if rows else '--lag'}", param_hint="--model")
    try:
        if rows:
            return variants.by_bound(rows)
    except ValueError:
        raise typer.BadParameter(f"{rows!r} is not like 10,50,all", param_hint="--rows") from None
    try:
        if lag:
            return variants.by_lag(lag)
    except ValueError:
        raise typer.BadParameter(f"{lag!r} is not like 0s,1h,48h", param_hint="--lag") from None
    if written is None:
        return MODELS
    names = list(dict.fromkeys(name.strip() for name in written.split(",")))
    unknown = [name for name in names if name not in MODELS]
    if unknown:
        raise typer.BadParameter(
            f"no model {unknown[0]!r}: choose from {', '.join(MODELS)}", param_hint="--model"
        )
    return {name: MODELS[name] for name in names}


def _cutoffs(written: str) -> list[int]:
    try:
        cutoffs = sorted({int(part) for part in written.split(",")})
    except ValueError:
        cutoffs = [0]
    if cutoffs[0] < 1:
        raise typer.BadParameter(f"{written!r} are not whole numbers from 1, such as 6,20", param_hint="--k")
    return cutoffs
