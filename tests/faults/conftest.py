"""What the fault tests need: their own helpers and those of the streaming tests on the import path, and a
local runner that is fast enough for a long stream."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

import pytest
from apache_beam.internal import pickler
from apache_beam.runners.direct import executor, transform_evaluator, watermark_manager
from apache_beam.runners.direct.evaluation_context import EvaluationContext
from apache_beam.transforms import core, userstate
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


@pytest.fixture(scope="module")
def quick_runner() -> Iterator[None]:
    """The local runner as the demo has it, quicker still, and as it was when the test is over."""
    before = [(owner, name, getattr(owner, name)) for owner, name in _PATCHED]
    local_runner.patch_all_but_the_source()
    with ExitStack() as stack:
        stack.enter_context(mock.patch.object(transform_evaluator, "pickler", _pickled_once()))
        stack.enter_context(mock.patch.object(core, "get_function_args_defaults", _reader_of_signatures()))
        yield
    for owner, name, stock in before:
        setattr(owner, name, stock)


def _pickled_once() -> SimpleNamespace:
    """Gives each bundle its own copy of its DoFn, as stock does, but pickles it once for all of them."""
    pickled: dict[int, tuple[Any, bytes]] = {}

    def roundtrip(dofn: Any) -> Any:
        if id(dofn) not in pickled:
            pickled[id(dofn)] = dofn, pickler.dumps(dofn, use_zlib=True)  # kept, and so its id is its own
        return pickler.loads(pickled[id(dofn)][1], use_zlib=True)

    return SimpleNamespace(roundtrip=roundtrip)


def _reader_of_signatures() -> Callable[[Any], Any]:
    """Reads the signature of each function once, not for every bundle."""
    stock = core.get_function_args_defaults
    read: dict[tuple[Any, bool], Any] = {}

    def get_function_args_defaults(function: Any) -> Any:
        key = getattr(function, "__func__", function), hasattr(function, "__self__")
        if key not in read:
            read[key] = stock(function)
        return read[key]

    return get_function_args_defaults
