"""What the worker's state cache believes a value weighs: our values know it, so nobody has to walk them.

A Beam worker keeps the state of keys in a cache bounded by bytes, and for that measures each value it puts
in with `objsize`, which first makes a list of everything that all loaded modules refer to: 240 us a value
(Beam 2.77), several values an event, 82 % of what stock state handling costs. `quick_weights` replaces the
measuring function for what can be told at a glance: lists of numbers, bytes, text and `Weighed`
values. All else is measured as before. The weight remains honest, so the cache's limit
(`--max_cache_memory_usage_mb`) still bounds the worker's memory.

The change is made in the worker's own process, when a DoFn is set up there, and is off with
`--state_cache=stock`.
"""

from __future__ import annotations

from sys import getsizeof
from typing import Any

from apache_beam.runners.worker import statecache

_POINTER = 8
_PLAIN = frozenset({int, bytes, str, float, bool, type(None)})


class Weighed:
    """A value of state that knows its size in bytes: subclasses define `__sizeof__` for all they hold."""

    __slots__ = ()


_measured = statecache.get_deep_size


def deep_size(*values: Any) -> int:
    """The bytes that values take: `apache_beam.runners.worker.statecache.get_deep_size`, quickly."""
    total = 0
    for value in values:
        if type(value) is not list:
            return _measured(*values)
        total += getsizeof(value)
        for element in value:
            if type(element) in _PLAIN or isinstance(element, Weighed):
                total += getsizeof(element)
            else:
                return _measured(*values)
    return total


def quick_weights(on: bool) -> None:
    """Has this process's state cache weigh quickly, or as stock Beam does."""
    statecache.get_deep_size = deep_size if on else _measured
