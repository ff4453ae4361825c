"""Which events of a shopper have been counted: bounded, expiring ids, with a fingerprint of what each said.

A known id is a copy if the event says the same: name, shopper, items, and every other field that we know.
Unknown fields may differ, since senders put counters of attempts and times of sending there, and so may the
event time, by `MAX_RETRY_US`: a browser may leave it to `collect`, which then stamps each attempt anew.
All else is a collision: two events of which one would be lost in silence.
"""

from __future__ import annotations

from enum import Enum
from hashlib import blake2b
from itertools import product
from zlib import crc32

import msgspec

from evermail import clock
from evermail.events import Event

MAX_IDS = 1024
"""Event ids remembered for each shopper. 18 bytes each: what a very busy one costs."""

RETENTION_S = 8 * 86_400
"""Ids older than this, in seconds, are let go. Pub/Sub keeps a message for seven days unless told."""

MAX_RETRY_US = clock.HOUR
"""A copy whose event time is further off than this is another event under the same id."""

MAX_HASH = (1 << 63) - 1
"""The greatest hash of an id."""

_PRUNE_EVERY = 64
_FINGERPRINT = 0xFFFFFFFF
_COUNTED = 1 << 32
_SECOND = 33  # bits below the seconds


class Standing(Enum):
    """What is known of an event's id."""

    NEW = "new"
    COPY = "copy"
    COLLISION = "collision"
    FORGOTTEN = "forgotten"
    """It is of a time whose ids have been let go: whether it is new cannot be known."""


class Marks(msgspec.Struct, frozen=True, gc=False):
    """What an event is known by: 63 bits of the hash of its id, and a checksum of 32 bits of what it says."""

    id_hash: int
    fingerprint: int


class KnownIds(msgspec.Struct, array_like=True):
    """`seen` maps the hash of an id to its time in seconds, whether it counts in the profile, and its
    fingerprint. Ids up to `horizon` (seconds, hash) have been let go."""

    horizon: tuple[int, int] = (0, 0)
    seen: dict[int, int] = {}

    def copy(self) -> KnownIds:
        return KnownIds(self.horizon, dict(self.seen))

    def judge(self, event: Event, marks: Marks, second: int) -> Standing:
        """`second` is the event's time, or what is taken for it, in seconds."""
        known = self.seen.get(marks.id_hash)
        if known is None:
            return Standing.FORGOTTEN if self.has_forgotten(second, marks.id_hash) else Standing.NEW
        apart_us = abs((known >> _SECOND) - event.event_time // clock.SECOND) * clock.SECOND
        same = known & _FINGERPRINT == marks.fingerprint or _known_by_another_name(event, known)
        return Standing.COPY if same and apart_us <= MAX_RETRY_US else Standing.COLLISION

    def has_forgotten(self, second: int, id_hash: int) -> bool:
        """Whether an id that is not known may have been, and was let go."""
        return (second, id_hash) <= self.horizon

    def forget_time(self, second: int, id_hash: int) -> None:
        """Up to there, what is not known is not taken for new any more."""
        self.horizon = max(self.horizon, (second, id_hash))

    def remember(self, marks: Marks, second: int, *, counted: bool) -> None:
        """`counted` says whether the event counts in the profile rather than in aggregates only."""
        self.seen[marks.id_hash] = second << _SECOND | counted << 32 | marks.fingerprint
        if len(self.seen) % _PRUNE_EVERY == 0 or len(self.seen) > MAX_IDS:
            self._prune(second)

    def merge(self, other: KnownIds) -> None:
        """Takes the ids of another memory in."""
        self.horizon = max(self.horizon, other.horizon)
        self.seen = {**other.seen, **self.seen}
        if len(self.seen) > MAX_IDS:
            self._let_go(MAX_IDS * 3 // 4)

    def counted_after(self, second: int) -> int:
        """How many events that count in the profile are later than this second."""
        return sum(1 for known in self.seen.values() if known & _COUNTED and known >> _SECOND > second)

    def discount(self, keep: frozenset[int]) -> int:
        """Marks all but those of the seconds in `keep` as not counting; returns how many count still."""
        self.seen = {
            id_hash: known if known >> _SECOND in keep else known & ~_COUNTED
            for id_hash, known in self.seen.items()
        }
        return sum(1 for known in self.seen.values() if known & _COUNTED)

    def forget_until(self, second: int) -> None:
        """Lets go of what is not later, without a trace: the erasure keeps it from coming back."""
        if self.horizon[0] <= second:
            self.horizon = (0, 0)
        self.seen = {id_hash: known for id_hash, known in self.seen.items() if known >> _SECOND > second}

    def seconds(self) -> set[int]:
        return {known >> _SECOND for known in self.seen.values()}

    def _prune(self, newest_second: int) -> None:
        oldest = newest_second - RETENTION_S
        if len(self.seen) > MAX_IDS:
            self._let_go(MAX_IDS * 3 // 4)
        elif any(known >> _SECOND < oldest for known in self.seen.values()):
            self._let_go(sum(1 for known in self.seen.values() if known >> _SECOND >= oldest))

    def _let_go(self, keep: int) -> None:
        """The oldest go, and with them the knowledge of their time."""
        entries = sorted(self.seen.items(), key=lambda entry: (entry[1] >> _SECOND, entry[0]))
        excess = len(entries) - keep
        last_hash, last = entries[excess - 1]
        self.forget_time(last >> _SECOND, last_hash)
        self.seen = dict(entries[excess:])


def marks_of(event: Event) -> Marks:
    """By what an event is known again."""
    return Marks(hash_of_id(event), _fingerprint(event, event.client_id, event.user_id))


def hash_of_id(event: Event) -> int:
    """63 bits of the hash of an event's id."""
    return int.from_bytes(blake2b(event.event_id.encode(), digest_size=8).digest(), "big") >> 1


def _known_by_another_name(event: Event, known: int) -> bool:
    """Whether this is a copy of what came before pseudonym keys were rotated."""
    receipt = event.receipt
    if not (receipt.user_aliases or receipt.client_aliases):
        return False
    pairs = product(receipt.client_aliases or (event.client_id,), receipt.user_aliases or (event.user_id,))
    return any(_fingerprint(event, client, user) == known & _FINGERPRINT for client, user in pairs)


def _fingerprint(event: Event, client_id: str | None, user_id: str | None) -> int:
    items = event.items
    for item in items:
        if item.extra:
            items = tuple([msgspec.structs.replace(item, extra={}) for item in items])
            break
    consent = event.consent
    says = (
        event.event_name,
        client_id,
        user_id,
        items,
        event.value,
        event.currency,
        event.search_term,
        event.campaign_id,
        None if consent is None else consent.personalization,
        event.source,
    )
    return crc32(_ENCODER.encode(says))


_ENCODER = msgspec.msgpack.Encoder()
