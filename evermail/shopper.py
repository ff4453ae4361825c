"""The whole memory of one shopper, and its only updates.

The result does not depend on the order in which events arrive: event time rules everywhere. That is
exact as far as the memory reaches, which is bounded in every part.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum

import msgspec

from evermail import clock, consent, links, repeats
from evermail.consent import Statement
from evermail.event_ids import MAX_HASH, KnownIds, Standing, marks_of
from evermail.events import Event, EventName
from evermail.holdings import CHANGE_HOLDINGS, Holdings
from evermail.interest import MAX_LINES, TOUCHES, Changes, RowUpdate, Touch
from evermail.links import Link

MAX_HISTORY = 64

Updates = list[tuple[str, RowUpdate]]


class Verdict(Enum):
    ACCEPTED = "accepted"
    """It counts, and is part of the profile."""
    AGGREGATED = "aggregated"
    """It counts, in aggregates without identifiers only: there is no consent to more."""
    DUPLICATE = "duplicate"
    COLLISION = "id_collision"
    LATE = "late"
    FORGOTTEN = "ids_forgotten"
    ERASED = "erased"
    """It is older than the erasure of its shopper: dropped, and nothing is kept of it."""


class ShopperState(msgspec.Struct, array_like=True):
    """What is remembered of one shopper, a user or a client that is not known to be one.

    `events` counts what went into the profile and is in it still, `dropped` what was in it once and left it,
    by erasure or the withdrawal of consent. Touches up to `history_horizon` have been let go: what comes
    from before it still counts as an event, and in cart and purchases, but pairs with nothing, since its
    neighbours in time are not known any more. Up to `returns_horizon` the same holds for returns to earlier
    items: what touches told of them stays as it is (`evermail.interest`). `links` are those of a client, and
    `passed_until` the time of the newest event that went to a user by one of them. `renamed` is the name
    under which this shopper goes on since pseudonym keys were rotated, `formerly` the one before.
    """

    events: int = 0
    dropped: int = 0
    as_of: int = 0
    version: int = 0
    ids: KnownIds = msgspec.field(default_factory=KnownIds)
    touches: list[Touch] = []
    history_horizon: int = 0
    holdings: Holdings = msgspec.field(default_factory=Holdings)
    statements: list[Statement] = []
    erased_second: int = -1
    links: list[Link] = []
    passed_until: int = 0
    renamed: str = ""
    formerly: str = ""
    returns_horizon: int = 0

    def copy(self) -> ShopperState:
        """A state of its own, as deep as updates reach."""
        return ShopperState(
            self.events,
            self.dropped,
            self.as_of,
            self.version,
            self.ids.copy(),
            list(self.touches),
            self.history_horizon,
            self.holdings.copy(),
            list(self.statements),
            self.erased_second,
            list(self.links),
            self.passed_until,
            self.renamed,
            self.formerly,
            self.returns_horizon,
        )

    @property
    def size(self) -> int:
        """About how many bytes of memory this takes, without walking through it."""
        holdings = self.holdings
        return (
            900
            + 136 * len(self.ids.seen)
            + 200 * len(self.touches)
            + 380 * len(holdings.lines)
            + 150 * len(holdings.purchased)
            + 80 * (len(self.statements) + len(self.links))
        )

    @property
    def has_document(self) -> bool:
        """Whether there is more to keep of this shopper than which events were counted."""
        return bool(
            self.events
            or self.links
            or self.renamed
            or any(not said.allowed or said.second > self.erased_second for said in self.statements)
            or (self.formerly and self.erased_second >= 0)  # there is no other word of it under this name
        )

    @property
    def is_blank(self) -> bool:
        """Whether this is the memory of somebody who never came."""
        return not (self.has_document or self.ids.seen) and self.erased_second < 0

    @property
    def had_history(self) -> bool:
        """Whether this shopper has a history, or may have had one, be it under another name."""
        return bool(self.touches or self.dropped or self.links or self.renamed or self.formerly)

    def apply(self, event: Event, *, oldest_us: int, now_us: int) -> tuple[Verdict, Updates]:
        """Takes one event in, unless it is a duplicate, a collision, older than `oldest_us`, of a time whose
        ids have been let go, or of a shopper who was erased since.

        Returns the verdict and the changes it makes to rows of neighbours, at most one record
        for each row and event time. `now_us` is when the event was received.
        """
        marks = marks_of(event)
        time_us = happened_us(event, now_us)
        second = time_us // clock.SECOND
        name = event.event_name
        updates: Updates = []
        if name is EventName.UPDATE_CONSENT:
            # However late it comes, and whatever becomes of the event: what a shopper says holds. So does an
            # erasure, below.
            updates = self.hear(event, marks.id_hash, now_us) or []
        standing = self.ids.judge(event, marks, second)
        if standing is Standing.COPY:
            return Verdict.DUPLICATE, updates
        if standing is Standing.COLLISION:
            return Verdict.COLLISION, self.erase(second) if name is EventName.ERASE_USER else updates
        if second <= self.erased_second:
            return Verdict.ERASED, updates
        if event.event_time < oldest_us and name not in NEVER_LATE:
            return Verdict.LATE, updates
        if standing is Standing.FORGOTTEN and name is not EventName.ERASE_USER:
            return Verdict.FORGOTTEN, updates
        if name is EventName.ERASE_USER:
            updates = self.erase(second)
            self.ids.remember(marks, second, counted=False)
            self.dropped += 1  # it counts, and is in no profile
            return Verdict.ACCEPTED, updates
        if not self.may_use(event):
            self.ids.remember(marks, second, counted=False)
            return Verdict.AGGREGATED, updates
        self.ids.remember(marks, second, counted=True)
        self.events += 1
        self.as_of = max(self.as_of, time_us)
        if name in TOUCHES and event.items:
            updates = self._touch(event, time_us, marks.id_hash)
        if name in CHANGE_HOLDINGS:
            self.holdings.apply(event, time_us, marks.id_hash)
        return Verdict.ACCEPTED, updates

    def hear(self, event: Event, id_hash: int, now_us: int) -> Updates | None:
        """Takes in what an `update_consent` says, received at `now_us`. Returns the changes to rows that this
        makes, None if it was no news."""
        if event.consent is None:
            return None
        second = happened_us(event, now_us) // clock.SECOND
        if not consent.say(self.statements, Statement(second, id_hash, event.consent.personalization)):
            return None
        self.statements = consent.after_erasure(self.statements, self.erased_second)
        return self._keep_what_is_allowed()

    def may_use(self, event: Event) -> bool:
        """Whether an event may be used for personalisation.

        Not if the shopper says no, nor if a browser belongs to a user who was erased since it was told so.
        """
        if consent.withheld(event):
            return False
        linked_at = event.receipt.linked_at
        if linked_at and linked_at // clock.SECOND <= self.erased_second:
            return False
        return not self.statements or consent.allows(self.statements, event.event_time // clock.SECOND)

    def user_at(self, time_us: int) -> Link | None:
        """Whose event of this time is, if it is a client's."""
        return links.at(self.links, time_us)

    def link(self, time_us: int, event_hash: int, user: str, aliases: tuple[str, ...] = ()) -> bool:
        """Joins a client to a user from a time on, as far as nothing has gone to another user yet. Returns
        whether that was news."""
        if links.is_known(self.links, event_hash, user) or self.ids.has_forgotten(
            time_us // clock.SECOND, event_hash
        ):
            return False
        begun_us = links.begin(self.links, time_us, (user, *aliases), self.passed_until)
        if begun_us is None:
            return False
        self._add_link(Link(begun_us, event_hash, user))
        return True

    def _add_link(self, link: Link) -> None:
        unsure_us = links.add(self.links, link)
        if unsure_us is not None:
            self.ids.forget_time(unsure_us // clock.SECOND, MAX_HASH)

    def erase(self, second: int) -> Updates:
        """Nothing up to this second stays, and nothing of it may come back.

        Returns changes to rows: what came after may have arrived before, and been paired with what goes.
        """
        if second <= self.erased_second:
            return []
        self.erased_second = second
        kept = self._events_after(second)
        self.ids.forget_until(second)
        if self.passed_until and any(link.event_time // clock.SECOND <= second for link in self.links):
            # Copies of what went by them would come to be taken for a stranger's.
            self.ids.forget_time(self.passed_until // clock.SECOND, MAX_HASH)
        self.statements = consent.after_erasure(self.statements, second)
        self.links = [link for link in self.links if link.event_time // clock.SECOND > second]
        return self._drop_all_but(kept, lambda time_us: time_us // clock.SECOND > second)

    def _events_after(self, second: int) -> int:
        """How many events of the profile are later; those whose ids have been let go are where these end."""
        uncounted = self.events - self.ids.counted_after(-1)
        return self.ids.counted_after(second) + (uncounted if self.ids.horizon[0] > second else 0)

    def hand_over(self, renamed: str = "") -> tuple[ShopperState, Updates]:
        """Gives up everything but ids and links, for the user that this client turned out to be; or, where
        `renamed` says so, links and the erasure too, for the same shopper under another name.

        Returns what is given, and the changes that take its pairs back: they are made anew among the
        receiver's own. The ids stay known here as well: copies may come by either way.
        """
        changes = Changes(self.returns_horizon)
        changes.take_back(self.touches)
        given = self.copy()
        given.dropped = 0
        if renamed:
            self.renamed, self.links = renamed, []
        else:
            given.links, given.passed_until, given.erased_second = [], 0, -1
        self.events, self.as_of, self.statements = 0, 0, []
        self.touches, self.holdings = [], Holdings()
        self.history_horizon = self.returns_horizon = 0
        self.ids.discount(frozenset())
        return given, changes.records()

    def take_over(self, given: ShopperState, linked_at: int | None = None) -> Updates:
        """Takes in what was remembered of a client of this user, or of this shopper under a former name; the
        way back of `hand_over`. `linked_at` is from when on the client is this user's."""
        erased_updates = self.erase(given.erased_second)
        erased = (self.erased_second + 1) * clock.SECOND
        dropped = 0
        if linked_at is not None and linked_at < erased:  # as of what such a client does later, see `may_use`
            dropped = given.events
            given.touches, given.holdings = [], Holdings()
            given.ids.discount(frozenset())
        elif self.erased_second >= 0:
            dropped = given.events - given._events_after(self.erased_second)
        for statement in given.statements:
            consent.say(self.statements, statement)
        self.statements = consent.after_erasure(self.statements, self.erased_second)
        for link in given.links:
            if link.event_time >= erased and link not in self.links:
                self._add_link(link)
        self.passed_until = max(self.passed_until, given.passed_until)
        self.ids.merge(given.ids)
        self.events += given.events - dropped
        self.dropped += dropped
        self.as_of = max(self.as_of, given.as_of)
        if given.history_horizon > self.history_horizon and not self.touches:
            self.history_horizon = given.history_horizon
        # What the giver could not take back must not be counted again.
        self.returns_horizon = max(self.returns_horizon, given.returns_horizon)
        changes = Changes(self.returns_horizon)
        for touch in given.touches:
            if touch.event_time >= erased:
                self._insert(touch, changes)
        self._trim()
        moved = given.holdings.copy()
        if dropped:
            moved.keep(lambda time_us: time_us >= erased)
        self.holdings.merge(moved)
        updates = erased_updates + changes.records()
        return updates + self._keep_what_is_allowed() if self.statements else updates

    def to_bytes(self) -> bytes:
        return _ENCODER.encode(self)

    @classmethod
    def from_bytes(cls, data: bytes) -> ShopperState:
        return _DECODER.decode(data)

    def _touch(self, event: Event, time_us: int, id_hash: int) -> Updates:
        items, name, touches = event.items, event.event_name.value, self.touches
        if len(items) == 1 and time_us > self.returns_horizon:
            touch = Touch(time_us, id_hash, 0, items[0].item_id, name)
            if not touches or touch > touches[-1]:
                updates = Changes.of_next(touches, touch)
                self._trim()
                return updates
        changes = Changes(self.returns_horizon)
        for line, item in enumerate(items[:MAX_LINES]):
            self._insert(Touch(time_us, id_hash, line, item.item_id, name), changes)
        self._trim()
        return changes.records()

    def _insert(self, touch: Touch, changes: Changes) -> None:
        if touch.event_time <= self.history_horizon:
            changes.touch(touch)
        else:
            changes.insert(self.touches, touch)

    def _trim(self) -> None:
        excess = len(self.touches) - MAX_HISTORY
        if excess > 0:
            self.history_horizon = self.touches[excess - 1].event_time
            del self.touches[:excess]
            incomplete = self.touches[repeats.WINDOW - 1]  # the last with fewer before it than are looked at
            self.returns_horizon = max(self.returns_horizon, incomplete.event_time)

    def _keep_what_is_allowed(self) -> Updates:
        """Lets go of what there is no consent for, or none any more. Aggregates keep what they were told."""
        statements = self.statements
        if all(statement.allowed for statement in statements):
            return []
        uncounted = self.events - self.ids.counted_after(-1)  # their ids have been let go
        allowed = frozenset(s for s in self.ids.seconds() if consent.allows(statements, s))
        kept = self.ids.discount(allowed)
        if consent.allows(statements, self.ids.horizon[0]):
            kept += uncounted
        return self._drop_all_but(kept, lambda time_us: consent.allows(statements, time_us // clock.SECOND))

    def _drop_all_but(self, kept_events: int, allowed: Callable[[int], bool]) -> Updates:
        self.dropped += self.events - kept_events
        self.events = kept_events
        kept = [touch for touch in self.touches if allowed(touch.event_time)]
        changes = Changes(self.returns_horizon)
        if len(kept) < len(self.touches):
            changes.narrow(self.touches, kept)
            self.touches = kept
        self.holdings.keep(allowed)
        if not self.events:
            self.as_of = 0
        return changes.records()


def happened_us(event: Event, received_us: int) -> int:
    """When an event happened, as far as can be: nothing happens after it was received. A clock that is ahead
    must not make us forget what is now; clocks that differ by less than a second are left alone."""
    ahead = event.event_time > received_us + clock.SECOND
    return received_us if ahead else event.event_time


NEVER_LATE = frozenset({EventName.ERASE_USER, EventName.UPDATE_CONSENT})
"""What people ask for holds however long it was on the way."""

_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(ShopperState)
