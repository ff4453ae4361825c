"""What the fault tests need: their own helpers and those of the streaming tests on the import path, and a
local runner that is fast enough for a long stream."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from apache_beam.runners.direct import executor, transform_evaluator, watermark_manager
from apache_beam.runners.direct.evaluation_context import EvaluationContext
from apache_beam.transforms import userstate
from apache_beam.transforms.trigger import InMemoryUnmergedState

from demo import local_runner

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent / "streaming")]

_PATCHED = [
    (executor, "MetricsContainer"),
    (executor.TransformExecutor, "attempt_call"),
    (userstate, "get_dofn_specs"),
    (userstate, "validate_stateful_dofn"),
    (transform_evaluator, "get_dofn_specs"),
    (InMemoryUnmergedState, "copy"),
    (EvaluationContext, "_initialize_keyed_states"),
    (watermark_manager._TransformWatermarks, "extract_transform_timers"),
]


@pytest.fixture
def quick_runner() -> Iterator[None]:
    """The local runner as the demo has it, and as it was when the test is over."""
    before = [(owner, name, getattr(owner, name)) for owner, name in _PATCHED]
    local_runner.patch_all_but_the_source()
    yield
    for owner, name, stock in before:
        setattr(owner, name, stock)
