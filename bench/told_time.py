"""The job's transforms of rows without Beam: states in dictionaries, timers in a time that is told."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import Any

from apache_beam.utils.timestamp import Timestamp

from pipeline.rows import RowsFn


class Timers:
    """What is to happen when, and what time it is: microseconds."""

    def __init__(self) -> None:
        self.now_us = 0
        self._set: dict[Hashable, int] = {}
        self._queue: list[tuple[int, int, Hashable]] = []
        self._count = 0

    def clock(self) -> int:
        return self.now_us

    def set(self, name: Hashable, at_us: int) -> None:
        """Sets a timer, in place of the time that it was set to before."""
        self._set[name] = at_us
        self._count += 1
        heappush(self._queue, (at_us, self._count, name))

    def until(self, now_us: int | None) -> Iterator[Hashable]:
        """Lets time pass: the timers that fire, one by one. None is the end of everything."""
        while self._queue and (now_us is None or self._queue[0][0] <= now_us):
            at_us, _, name = heappop(self._queue)
            if self._set.get(name) == at_us:
                del self._set[name]
                self.now_us = max(self.now_us, at_us)
                yield name
        if now_us is not None:
            self.now_us = now_us


class _Cell:
    """A state of one value."""

    value: Any = None

    def read(self) -> Any:
        return self.value

    def write(self, value: Any) -> None:
        self.value = value

    def clear(self) -> None:
        self.value = None


class _Bag(list[Any]):
    """A state of many values."""

    add = list.append

    def read(self) -> list[Any]:
        return self


@dataclass(frozen=True)
class _Timer:
    set_timer: Callable[[int], None]

    def set(self, moment: Timestamp) -> None:
        self.set_timer(moment.micros)


@dataclass(frozen=True)
class _States:
    changes: _Bag = field(default_factory=_Bag)
    stored: _Cell = field(default_factory=_Cell)
    shown: _Cell = field(default_factory=_Cell)
    due: _Cell = field(default_factory=_Cell)


class Rows:
    """All rows of one transform. Its timers are named (this, "flush" or "fold", key)."""

    def __init__(self, fn: RowsFn, timers: Timers) -> None:
        self.written = 0
        self._fn = fn
        self._fn.setup()
        self._timers = timers
        self._states: defaultdict[str, _States] = defaultdict(_States)

    def take(self, key: str, change: Any) -> None:
        states = self._states[key]
        flush, fold = self._timer("flush", key), self._timer("fold", key)
        forget = _Timer(lambda at_us: None)  # no row is that old here
        self._fn.process((key, change), states.changes, states.due, flush, fold, forget)

    def fire(self, family: str, key: str) -> None:
        states = self._states[key]
        of_row = (key, states.changes, states.stored, states.shown, states.due)
        if family == "fold":
            self._fn.fold(*of_row)
        else:
            self.written += len(self._fn.flush(*of_row, self._timer(family, key)))

    def _timer(self, family: str, key: str) -> _Timer:
        return _Timer(lambda at_us: self._timers.set((self, family, key), at_us))
