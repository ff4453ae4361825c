"""How often a worker's Python looks for cyclic garbage.

Stock settings look through the youngest objects after every 700 that stay, and from time to time through all
there are: the state cache, the product cache, what waits for the end of a bundle. That is a tenth to a sixth
of all CPU time, and our events leave no cycles behind: what they used goes with its last reference. So a
worker may look far less often. The change is made when a DoFn is set up in a worker's process;
`--garbage_collection=stock` leaves it out.
"""

from __future__ import annotations

import gc

SELDOM = (50_000, 20, 20)
"""Thresholds of the three generations (https://docs.python.org/3/library/gc.html#gc.set_threshold)."""

_STOCK = gc.get_threshold()


def collect_seldom(on: bool) -> None:
    """Has this process collect seldom, or as stock Python does."""
    gc.set_threshold(*(SELDOM if on else _STOCK))
