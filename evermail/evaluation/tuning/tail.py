"""The newest training sessions as cases, the others to learn from."""

from __future__ import annotations

import numpy as np

from evermail.evaluation.datasets import Case, DataSet, Sessions
from evermail.evaluation.reading import DataError, Training

SHARE = 0.1
"""Of the training sessions, so many are the tail."""


def split(training: Training, sessions: int, seed: int) -> DataSet:
    """Learns from all but the tail; cases are those of at most `sessions` sessions drawn from it. Raises
    `DataError` if there is nothing to learn from or nothing to be judged by."""
    whole = training.sessions
    cut = len(whole) - max(1, round(SHARE * len(whole)))
    if cut < 1:
        raise DataError("one session is too little: the newest of them are what the others are judged by")
    end = whole.starts[cut]
    head = Sessions(whole.items[:end], whole.times[:end], whole.starts[: cut + 1])
    tail = np.arange(cut, len(whole))
    if len(tail) > sessions:
        tail = np.sort(np.random.default_rng(seed).choice(tail, sessions, replace=False))
    cases = []
    for session in tail.tolist():
        inside = slice(whole.starts[session], whole.starts[session + 1])
        items, times = whole.items[inside].tolist(), whole.times[inside].tolist()
        cases += [Case(session, items, times, end) for end in range(1, len(items))]
    if not cases:
        raise DataError("the newest sessions have one item each: there is no next one to be judged by")
    return DataSet(list(training.numbers), len(training.numbers), head, cases, training.timed, training.notes)
