"""A worker looks for cyclic garbage as seldom as its job says, and still finds it."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator

import pytest
from streaming_support import config

from pipeline import garbage
from pipeline.neighbors import NeighborsFn
from pipeline.remember import RememberFn
from pipeline.users import Users


@pytest.fixture(autouse=True)
def _stock_afterwards() -> Iterator[None]:
    yield
    garbage.collect_seldom(False)


@pytest.mark.parametrize(("seldom", "expected"), [(True, garbage.SELDOM), (False, garbage._STOCK)])
def test_a_worker_collects_as_its_job_says(seldom: bool, expected: tuple[int, int, int]) -> None:
    for fn in (
        RememberFn(config(seldom_collection=seldom), Users),
        NeighborsFn(config(seldom_collection=seldom)),
    ):
        gc.set_threshold(1, 2, 3)
        fn.setup()
        assert gc.get_threshold() == expected


def test_cycles_are_found_all_the_same() -> None:
    class Node:
        def __init__(self) -> None:
            self.itself = self

    garbage.collect_seldom(True)
    first = weakref.ref(Node())
    for _ in range(2 * garbage.SELDOM[0]):
        Node()
    assert first() is None
