"""What a job counted: the one way to read it."""

from __future__ import annotations

from collections import Counter

from apache_beam.metrics import MetricsFilter
from apache_beam.runners.runner import PipelineResult

from pipeline import names


def counted(result: PipelineResult) -> Counter[str]:
    """Committed values of all the job's counters by name, summed over its steps. Raises what the runner
    raises if it does not tell them."""
    found = result.metrics().query(MetricsFilter().with_namespace(names.NAMESPACE))["counters"]
    sums: Counter[str] = Counter()
    for counter in found:
        sums[counter.key.metric.name] += counter.committed or 0
    return sums
