"""What is measured on: training sessions, and cases of items so far with the item that came next.

Items are numbered from 0 by their ids, those of the training sessions first: an item is known if its number
is below `DataSet.known`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Sessions:
    """Sessions one after the other, oldest first by their last click; in each, items oldest first.

    Session s holds `items[starts[s]:starts[s + 1]]`. `times` are microseconds since the epoch, all zero where
    only the order is known.
    """

    items: Ints
    times: Ints
    starts: Ints

    def __len__(self) -> int:
        return len(self.starts) - 1

    def __iter__(self) -> Iterator[tuple[list[int], list[int]]]:
        """The items and times of each session."""
        for start, end in pairwise(self.starts.tolist()):
            yield self.items[start:end].tolist(), self.times[start:end].tolist()

    @property
    def owners(self) -> Ints:
        """The session of each click."""
        return np.repeat(np.arange(len(self)), np.diff(self.starts))

    def distinct(self, width: int) -> Sessions:
        """The same with each item once a session, by number, without times; `width` is how many items there
        are."""
        owners, items = np.divmod(np.unique(self.owners * width + self.items), width)
        starts = np.searchsorted(owners, np.arange(len(self) + 1))
        return Sessions(items, np.zeros_like(items), starts)


@dataclass(frozen=True, slots=True)
class Case:
    """A session up to its click number `end`, and that one as what came next.

    The cases of a session share its clicks, `items` with their `moments`, oldest first: copies would take
    memory that grows with the square of its length. `history` and `times` are copied when they are asked for.
    """

    session: int
    items: Sequence[int]
    moments: Sequence[int]
    end: int

    @property
    def history(self) -> Sequence[int]:
        """The items up to the moment, oldest first."""
        return self.items[: self.end]

    @property
    def times(self) -> Sequence[int]:
        """When each of `history` was clicked."""
        return self.moments[: self.end]

    @property
    def current(self) -> int:
        """The last item of `history`."""
        return self.items[self.end - 1]

    @property
    def now_us(self) -> int:
        """The last of `times`, 0 if there is none."""
        return self.moments[self.end - 1] if self.end else 0

    @property
    def target(self) -> int:
        """The item that came next."""
        return self.items[self.end]


@dataclass(frozen=True)
class DataSet:
    """`names` are the items' own ids by number; `timed` is false where only the order is known."""

    names: Sequence[str]
    known: int
    train: Sessions
    cases: Collection[Case]
    timed: bool
    notes: Sequence[str] = ()
    """What a reader of the figures should know about how the files were read."""

    @property
    def clicks(self) -> Ints:
        """How often each item occurs in training."""
        return np.bincount(self.train.items, minlength=len(self.names))
