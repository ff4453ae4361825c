"""The stream learns what a batch learns: rows of neighbours, with copies and disorder on the way."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from bench import parity
from evermail import clock, repeats
from evermail.evaluation.datasets import DataSet, Sessions
from evermail.evaluation.progress import silent

ITEMS, SESSIONS = 30, 120
START_US = 1_790_000_000 * clock.SECOND


@pytest.fixture
def data() -> DataSet:
    dice = random.Random(7)
    lengths = [dice.randint(1, 12) for _ in range(SESSIONS)]
    items = [min(int(dice.paretovariate(0.7)), ITEMS) - 1 for _ in range(sum(lengths))]
    bounds = np.cumsum([0, *lengths])
    times: list[int] = []
    for number, length in enumerate(lengths):
        start_us = START_US + number * clock.HOUR
        # Several clicks of a session share a second, as in real data
        times += sorted(start_us + dice.randint(0, 2) * clock.SECOND for _ in range(length))
    sessions = Sessions(np.array(items), np.array(times), bounds)
    return DataSet([f"I{number}" for number in range(ITEMS)], ITEMS, sessions, [], timed=True)


def test_every_row_is_the_same(data: DataSet) -> None:
    found = parity.compare(data, copies=0.3, disorder_s=600, seed=3, track=silent)
    assert found.differing == []
    assert found.rows > ITEMS / 2
    assert found.messages > found.clicks


def test_a_click_that_is_lost_shows(data: DataSet, monkeypatch: pytest.MonkeyPatch) -> None:
    stream = parity._stream

    def lossy(*arguments: Any) -> Iterator[bytes]:
        messages = list(stream(*arguments))
        del messages[50]
        return iter(messages)

    monkeypatch.setattr(parity, "_stream", lossy)
    found = parity.compare(data, copies=0.0, disorder_s=0, seed=3, track=silent)
    assert repeats.ROW_ID in found.differing or len(found.differing) > 1
