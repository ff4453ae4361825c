"""A debounced flush for stateful transforms: many changes of a key, one document.

The first change after a flush sets a timer; later ones leave it alone, so a busy key is written
once an interval and never starves.
"""

from __future__ import annotations

from typing import Any

from apache_beam.coders import BooleanCoder
from apache_beam.transforms.userstate import ReadModifyWriteStateSpec
from apache_beam.utils.timestamp import Timestamp

from evermail import clock

FLUSH_DUE = ReadModifyWriteStateSpec("flush_due", BooleanCoder())


def schedule(due: Any, timer: Any, timer_clock: clock.Clock, interval_us: int) -> bool:
    """Sets the timer unless it is set already. Returns whether it was."""
    if due.read():
        return False
    timer.set(Timestamp(micros=timer_clock() + interval_us))
    due.write(True)
    return True
