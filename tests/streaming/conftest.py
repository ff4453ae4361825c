"""Fixtures of the tests of the Beam job."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from streaming_support import Collected

from pipeline import coders
from pipeline.local_counters import every_bundle_counted


@pytest.fixture(scope="session", autouse=True)
def _coders() -> None:
    """Transforms that are tried alone meet the types of the whole graph."""
    coders.register()


@pytest.fixture
def collected() -> Collected:
    return Collected()


@pytest.fixture
def every_bundle_counts() -> Iterator[None]:
    """The stock local runner counts a step's first bundle only."""
    with every_bundle_counted():
        yield
