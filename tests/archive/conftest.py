"""Fixtures of the tests of the archive."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "streaming"))
sys.path.insert(0, str(Path(__file__).parent))

from streaming_support import Collected

from pipeline import coders


@pytest.fixture(scope="session", autouse=True)
def _coders() -> None:
    """Transforms that are tried alone meet the types of the whole graph."""
    coders.register()


@pytest.fixture
def collected() -> Collected:
    return Collected()
