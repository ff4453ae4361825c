"""What an opened email would rank, for many cases at once: `evermail.ranking.personal` in NumPy."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from evermail import clock, repeats
from evermail.constants import Constants
from evermail.evaluation.batch.learning import STATES, Returns, Rows, outlook
from evermail.evaluation.datasets import Case, Floats, Ints, Sessions
from evermail.profiles import PROFILE_HISTORY

CHUNK = 2_000
"""Cases that are worked on together: memory for some millions of candidates."""


@dataclass(frozen=True)
class Cases:
    """Cases as arrays, a row or an entry each.

    `recent` are the distinct items of the whole profile, `returning` those of the latest clicks, both newest
    first and filled up with -1.
    """

    recent: Ints
    returning: Ints
    states: Ints
    now_us: Ints
    targets: Ints
    sessions: Ints
    seen: Ints
    """Sorted pairs of case and item in the history: case * width + item."""

    def __len__(self) -> int:
        return len(self.targets)

    @classmethod
    def of(cls, cases: Sequence[Case], width: int) -> Cases:
        """`width` is how many items there are."""
        # No more than an open looks at: whole histories grow with the square of a session's length
        ends = [[*case.history[-PROFILE_HISTORY:], case.target] for case in cases]
        items = np.fromiter((item for one in ends for item in one), np.int64)
        starts = np.concatenate([[0], np.cumsum([len(one) for one in ends])])
        histories = Sessions(items, np.zeros_like(items), starts)
        last = starts[1:] - 1
        states, returning, _ = outlook(histories)
        _, recent, _ = outlook(histories, PROFILE_HISTORY)
        seen = (at * width + item for at, case in enumerate(cases) for item in sorted(set(case.history)))
        return cls(
            recent=recent[last],
            returning=returning[last],
            states=states[last],
            now_us=np.array([case.times[-1] for case in cases], np.int64),
            targets=items[last],
            sessions=np.array([case.session for case in cases], np.int64),
            seen=np.fromiter(seen, np.int64),
        )


@dataclass(frozen=True)
class Reader:
    """Ranks by what was learned. `names` are the places of items among their sorted ids, `popular` the items
    that follow where the personal ones end."""

    rows: Rows
    returns: Returns
    names: Ints
    popular: Ints
    constants: Constants

    def ranks(self, cases: Cases, depth: int) -> tuple[Ints, Ints]:
        """The places of the targets from 1, 0 if beyond `depth`: among all items, and among those not seen
        before, where targets that were have none."""
        parts = [self._ranks_of(cases, first, depth) for first in range(0, len(cases), CHUNK)]
        return np.concatenate([one for one, _ in parts]), np.concatenate([one for _, one in parts])

    def scores(self, cases: Cases) -> Iterator[tuple[Ints, Ints, Floats]]:
        """Case, item and score of all candidates, in parts, sorted by case and item."""
        for first in range(0, len(cases), CHUNK):
            place, item, score = self._scores(cases, first)
            yield place + first, item, score

    def _ranks_of(self, cases: Cases, first: int, depth: int) -> tuple[Ints, Ints]:
        width = len(self.names)
        place, items, scores = self._scores(cases, first)
        targets = cases.targets[first : first + CHUNK]
        keys, wanted = place * width + items, np.arange(len(targets)) * width + targets
        seen = np.isin(keys + first * width, cases.seen, assume_unique=True)
        was_seen = np.isin(wanted + first * width, cases.seen)
        found = []
        for allowed in (np.ones(len(keys), bool), ~seen):
            ranks = self._places(keys[allowed], scores[allowed], wanted, depth)
            found.append(ranks)
        found[1][was_seen] = 0
        # The current item is no popular one, nor is what was seen where it may not come again
        missed = (found[0] == 0) | (found[1] == 0)
        for case in np.flatnonzero(missed & np.isin(targets, self.popular)):
            own = slice(*np.searchsorted(keys, [case * width, (case + 1) * width]))
            recent = cases.recent[first + case]
            before = cases.seen[
                slice(*np.searchsorted(cases.seen, (first + case + np.array([0, 1])) * width))
            ]
            for ranks, out, ranked in (
                (found[0], {int(recent[0])}, items[own]),
                (found[1], set((before % width).tolist()), items[own][~seen[own]]),
            ):
                if ranks[case] == 0 and len(ranked) < depth:
                    ranks[case] = self._place_in_popular(int(targets[case]), ranked, out, depth)
        return found[0], found[1]

    def _place_in_popular(self, target: int, ranked: Ints, out: set[int], depth: int) -> int:
        known = set(ranked.tolist())
        if target in known or target in out:
            return 0
        place = len(known)
        for item in self.popular.tolist():
            if item not in known and item not in out:
                place += 1
                if item == target:
                    return place if place <= depth else 0
        return 0

    def _places(self, keys: Ints, scores: Floats, wanted: Ints, depth: int) -> Ints:
        """The place of each wanted pair among those of its case."""
        width = len(self.names)
        at = np.searchsorted(keys, wanted)
        at[at == len(keys)] = 0
        there = keys[at] == wanted if len(keys) else np.zeros(len(wanted), bool)
        cases, items = np.divmod(keys, width)
        least = np.where(there, scores[at] if len(keys) else 0.0, np.inf)
        name = np.where(there, self.names[wanted % width], -1)
        better = (scores > least[cases]) | ((scores == least[cases]) & (self.names[items] < name[cases]))
        ranks = 1 + np.bincount(cases[better], minlength=len(wanted))
        return np.where(there & (ranks <= depth), ranks, 0)

    def _scores(self, cases: Cases, first: int) -> tuple[Ints, Ints, Floats]:
        chunk = slice(first, first + CHUNK)
        constants, width = self.constants, len(self.names)
        now_us = cases.now_us[chunk]
        recent = cases.recent[chunk, : constants.context]
        place, position = np.nonzero(recent >= 0)
        seeds = recent[place, position]
        decay = constants.context_decay ** position.astype(np.float64)
        keys, parts = self._neighbors(place, seeds, decay, now_us, None)
        keys, scores = _summed(keys, parts)
        asked = self._heaviest(keys, scores, constants.hops)
        if len(asked):
            place, items = np.divmod(keys[asked], width)
            busy = np.log(1.0 + self.rows.totals[items] * self._fade(items, now_us[place]))
            mean = np.bincount(place, busy) / np.maximum(np.bincount(place), 1)
            scores[asked] *= np.exp(-constants.lift * (busy - mean[place]))
            weights = constants.hop_weight * scores[asked]
            hop_keys, hop_parts = self._neighbors(place, items, weights, now_us, constants.hop_neighbors)
            keys, scores = _summed(np.concatenate([keys, hop_keys]), np.concatenate([scores, hop_parts]))
        returning = cases.returning[chunk]
        chances = self._chances(cases.states[chunk], now_us)
        chances[returning < 0] = 0.0
        place = keys // width
        whole = np.bincount(place, scores, len(now_us))
        scores *= ((1.0 - chances.sum(axis=1)) / np.where(whole > 0, whole, 1.0))[place]
        case, column = np.nonzero(returning >= 0)
        again = case * width + returning[case, column]
        keys, scores = _summed(np.concatenate([keys, again]), np.concatenate([scores, chances[case, column]]))
        place, items = np.divmod(keys, width)
        return place, items, scores

    def _neighbors(
        self, place: Ints, seeds: Ints, weights: Floats, now_us: Ints, most: int | None
    ) -> tuple[Ints, Floats]:
        """Pairs of case and neighbour with what each of the seeds says for them."""
        rows, constants = self.rows, self.constants
        known = seeds < len(rows.as_of)
        place, seeds, weights = place[known], seeds[known], weights[known]
        fade = self._fade(seeds, now_us[place])
        factors = weights * fade / (rows.totals[seeds] * fade + constants.row_prior) ** constants.row_exponent
        lengths = rows.starts[seeds + 1] - rows.starts[seeds]
        if most is not None:
            lengths = np.minimum(lengths, most)
        entries = np.arange(lengths.sum()) + np.repeat(
            rows.starts[seeds] - np.cumsum(lengths) + lengths, lengths
        )
        keys = np.repeat(place, lengths) * len(self.names) + rows.items[entries]
        return keys, np.repeat(factors, lengths) * rows.weights[entries]

    def _heaviest(self, keys: Ints, scores: Floats, most: int) -> Ints:
        """Where the best candidates of each case are."""
        place, items = np.divmod(keys, len(self.names))
        order = np.lexsort((self.names[items], -scores, place))
        starts = np.searchsorted(place, place)  # keys are sorted by case
        return order[np.arange(len(order)) - starts < most]

    def _fade(self, items: Ints, now_us: Ints) -> Floats:
        age_days = np.maximum(0, now_us - self.rows.as_of[items]) / clock.DAY
        fade: Floats = 2.0 ** (-age_days / self.constants.half_life_days)
        return fade

    def _chances(self, states: Ints, now_us: Ints) -> Floats:
        prior = self.constants.repeats_prior
        known = np.array(repeats.PRIOR)
        age_days = np.maximum(0, now_us - self.returns.as_of) / clock.DAY
        fade = (2.0 ** (-age_days / self.constants.half_life_days))[:, None]
        here = self.returns.counts[states] * fade
        per_distinct = STATES // repeats.MOST_DISTINCT
        alike = self.returns.counts.reshape(repeats.MOST_DISTINCT, per_distinct, -1).sum(axis=1)
        alike = alike[states // per_distinct] * fade
        general = (alike[:, :-1] + prior * known) / (alike.sum(axis=1, keepdims=True) + prior)
        chances: Floats = (here[:, :-1] + prior * general) / (here.sum(axis=1, keepdims=True) + prior)
        return chances


def _summed(keys: Ints, parts: Floats) -> tuple[Ints, Floats]:
    """The sums of parts by key, sorted by it, without those that are zero."""
    keys, place = np.unique(keys, return_inverse=True)
    sums: Floats = np.bincount(place, parts, len(keys)).astype(np.float64)
    return keys[sums > 0], sums[sums > 0]
