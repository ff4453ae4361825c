"""Time as the whole project counts it: whole microseconds since the Unix epoch, in UTC.

Integers keep comparisons exact and match the resolution of Beam and Firestore. Code that
needs the current time takes a `Clock` as an argument, so tests decide what time it is.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

Clock = Callable[[], int]
"""Returns the current time in microseconds since the Unix epoch."""

SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR


@dataclass(frozen=True)
class Stopped:
    """A clock that always shows the same time."""

    time_us: int

    def __call__(self) -> int:
        return self.time_us


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def now_us() -> int:
    """The wall clock, in microseconds since the Unix epoch."""
    return time.time_ns() // 1000


def from_datetime(moment: datetime) -> int:
    """Microseconds since the epoch of a timezone-aware datetime."""
    return (moment - _EPOCH) // _MICROSECOND


def to_datetime(time_us: int) -> datetime:
    """The UTC datetime of a time in microseconds since the epoch."""
    return _EPOCH + timedelta(microseconds=time_us)


def to_rfc3339(time_us: int) -> str:
    """RFC 3339 in UTC with microseconds, such as `2026-11-24T03:00:00.123000Z`."""
    return to_datetime(time_us).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def from_rfc3339(text: str) -> int:
    """Microseconds since the epoch of an RFC 3339 time. Raises `ValueError` without a date, time and zone."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("a time without its zone is none")
    return from_datetime(moment)
