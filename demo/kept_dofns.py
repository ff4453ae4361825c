"""Lets one DoFn serve many bundles of its step on Beam's BundleBasedDirectRunner, as every other runner does.

Stock (Beam 2.77), that runner pickles a DoFn for every bundle, sets it up, reads the signatures of all its
methods and tears it down. Bundles of a live demo are small and many: that was more than half of its CPU, and
a publisher of dead letters connected anew each time.
"""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any
from weakref import WeakKeyDictionary

from apache_beam.internal import pickler
from apache_beam.runners.direct.transform_evaluator import _ParDoEvaluator
from apache_beam.runners.sdf_utils import NoOpWatermarkEstimatorProvider
from apache_beam.transforms import core, userstate

_METHODS = ("setup", "start_bundle", "process", "process_batch", "finish_bundle", "teardown")


def keep_dofns() -> None:
    """Keeps each step's DoFn from bundle to bundle, for this process.

    One whose bundle failed is not used again. None is ever torn down: they end with their process.
    """
    stock_start, stock_finish = _ParDoEvaluator.start_bundle, _ParDoEvaluator.finish_bundle
    estimator = NoOpWatermarkEstimatorProvider  # of all DoFns that are not splittable
    _read_arguments_once(estimator(), "create_watermark_estimator", for_all=estimator)
    originals: MutableMapping[Any, core.DoFn] = WeakKeyDictionary()
    idle: MutableMapping[Any, core.DoFn] = WeakKeyDictionary()

    def start_bundle(self: Any) -> None:
        step = self._applied_ptransform
        if self._perform_dofn_pickle_test:  # not so where Beam itself keeps it, as for splittable ones
            self._perform_dofn_pickle_test = False
            original = originals.setdefault(step, step.transform.dofn)
            step.transform.dofn = idle.pop(step, None) or _set_up(pickler.roundtrip(original))
        stock_start(self)

    def finish_bundle(self: Any) -> Any:
        result = stock_finish(self)
        step = self._applied_ptransform
        if step in originals:
            idle[step] = step.transform.dofn
        return result

    _ParDoEvaluator.start_bundle = start_bundle
    _ParDoEvaluator.finish_bundle = finish_bundle


def _set_up(dofn: core.DoFn) -> core.DoFn:
    """Ready for many bundles: the runner's own calls of `setup` and `teardown` no longer do anything."""
    dofn.setup()
    dofn.setup = dofn.teardown = _nothing
    timers = {timer._attached_callback.__name__ for timer in userstate.get_dofn_specs(dofn)[1]}
    for method in (*_METHODS, *timers):
        _read_arguments_once(dofn, method, for_all=dofn)
    return dofn


def _read_arguments_once(of: object, method: str, *, for_all: object) -> None:
    """Beam reads the arguments of a method by reflection, unless it is told them in this way."""
    arguments = core.get_function_arguments(of, method)
    setattr(for_all, f"_inspect_{method}", lambda *_: arguments)


def _nothing() -> None:
    pass
