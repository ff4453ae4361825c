"""When a row of neighbours, or a list of trending items, has changed enough to be written again.

A reader ranks by order and by weight, each row scaled by its total (`evermail.ranking.personal`). So a row
has to be written when its head reads in another order, or when weights of the head have shifted so much that
another row may overtake it. What is behind the head waits with the row, `--neighbors_settle_s` at most.
"""

from __future__ import annotations

from collections.abc import Sequence

HEAD = 12
"""Items of a row that reach the slots of an email with up to eight, where some were bought or are sold out.
With more slots, up to twenty, what is behind them may stand in an order that waits to be written."""

SHIFT = 0.25
"""How much of the heaviest weight another weight may move, as a share, before it counts as a shift."""


def has_moved(before: Sequence[tuple[str, float]], after: Sequence[tuple[str, float]]) -> bool:
    """Whether the head of a row, heaviest first, may rank differently than when it was written.

    Weights are compared as shares of the heaviest: fading takes all of a row alike.
    """
    before, after = before[:HEAD], after[:HEAD]
    if [item_id for item_id, _ in before] != [item_id for item_id, _ in after]:
        return True
    if not after:
        return False
    old, new = before[0][1], after[0][1]
    if not (old and new):
        return bool(old) != bool(new)
    return any(
        abs(weight / new - earlier / old) > SHIFT
        for (_, earlier), (_, weight) in zip(before, after, strict=True)
    )
