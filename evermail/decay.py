"""Forward decay: weights that fade with a half-life, whatever order their causes arrive in.

A contribution made at time t is stored multiplied by 2^((t - landmark) / half-life), so that older
ones never have to be touched again; reading divides by the same factor of the moment of reading.
Sums are then free of order (Cormode et al., "Forward Decay", ICDE 2009). They are kept as
whole numbers, because float addition is not associative: with integers a contribution that is
taken back leaves nothing, and two runs that see the same events end with the same row. What moving the
landmark rounds off depends on the order, but it is 2^-72 of a unit each time, and 2^-40 of the least that
counts as a weight: below the six digits that are read. That least is some 2 * 10^-14, and what is less is
dropped: contributions that come 46 half-lives late leave nothing, one by one, where they would have
added up, say to 10^-10, had they come in time.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from heapq import nlargest

import msgspec

UNIT = 10_080
"""Amounts count in 1/10080ths of a weight: 1/d for d up to 10, halved twice, stays a whole number."""

_FRACTION_BITS = 72
"""A float has 53; the rest is a guard for what rebasing rounds off. The width below leaves room for the sum
of 10^11 purchases within a half-life."""

_WIDTH_BYTES = 16
_NEGLIGIBLE = 1 << 40
"""Below this (2^-32 of one unit) a weight is a residue of rebasing, not a weight."""

_FORGOTTEN = 2048
"""After this many half-lives the largest weight reads as zero."""

_NEVER = -(1 << 62)
_LONG_AGO = 64
"""After this many half-lives nothing is left of a weight, and numbers expressed as of then would overflow."""


@lru_cache(maxsize=4096)
def _growth(time_us: int, half_life_us: int) -> tuple[int, int]:
    """2^(time / half-life) as (whole exponent, mantissa in [1, 2) as a fraction of `_FRACTION_BITS`)."""
    exponent, remainder = divmod(time_us, half_life_us)
    return exponent, round(2.0 ** (remainder / half_life_us) * (1 << _FRACTION_BITS))


def _shifted(weight: int, bits: int) -> int:
    """Divides by 2^bits towards zero, so that a weight and its taking back shrink alike."""
    return weight >> bits if weight >= 0 else -(-weight >> bits)


class _Stored(msgspec.Struct, array_like=True):
    epoch: int
    touched: int
    keys: list[str]
    weights: bytes
    half_life_us: int


class DecayedRow:
    """Decayed weights by key, bounded to the heaviest `capacity`.

    `as_of` is the moment that weights
    are expressed at when read; `touch` moves it forward.
    """

    __slots__ = ("_epoch", "_touched", "_weights", "capacity", "half_life_us")

    def __init__(self, half_life_us: int, capacity: int) -> None:
        self.half_life_us = half_life_us
        self.capacity = capacity
        self._epoch = 0
        self._touched = _NEVER
        self._weights: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._weights)

    def touch(self, time_us: int) -> None:
        """Moves `as_of` forward."""
        self._touched = max(self._touched, time_us)

    @property
    def as_of(self) -> int:
        """The latest touch, in microseconds. A row that was not touched for ages reads as of its landmark,
        the start of the half-life that the newest contribution falls into."""
        landmark = self._epoch * self.half_life_us
        return self._touched if self._touched > landmark - _LONG_AGO * self.half_life_us else landmark

    def add(self, key: str, amount: int, time_us: int) -> None:
        """Adds `amount` (in `UNIT`s, negative to take back) made at `time_us`."""
        exponent, mantissa = _growth(time_us, self.half_life_us)
        if exponent > self._epoch:
            self._rebase(exponent)
        weight = self._weights.get(key, 0) + _shifted(amount * mantissa, self._epoch - exponent)
        if abs(weight) < _NEGLIGIBLE:
            self._weights.pop(key, None)
            return
        self._weights[key] = weight
        if len(self._weights) > 2 * self.capacity:
            self._evict()

    def top(self, count: int) -> list[tuple[str, float]]:
        """The heaviest `count` keys with weights as of `as_of`, to six significant digits.

        Equal weights are ordered by key, so that equal rows read equal.
        """
        up, scale = self._scale()
        weights = {key: (weight << up) / scale for key, weight in self._weights.items() if weight > 0}
        if len(weights) > count > 0:
            # Whatever may round to the last place that counts takes part.
            least = nlargest(count, weights.values())[-1] * (1 - 1e-5)
            weights = {key: weight for key, weight in weights.items() if weight >= least}
        rounded = [(float(f"{weight:.6g}"), key) for key, weight in weights.items() if weight]
        rounded.sort(key=lambda pair: (-pair[0], pair[1]))
        return [(key, weight) for weight, key in rounded[:count]]

    def total(self) -> float:
        """The sum of all weights held, as of `as_of`, to six significant digits."""
        held = sum(weight for weight in self._weights.values() if weight > 0)
        up, scale = self._scale()
        return float(f"{(held << up) / scale:.6g}")

    def to_bytes(self, most: int | None = None) -> bytes:
        """A compact form; `from_bytes` reads it back equal, unless it would have more than `most` bytes: then
        the lightest are left out."""
        encoded = self._encode(self._weights)
        if most is not None and len(encoded) > most:
            heaviest = sorted(self._weights.items(), key=lambda entry: (-entry[1], entry[0]))
            while len(encoded) > most:
                heaviest = heaviest[: len(heaviest) * most // (len(encoded) + 1)]
                encoded = self._encode(dict(heaviest))
        return encoded

    @classmethod
    def of_weights(
        cls, weights: Sequence[tuple[str, float]], as_of: int, half_life_us: int, capacity: int
    ) -> DecayedRow:
        """A row that reads as these weights do, as of `as_of`: what `top` told of it."""
        row = cls(half_life_us, capacity)
        row.touch(as_of)
        for key, weight in weights:
            row.add(key, round(weight * UNIT), as_of)
        return row

    @classmethod
    def from_bytes(cls, data: bytes, half_life_us: int, capacity: int) -> DecayedRow:
        """The row of `to_bytes`, even if it was kept with another half-life."""
        stored = _STORED_DECODER.decode(data)
        row = cls(half_life_us, capacity)
        row._epoch, row._touched = stored.epoch, stored.touched
        packed, width = stored.weights, _WIDTH_BYTES
        row._weights = {
            key: int.from_bytes(packed[at * width : (at + 1) * width], "little", signed=True)
            for at, key in enumerate(stored.keys)
        }
        if stored.half_life_us != half_life_us:
            row._convert(stored.half_life_us)
        return row

    def _encode(self, weights: dict[str, int]) -> bytes:
        packed = b"".join(
            [weight.to_bytes(_WIDTH_BYTES, "little", signed=True) for weight in weights.values()]
        )
        return msgspec.msgpack.encode(
            _Stored(self._epoch, self._touched, list(weights), packed, self.half_life_us)
        )

    def _convert(self, old_half_life_us: int) -> None:
        """Goes on with another half-life: weights keep what they were worth at the old landmark."""
        landmark_us = self._epoch * old_half_life_us
        self._epoch, mantissa = _growth(landmark_us, self.half_life_us)
        self._weights = {
            key: _shifted(weight * mantissa, _FRACTION_BITS) for key, weight in self._weights.items()
        }

    def _scale(self) -> tuple[int, int]:
        """(bits, divisor): a weight shifted left by the bits and divided is in units of one as of `as_of`."""
        exponent, mantissa = _growth(self.as_of, self.half_life_us)
        shift = self._epoch - exponent
        return max(0, shift), mantissa * UNIT << max(0, min(-shift, _FORGOTTEN))

    def _rebase(self, epoch: int) -> None:
        """Moves the landmark, so that numbers keep their width however long the stream runs."""
        shift, self._epoch = epoch - self._epoch, epoch
        shifted = {key: _shifted(weight, shift) for key, weight in self._weights.items()}
        self._weights = {key: weight for key, weight in shifted.items() if abs(weight) >= _NEGLIGIBLE}

    def _evict(self) -> None:
        """Keeps the heaviest. Done at twice the capacity: newcomers get time to grow before they compete."""
        heaviest = sorted(self._weights.items(), key=lambda entry: (-entry[1], entry[0]))
        self._weights = dict(heaviest[: self.capacity])


_STORED_DECODER = msgspec.msgpack.Decoder(_Stored)
