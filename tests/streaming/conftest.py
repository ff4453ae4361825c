"""Fixtures of the tests of the Beam job."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from apache_beam.runners.direct import executor
from streaming_support import Collected

from demo import local_runner
from pipeline import coders


@pytest.fixture(scope="session", autouse=True)
def _coders() -> None:
    """Transforms that are tried alone meet the types of the whole graph."""
    coders.register()


@pytest.fixture
def collected() -> Collected:
    return Collected()


@pytest.fixture
def every_bundle_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """The stock local runner counts a step's first bundle only; put back by monkeypatch."""
    monkeypatch.setattr(executor, "MetricsContainer", executor.MetricsContainer)
    monkeypatch.setattr(executor.TransformExecutor, "attempt_call", executor.TransformExecutor.attempt_call)
    local_runner._count_every_bundle()
