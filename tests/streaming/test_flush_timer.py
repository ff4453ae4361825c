"""A flush is set once and never lost."""

from __future__ import annotations

from evermail.clock import SECOND
from pipeline.flush_timer import OVERDUE_US, schedule


class Cell:
    """A cell of state, or a timer, that keeps what it is given."""

    value: int | None = None

    def read(self) -> int | None:
        return self.value

    def write(self, value: int) -> None:
        self.value = value

    def set(self, timestamp: object) -> None:
        self.value = timestamp.micros  # type: ignore[attr-defined]


def test_the_first_change_sets_the_timer_and_later_ones_leave_it() -> None:
    due, timer = Cell(), Cell()
    assert schedule(due, timer, lambda: 100, SECOND)
    assert not schedule(due, timer, lambda: 200, SECOND)
    assert timer.value == due.value == 100 + SECOND


def test_a_timer_that_never_fired_is_set_again_and_counts_once() -> None:
    due, timer = Cell(), Cell()
    schedule(due, timer, lambda: 0, SECOND)
    late = SECOND + OVERDUE_US
    assert not schedule(due, timer, lambda: late, SECOND)
    assert timer.value == due.value == late + SECOND
