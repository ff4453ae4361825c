"""Search for the best of a few values of each constant: at random first, then one constant after the other.

Random search finds the region where several constants have to change together (Bergstra and Bengio, "Random
Search for Hyper-Parameter Optimization", JMLR 2012), coordinate descent the best place in it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import prod

import numpy as np

from evermail.evaluation.progress import Track

Point = tuple[float, ...]
"""A value for each constant."""

CHANGED = 0.3
"""How many of the constants a random try changes, as a share."""


def search(
    space: Mapping[str, Sequence[float]],
    start: Mapping[str, float],
    value: Callable[[Mapping[str, float]], float],
    *,
    budget: int,
    seed: int,
    track: Track,
) -> list[tuple[dict[str, float], float]]:
    """Every point that was tried, in order, the start first, with its value: the higher the better. At most
    `budget` points are, each once; all that there are if they are not more."""
    names = list(space)
    grids = [sorted({*space[name], start[name]}) for name in names]
    random = np.random.default_rng(seed)
    tried: dict[Point, float] = {}

    def best() -> Point:
        return max(tried, key=lambda point: (tried[point], point == first))

    def next_point() -> Point | None:
        if len(tried) < budget // 2:
            for _ in range(100):
                point = tuple(
                    float(random.choice(grid)) if random.random() < CHANGED else at
                    for grid, at in zip(grids, first, strict=True)
                )
                if point not in tried:
                    return point
        for reach in (1, 2, max(map(len, grids))):
            around = [point for point in _around(best(), grids, reach) if point not in tried]
            if around:
                return around[int(random.integers(len(around)))]
        left = [point for point in _all(grids) if point not in tried] if size <= budget else []
        return left[0] if left else None

    size = prod(map(len, grids))
    first: Point = tuple(float(start[name]) for name in names)
    total = min(budget, size)
    for _ in track(range(total), "trying constants", total):
        point = next_point() if tried else first
        if point is None:
            break
        tried[point] = value(dict(zip(names, point, strict=True)))
    return [(dict(zip(names, point, strict=True)), found) for point, found in tried.items()]


def _around(point: Point, grids: Sequence[Sequence[float]], reach: int) -> list[Point]:
    """Points that differ in one constant, by at most so many steps of its grid."""
    found = []
    for place, grid in enumerate(grids):
        at = grid.index(point[place])
        for index in range(max(0, at - reach), min(len(grid), at + reach + 1)):
            if index != at:
                found.append((*point[:place], grid[index], *point[place + 1 :]))
    return found


def _all(grids: Sequence[Sequence[float]]) -> list[Point]:
    points: list[Point] = [()]
    for grid in grids:
        points = [(*point, one) for point in points for one in grid]
    return points
