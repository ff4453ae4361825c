"""The messages of one subscription: each is waiting, leased to a subscriber, or gone.

No locks and no clock here: the broker holds its lock and passes the time, so every rule of
redelivery can be read and tested as plain data. Times are microseconds.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Iterable

from demo.pubsub.errors import Invalid
from demo.pubsub.messages import Delivery, Published


class Holder:
    """What one stream holds unacknowledged, against the most its client wants to hold (0: no limit)."""

    __slots__ = ("bytes", "max_bytes", "max_messages", "messages")

    def __init__(self, max_messages: int = 0, max_bytes: int = 0) -> None:
        self.max_messages = max_messages
        self.max_bytes = max_bytes
        self.messages = 0
        self.bytes = 0

    def has_room(self) -> bool:
        return (not self.max_messages or self.messages < self.max_messages) and (
            not self.max_bytes or self.bytes < self.max_bytes
        )


class _Entry:
    __slots__ = ("attempts", "holder", "lease_end", "published", "scheduled")

    def __init__(self, published: Published) -> None:
        self.published = published
        self.attempts = 0
        self.lease_end: int | None = None  # None: waiting
        self.scheduled: int | None = None  # the one record in the heap that counts for this entry
        self.holder: Holder | None = None


class LeaseQueue:
    """First in, first out; what comes back goes to the end, so a poisoned message starves no other."""

    def __init__(self, uid: int) -> None:
        """`uid` tells this queue's ack ids from those of any other, this process's past ones included."""
        self._uid = str(uid)
        self._next = 0
        self._entries: dict[int, _Entry] = {}
        self._waiting: deque[int] = deque()  # may hold numbers that are gone
        self._expiries: list[tuple[int, int]] = []  # heap of (time, number); may hold stale records
        self.leased = 0
        self.bytes = 0

    def __len__(self) -> int:
        """Messages not yet acknowledged."""
        return len(self._entries)

    def add(self, published: Published) -> None:
        self._entries[self._next] = _Entry(published)
        self._waiting.append(self._next)
        self._next += 1
        self.bytes += published.size

    def take(
        self, now: int, lease_us: int, max_messages: int, max_bytes: int, holder: Holder | None = None
    ) -> list[Delivery]:
        """Lease up to `max_messages` waiting ones until `now + lease_us`.

        Stops before `max_bytes` (though never before the first message) and where `holder` is full.
        """
        taken: list[Delivery] = []
        size = 0
        while self._waiting and len(taken) < max_messages and (holder is None or holder.has_room()):
            number = self._waiting[0]
            entry = self._entries.get(number)
            if entry is None:
                self._waiting.popleft()
                continue
            size += entry.published.size
            if taken and size > max_bytes:
                break
            self._waiting.popleft()
            entry.attempts += 1
            entry.lease_end = now + lease_us
            self._schedule(number, entry)
            self.leased += 1
            if holder is not None:
                entry.holder = holder
                holder.messages += 1
                holder.bytes += entry.published.size
            ack_id = f"{self._uid}-{number}-{entry.attempts}"
            taken.append(Delivery(ack_id, entry.published, entry.attempts))
        return taken

    def acknowledge(self, ack_ids: Iterable[str]) -> None:
        """Drop the messages for good.

        The id of any delivery counts, even an expired one: that subscriber did handle the message.
        An id of a message already gone changes nothing; a malformed one raises `Invalid`.
        """
        for number, _ in self._parse(ack_ids):
            entry = self._entries.pop(number, None)
            if entry is not None:
                self.bytes -= entry.published.size
                self._end_lease(entry)
        if len(self._expiries) > 2 * len(self._entries) + 1024:
            self._forget_stale_expiries()

    def modify_deadline(self, ack_ids: Iterable[str], now: int, lease_us: int) -> None:
        """Let the leases end `lease_us` from now; 0 gives the messages back at once.

        Only the latest, still running lease of a message can be changed; other ids change nothing.
        """
        for number, attempt in self._parse(ack_ids):
            entry = self._entries.get(number)
            if entry is None or entry.lease_end is None or entry.attempts != attempt:
                continue
            if lease_us <= 0:
                self._give_back(number, entry)
            else:
                entry.lease_end = now + lease_us
                self._schedule(number, entry)

    def expire(self, now: int) -> None:
        """Give back every message whose lease has ended."""
        while self._expiries and self._expiries[0][0] <= now:
            when, number = heapq.heappop(self._expiries)
            entry = self._entries.get(number)
            if entry is None or entry.scheduled != when:
                continue
            entry.scheduled = None
            if entry.lease_end is None:
                continue
            if entry.lease_end > now:
                self._schedule(number, entry)
            else:
                self._give_back(number, entry)

    def next_expiry(self) -> int | None:
        """A time before which no lease ends, or None while nothing is leased."""
        return self._expiries[0][0] if self._expiries else None

    def _parse(self, ack_ids: Iterable[str]) -> list[tuple[int, int]]:
        """(number, attempt) of the ids that are this queue's. All are parsed before any takes effect."""
        parsed = []
        for ack_id in ack_ids:
            parts = ack_id.split("-")
            if len(parts) != 3 or not all(part.isascii() and part.isdigit() for part in parts):
                raise Invalid(f"invalid ack id {ack_id[:64]!r}")
            if parts[0] == self._uid:
                parsed.append((int(parts[1]), int(parts[2])))
        return parsed

    def _schedule(self, number: int, entry: _Entry) -> None:
        """Make sure a heap record comes due at the lease's end or before; an early one is moved then."""
        end = entry.lease_end
        if end is not None and (entry.scheduled is None or entry.scheduled > end):
            heapq.heappush(self._expiries, (end, number))
            entry.scheduled = end

    def _give_back(self, number: int, entry: _Entry) -> None:
        self._end_lease(entry)
        self._waiting.append(number)

    def _end_lease(self, entry: _Entry) -> None:
        if entry.lease_end is not None:
            entry.lease_end = None
            self.leased -= 1
        if entry.holder is not None:
            entry.holder.messages -= 1
            entry.holder.bytes -= entry.published.size
            entry.holder = None

    def _forget_stale_expiries(self) -> None:
        self._expiries = [
            (when, number)
            for when, number in self._expiries
            if (entry := self._entries.get(number)) is not None and entry.scheduled == when
        ]
        heapq.heapify(self._expiries)
