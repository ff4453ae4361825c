"""The constants of the recommender, all in one place: writer and reader must use the same.

`evermail tune` found those of `SERVED` on the newest tenth of the training sessions of three public click
data sets, never on a test case: Diginetica in the split of SR-GNN, Serenade's sample of bol.com, and a sample
of RecSys 2015 (`make tune`). One set of constants serves all three, and the optimum is flat: most values next
to them lose less than 0.15 points of what was made as high as it can be, the mean of HR@20 and MRR@20.
"""

from __future__ import annotations

import msgspec


class Constants(msgspec.Struct, frozen=True, kw_only=True):
    """What is learned and how it is read."""

    half_life_days: float = 60.0
    """A co-visit, and an observed return, counts half after this time."""

    look_back: int = 4
    """A touch is paired with this many previous distinct items, the d-th with weight 1/d: with ten, twice the
    updates bring nothing."""

    backward: float = 0.75
    """Weight of "seen before" against "seen after"."""

    context: int = 5
    """How many of a shopper's last distinct items are asked for their neighbours."""

    context_decay: float = 0.5
    """What each of them says less than the one after it."""

    row_prior: float = 0.5
    row_exponent: float = 0.75
    """A neighbour says weight / (total of the row + prior)^exponent: with exponent 1 its share of the row,
    with 0 how often it was seen."""

    hops: int = 10
    """So many of the best candidates are asked for their own neighbours. Five lose next to nothing, none 1.4
    points of the mean."""

    hop_neighbors: int = 30
    """Of each of them, the heaviest."""

    hop_weight: float = 0.5
    """What a neighbour of a candidate says, against a neighbour of the shopper's own items."""

    lift: float = 0.4
    """A candidate that is busy at all times says little about this shopper: its score goes down with the
    total of its row to this power, against the others that are asked."""

    repeats_prior: float = 20.0
    """What is known of returns in general counts as so many observations at the shop."""


SERVED = Constants()
