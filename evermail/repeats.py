"""How often shoppers come back to what they have seen: learned by the stream, for each shop.

In some shops a third of all looks return to the item before, in others hardly any: no constant serves both.
So the stream counts where the next item stands in what was seen: at place 0, the current item again, at place
1, the one before, and so on, or nowhere. It counts by how many items there are to return to, by what the
last step was, and by how often there was a return lately: who went back once goes back again.

The counts are one more row of neighbours, with the id `ROW_ID`. Its "items" are four signs each:
how many distinct items, the last step, returns so far, and the place (`-` for a new item), as in `3n0-`.
"""

from __future__ import annotations

from collections.abc import Iterable

from evermail import clock

ROW_ID = " repeats"
"""No item has such an id: they have no outer spaces (`evermail.events`)."""

WINDOW = 20
"""Touches before an item that are looked at. A late touch changes what is said of so many after it, as far as
those before them are known."""

PLACES = 10
"""What lies further back counts as new."""

NEW = "-"

MOST_DISTINCT, MOST_RETURNS = 5, 2
"""Whatever is more counts as this."""

KEPT = 512
"""More than there are different "items" in the row: it must not be cut as others are."""

GRAIN_US = clock.HOUR
"""Event times are rounded down to it, so that the changes of a bundle can be added up: every event changes
this row. Against a half-life of weeks it is nothing."""

PRIOR = (0.10, 0.12, 0.06, 0.03, 0.03, 0.02, 0.02, 0.02, 0.02, 0.02)
"""How often the next item is at each place where nothing is known of a shop: about the mean of the training
sessions of the public data sets in `evermail.constants`."""


def key(before: list[str], item_id: str) -> str | None:
    """The entry of the row that counts this item after those `before`, the newest first; None if there are
    none. At most `WINDOW` of them must be given."""
    if not before:
        return None
    distinct = list(dict.fromkeys(before))
    place = distinct.index(item_id) if item_id in distinct else PLACES
    return _state(before, len(distinct)) + (str(place) if place < PLACES else NEW)


def chances(before: list[str], counts: Iterable[tuple[str, float]], prior: float) -> list[tuple[str, float]]:
    """How likely the next item is each of those `before`, the newest first; together at most 1.

    `counts` are the entries of the row as of now. What is seldom observed leans on what is observed whatever
    the last step was, and that on `PRIOR`, each as strongly as `prior` observations.
    """
    distinct = list(dict.fromkeys(before))
    state = _state(before, len(distinct)) if distinct else ""
    here, alike = [0.0] * (PLACES + 1), [0.0] * (PLACES + 1)
    for entry, count in counts:
        if entry[0] == state[:1]:
            place = PLACES if entry[3] == NEW else int(entry[3])
            alike[place] += count
            if entry[:3] == state:
                here[place] += count
    all_here, all_alike = sum(here), sum(alike)
    found = []
    for place, item_id in enumerate(distinct[:PLACES]):
        general = (alike[place] + prior * PRIOR[place]) / (all_alike + prior)
        found.append((item_id, (here[place] + prior * general) / (all_here + prior)))
    return found


def _state(before: list[str], distinct: int) -> str:
    newest = before[0]
    # The same item again, an earlier one, or a new one
    step = "s" if before[1:2] == [newest] else "e" if newest in before[1:] else "n"
    return f"{min(distinct, MOST_DISTINCT)}{step}{min(len(before) - distinct, MOST_RETURNS)}"
