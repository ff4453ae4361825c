"""Counters of a job on Beam's local runner for batches with state, all of them.

Stock (Beam 2.77), BundleBasedDirectRunner counts the first bundle of each step only: the scope that counters
report to is cached with that bundle's container, and what later bundles count is never read.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from apache_beam.metrics.execution import MetricsContainer
from apache_beam.runners.direct import executor


@contextmanager
def every_bundle_counted() -> Iterator[None]:
    """Counts every bundle within it."""
    stock_attempt = executor.TransformExecutor.attempt_call
    count_every_bundle()
    try:
        yield
    finally:
        executor.MetricsContainer = MetricsContainer
        executor.TransformExecutor.attempt_call = stock_attempt


def count_every_bundle() -> None:
    """Gives all bundles of a step the one container that its scope knows, emptied for each try.

    For this process. Changes nothing on other runners.
    """
    containers: dict[str, MetricsContainer] = {}
    stock_attempt = executor.TransformExecutor.attempt_call

    def container(step_name: str) -> MetricsContainer:
        return containers.setdefault(step_name, MetricsContainer(step_name))

    def attempt_call(self: Any, metrics_container: MetricsContainer, *arguments: Any) -> None:
        metrics_container.reset()
        stock_attempt(self, metrics_container, *arguments)

    executor.MetricsContainer = container
    executor.TransformExecutor.attempt_call = attempt_call
