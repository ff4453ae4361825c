"""What Beam's worker takes when FnApiRunner runs it in this process: CPU time by stage."""

from __future__ import annotations

import gc
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

from apache_beam.runners.worker import bundle_processor, sdk_worker


class WorkerMeter:
    """`seconds` of CPU by what `step_of` makes of the names of a stage's transforms.

    What a worker takes to start is not in them: it does not come with events. `collecting` is what Python's
    full garbage collections took of them. They walk through the runner as well, and that holds here what is
    elsewhere with Dataflow: the state of all shoppers, and what waits between stages.
    """

    def __init__(self, step_of: Callable[[Collection[str]], str]) -> None:
        self.seconds: Counter[str] = Counter()
        self.collecting = 0.0
        self._step_of = step_of
        self._steps: dict[str, str] = {}
        self._working = False
        self._starting = 0.0

    @contextmanager
    def running(self) -> Iterator[None]:
        """Measures what runs within."""
        process_bundle, start = sdk_worker.SdkWorker.process_bundle, bundle_processor.BundleProcessor.__init__

        def metered_bundle(worker: Any, request: Any, instruction_id: str) -> Any:
            self._working, self._starting = True, 0.0
            begun = time.thread_time()
            try:
                return process_bundle(worker, request, instruction_id)
            finally:
                seconds = time.thread_time() - begun - self._starting
                self._working = False
                self.seconds[self._step(worker, request.process_bundle_descriptor_id)] += seconds

        def metered_start(processor: Any, *arguments: Any) -> None:
            begun = time.thread_time()
            start(processor, *arguments)
            self._starting += time.thread_time() - begun

        with (
            mock.patch.object(sdk_worker.SdkWorker, "process_bundle", metered_bundle),
            mock.patch.object(bundle_processor.BundleProcessor, "__init__", metered_start),
        ):
            gc.callbacks.append(self._collects)
            try:
                yield
            finally:
                gc.callbacks.remove(self._collects)

    def _step(self, worker: Any, stage: str) -> str:
        if stage not in self._steps:
            transforms = worker.bundle_processor_cache.fns[stage].transforms.values()
            self._steps[stage] = self._step_of([transform.unique_name for transform in transforms])
        return self._steps[stage]

    def _collects(self, phase: str, collection: dict[str, int]) -> None:
        if self._working and collection["generation"] == 2:
            self.collecting += time.thread_time() * (1 if phase == "stop" else -1)
