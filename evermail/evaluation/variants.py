"""The served model over a range: rows cut at several lengths, or what it knows several times behind."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

from evermail import clock
from evermail.evaluation.chart import Line, line_chart
from evermail.evaluation.models.lagging import Lagging
from evermail.evaluation.models.model import Model
from evermail.evaluation.models.served import UNBOUNDED, Evermail
from evermail.evaluation.report import Report

Models = Mapping[str, Callable[[], Model]]

ALL = "all"
_UNITS = {"s": clock.SECOND, "m": clock.MINUTE, "h": clock.HOUR, "d": clock.DAY}


def by_bound(written: str) -> Models:
    """Models by how many neighbours their rows keep, as in `10,50,all`. Raises `ValueError`."""
    found: dict[str, Callable[[], Model]] = {}
    for bound in (part.strip() for part in written.split(",")):
        kept = UNBOUNDED if bound == ALL else int(bound)
        if kept < 1:
            raise ValueError
        found[f"rows {bound}"] = lambda kept=kept: Evermail(kept)  # type: ignore[misc]
    return found


def by_lag(written: str) -> Models:
    """Models by how far they are behind, as in `0s,1h,2d`: first the rows only, then all of it. Raises
    `ValueError`."""
    lags: dict[str, int] = {}
    for lag in (part.strip() for part in written.split(",")):
        if not re.fullmatch(r"\d{1,6}[smhd]", lag):
            raise ValueError
        lags[lag] = int(lag[:-1]) * _UNITS[lag[-1]]
    return {
        f"{what} {lag}": lambda us=us, every=every: Lagging(us, all_of_it=every)  # type: ignore[misc]
        for what, every in (("rows", False), ("all", True))
        for lag, us in lags.items()
    }


def chart(report: Report, of: str) -> str:
    """HR and MRR at the largest cutoff over a range, in per cent, as SVG. `of` names the test."""
    parts = [model.model.split(" ", 1) for model in report.models]
    steps: Sequence[str] = list(dict.fromkeys(step for _, step in parts))
    kinds = list(dict.fromkeys(kind for kind, _ in parts))
    lagging = len(kinds) > 1
    k = report.models[0].at[-1].k
    lines = [
        Line(
            f"{name.upper()}@{k}" + (f", {_BEHIND[kind]}" if lagging else ""),
            [
                100 * model.at[-1].figures[name].value
                for model, (own, _) in zip(report.models, parts, strict=True)
                if own == kind
            ],
            hue,
            dashed=name == "mrr",
        )
        for hue, kind in enumerate(kinds)
        for name in ("hr", "mrr")
    ]
    up = f"HR@{k} and MRR@{k}, %"
    if lagging:
        steps = [f"{step[:-1]} {_WORDS[step[-1]]}" for step in steps]
        across = "what is known is so far behind the clicks (not to scale)"
        return line_chart(f"What a stream is worth: {of}", steps, lines, across=across, up=up)
    across = "neighbours kept in a row (not to scale)"
    return line_chart(f"What a row keeps: {of}", steps, lines, across=across, up=up)


_BEHIND = {"rows": "only rows behind", "all": "profile behind too"}
_WORDS = {"s": "s", "m": "min", "h": "h", "d": "d"}
