"""Beam's FnApiRunner with a stage of its own for each stateful step, as Dataflow has it.

The runner in the SDK (2.77) fuses a stateful step into the stage of the step before it, and then loses the
timers of all but the first. It has the phase that prevents this, and does not use it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

from apache_beam.runners.portability.fn_api_runner import translations

RUNNER = "--runner=apache_beam.runners.portability.fn_api_runner.FnApiRunner"


@contextmanager
def stateful_stages() -> Iterator[None]:
    """Within it, pipelines that FnApiRunner runs are divided where state begins."""
    first_phase = translations.annotate_downstream_side_inputs

    def with_roots(stages: Any, context: Any) -> Any:
        return translations.annotate_stateful_dofns_as_roots(first_phase(stages, context), context)

    with mock.patch.object(translations, "annotate_downstream_side_inputs", with_roots):
        yield
