"""A debounced flush for stateful transforms: many changes of a key, one document.

The first change after a flush sets a timer; later ones leave it alone, so a busy key is written
once an interval and never starves.
"""

from __future__ import annotations

from typing import Any

from apache_beam.coders import VarIntCoder
from apache_beam.transforms.userstate import ReadModifyWriteStateSpec
from apache_beam.utils.timestamp import Timestamp

from evermail import clock

FLUSH_DUE = ReadModifyWriteStateSpec("flush_due", VarIntCoder())
"""When the timer that is set will fire, in microseconds of the timers' clock; nothing when none is set."""

OVERDUE_US = 10 * clock.MINUTE
"""A timer that has not fired this long after its time is taken for lost, and set again."""


def is_set(due_us: int | None, now_us: int) -> bool:
    """Whether a timer will still fire that was set for this time, or for none."""
    return due_us is not None and now_us < due_us + OVERDUE_US


def schedule(due: Any, timer: Any, timer_clock: clock.Clock, interval_us: int) -> bool:
    """Sets the timer unless it is set already. Returns whether a flush has newly become due."""
    now_us, due_us = timer_clock(), due.read()
    if is_set(due_us, now_us):
        return False
    timer.set(Timestamp(micros=now_us + interval_us))
    due.write(now_us + interval_us)
    return due_us is None
