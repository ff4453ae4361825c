"""How long windows may still change: longer than the shoppers accept events, so that none is lost."""

from __future__ import annotations

from apache_beam.utils.timestamp import Duration

from evermail.clock import HOUR
from pipeline.config import JobConfig

SLACK_US = HOUR
"""An event that was in time for the shoppers must not be late further on, however long the way was."""


def allowed_lateness(config: JobConfig) -> Duration:
    """Of windows that count accepted events."""
    return Duration(micros=config.allowed_lateness_us + SLACK_US)
