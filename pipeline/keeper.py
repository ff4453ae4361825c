"""What is done with one arrival at one shopper: the memory updated, and what follows from it told.

Nothing here knows where the memory is kept: pipeline/remember.py keeps it in Beam's state, and
pipeline/backfill.py for as long as it works through all that one shopper ever did. What clients and users
have in common is here; pipeline/clients.py, users.py and former_names.py say in what they differ.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Any

from apache_beam.metrics import Metrics
from apache_beam.pvalue import TaggedOutput
from apache_beam.transforms.window import GlobalWindows
from apache_beam.utils.timestamp import Timestamp

from evermail import clock, consent, repeats
from evermail.documents import Erasure, Key, Profile
from evermail.event_ids import MAX_IDS, Standing, marks_of
from evermail.events import Accepted, Code, Event, EventName, Rejected, to_json
from evermail.interest import RowUpdate, pack_all
from evermail.profiles import PROFILE_RETENTION_US, from_profile
from evermail.shelf import exposures
from evermail.shopper import NEVER_LATE, ShopperState, Updates, Verdict, happened_us
from pipeline import names
from pipeline.arrivals import Handover
from pipeline.bootstrap import Stored
from pipeline.config import JobConfig
from pipeline.rotation import FormerNames

ACCEPTED, ROW_UPDATES, REFUSED = "accepted", "row_updates", "refused"
LATE, HEARD, ERASURES = "late", "heard", "erasures"
MOVED, MOVED_FORMER, RENAMED = "moved", "moved_former", "renamed"

REFRESH_US = 30 * clock.DAY
"""How old a word of where events go may be."""

_COUNTED = (Verdict.ACCEPTED, Verdict.AGGREGATED)


class Keeper:
    """Updates memories, for one bundle. Subclasses implement `visit`.

    What follows from a visit gathers in `out`: outputs of a DoFn. `changed` and `flush_wanted` say whether
    the state is another one, and whether the profile is. `tally` counts by the names of counters.
    """

    def __init__(self, config: JobConfig, former_names: FormerNames) -> None:
        self.config = config
        self.former_names = former_names
        self.tally: Counter[str] = Counter()
        self._rows: dict[str, list[bytes]] = {}
        self._returns: defaultdict[tuple[int, bool], Counter[str]] = defaultdict(Counter)
        self._latest_us = 0
        self.begin()
        self._stored = Stored(config)

    def begin(self) -> list[Any]:
        """Clears what the last visit left; returns where the next one's outputs gather."""
        self.out: list[Any] = []
        self.changed = self.flush_wanted = False
        return self.out

    def visit(self, shopper: str, state: ShopperState, arrival: Any) -> None:
        """Does what one arrival asks for."""
        raise NotImplementedError

    def take(self, shopper: str, state: ShopperState, arrival: Any) -> None:
        """Visits, counts what thereby left the profile, and has what emails showed follow a withdrawal."""
        dropped, withdrawn = state.dropped, consent.withdrawn_until(state.statements)
        had_history = state.had_history or not self.config.bootstrap  # or it is not known what the store has
        self.visit(shopper, state, arrival)
        self._forget_what_was_shown(shopper, state, arrival, withdrawn, had_history)
        if state.dropped != dropped:
            self.tally[names.DROPPED] += state.dropped - dropped

    def recall(self, shopper: str) -> ShopperState:
        """A new state, of what the store holds."""
        profile_key, erasure_key = Key(Profile.COLLECTION, shopper), Key(Erasure.COLLECTION, shopper)
        found = self._stored.read([profile_key, erasure_key])
        profile, erasure = found.get(profile_key), found.get(erasure_key)
        state = ShopperState()
        if isinstance(profile, Profile):
            state = self._stored.recalled(profile, from_profile)
        if isinstance(erasure, Erasure):
            before, held, erased_second = state.dropped, state.has_document, state.erased_second
            self.update_rows(state.erase(erasure.erased_at // clock.SECOND))
            self.tally[names.DROPPED] += state.dropped - before
            if held and state.erased_second != erased_second:
                self.note(flush=True)
        return state

    def stored_name(self, shopper: str) -> str | None:
        """Under which name a shopper goes on, by what the store says."""
        key = Key(Profile.COLLECTION, shopper)
        profile = self._stored.read([key]).get(key)
        return profile.moved_to if isinstance(profile, Profile) else None

    def is_told_here(self, state: ShopperState, event: Event, id_hash: int, second: int) -> bool:
        """Whether an event that goes on to somebody else is judged here, as one that came before.

        What people ask for goes on unless it is a copy for certain.
        """
        if id_hash not in state.ids.seen:
            return False
        if event.event_name not in NEVER_LATE:
            return True
        return state.ids.judge(event, marks_of(event), second) is Standing.COPY

    def give(self, state: ShopperState, renamed: str = "") -> ShopperState:
        """Has a memory give up what it has, for a `Handover`; `renamed` as in `ShopperState.hand_over`."""
        given, updates = state.hand_over(renamed)
        self.update_rows(updates)
        self.tally[names.HANDOVERS_SENT] += 1
        return given

    def take_over(self, state: ShopperState, handover: Handover) -> None:
        """Takes in what was remembered elsewhere."""
        self.update_rows(state.take_over(handover.state, handover.linked_at))
        state.formerly = handover.formerly or state.formerly
        self.tally[names.HANDOVERS_TAKEN] += 1
        self.note(flush=True)

    def received_us(self, event: Event) -> int:
        """When Pub/Sub took the event."""
        return event.receipt.received_at or self.config.wall_clock()

    def note(self, *, flush: bool) -> None:
        """The state has changed; `flush`: and the profile with it."""
        self.changed = True
        if flush:
            self.flush_wanted = True

    def emit(self, tag: str, value: Any) -> None:
        self.out.append(TaggedOutput(tag, value))

    def judge(self, shopper: str, state: ShopperState, event: Event) -> None:
        """Takes an event in, or refuses it, and counts which: every event comes here exactly once."""
        received_us = self._latest_us = self.received_us(event)
        said = list(state.statements) if event.event_name is EventName.UPDATE_CONSENT else None
        verdict, updates = state.apply(
            event, oldest_us=received_us - self.config.allowed_lateness_us, now_us=received_us
        )
        tally = self.tally
        if verdict not in _COUNTED and (
            (said is not None and said != state.statements)
            or (verdict is Verdict.COLLISION and event.event_name is EventName.ERASE_USER)
        ):
            self._hear_what_is_refused(shopper, event)
        if verdict is Verdict.ACCEPTED:
            self.changed = self.flush_wanted = True
            tally[names.ACCEPTED] += 1
            self.emit(ACCEPTED, Accepted(shopper, event))
        elif verdict is Verdict.AGGREGATED:
            # Who has a document has the id kept there as well; nobody gets one for what may not be used.
            self.note(flush=state.has_document)
            tally[names.ACCEPTED] += 1
            tally[names.AGGREGATED] += 1
            if event.event_name is EventName.UPDATE_CONSENT:  # that somebody said no has to be known
                self.emit(ACCEPTED, Accepted(shopper, consent.as_record(event)))
            else:
                self.emit(ACCEPTED, Accepted("", consent.for_aggregates(event)))
        elif verdict is Verdict.DUPLICATE:
            tally[names.DUPLICATE] += 1
        elif verdict is Verdict.ERASED:
            tally[names.ERASED] += 1
        else:
            self._refuse(event if state.may_use(event) else consent.for_aggregates(event), verdict)
        if event.event_name is EventName.ERASE_USER and verdict in (Verdict.ACCEPTED, Verdict.COLLISION):
            self.erase_documents(shopper, state, event)
        if updates:
            self.update_rows(updates)

    def _hear_what_is_refused(self, shopper: str, event: Event) -> None:
        """What people ask for is done even where the event is not counted: the archive and carts are told."""
        self.note(flush=True)
        record = consent.as_record(event)
        self.emit(LATE, record)
        self.emit(HEARD, Accepted(shopper, record))

    def update_rows(self, updates: Updates) -> None:
        """Puts changes to rows of neighbours aside: those of one row leave together, when the bundle ends.

        Those of the row that every event changes are added up.
        """
        rows = self._rows
        for row, update in updates:
            if row == repeats.ROW_ID:
                self._returns[update.event_time, update.touched].update(dict(update.amounts))
                continue
            rows.setdefault(row, []).append(update.pack())

    def finish_bundle(self) -> Iterator[TaggedOutput]:
        """Gives one record for each row that was touched, its changes packed, since nobody reads them until
        the row is written; and counts what the bundle did."""
        time = Timestamp(micros=self._latest_us or self.config.wall_clock())
        for (event_time, touched), amounts in self._returns.items():
            changed = [change for change in amounts.items() if change[1]]
            if changed or touched:
                update = RowUpdate(event_time, touched, changed)
                self._rows.setdefault(repeats.ROW_ID, []).append(update.pack())
        for row, packed in self._rows.items():
            self.tally[names.ROW_UPDATES_SENT] += len(packed)
            yield TaggedOutput(ROW_UPDATES, GlobalWindows.windowed_value((row, pack_all(packed)), time))
        for name, count in self.tally.items():
            Metrics.counter(names.NAMESPACE, name).inc(count)

    def erase_here(self, shopper: str, state: ShopperState, event: Event, second: int) -> None:
        """Does what an `erase_user` asks for here, before it goes on to somebody else."""
        self.update_rows(state.erase(second))
        state.ids.remember(marks_of(event), second, counted=False)  # a copy with a later time erases no more
        self.note(flush=True)
        self.erase_documents(shopper, state, event)

    def refresh(self, state: ShopperState, event: Event, written_us: int) -> None:
        """Has the word of where this shopper's events go written again if it is of long ago: in the store it
        must not expire while somebody comes by it."""
        if event.event_time > written_us + REFRESH_US:
            state.as_of = event.event_time
            self.note(flush=True)

    def erase_documents(self, shopper: str, state: ShopperState, event: Event) -> None:
        """Has all that is stored of a shopper erased."""
        now_us = self.config.wall_clock()
        for name in filter(None, (shopper, state.formerly)):
            self.tally[names.ERASURES_SENT] += 1
            erasure = Erasure(
                id=name,
                version=now_us,
                updated_at=now_us,
                expire_at=now_us + PROFILE_RETENTION_US,
                # A newer one may have gone before: the store keeps what was written last.
                erased_at=max(
                    happened_us(event, self.received_us(event)), state.erased_second * clock.SECOND
                ),
            )
            self.emit(ERASURES, erasure)

    def _forget_what_was_shown(
        self, shopper: str, state: ShopperState, arrival: Any, before: int, had_history: bool
    ) -> None:
        """Where an arrival withdraws consent, or gives it again, what emails have shown until then must go.
        `before` is how far known withdrawals reached. Without a history nothing shown was ever stored."""
        until = consent.withdrawn_until(state.statements)
        if until <= before:
            # Nothing is known here of one that only passes by, on its way to somebody else who hears it.
            event = arrival if type(arrival) is Event else arrival.event
            passing = self._withdrawn_by(event) if event is not None else -1
            if passing <= until:
                return
            until = passing
        elif not had_history:
            return
        if until <= state.erased_second:
            return
        for name in filter(None, (shopper, state.formerly)):
            self.tally[names.ERASURES_SENT] += 1
            self.emit(ERASURES, exposures.withdrawn(name, until, self.config.wall_clock()))

    def _withdrawn_by(self, event: Event) -> int:
        """The second of a withdrawal, -1 if it is none."""
        if event.event_name is not EventName.UPDATE_CONSENT or not consent.withheld(event):
            return -1
        return happened_us(event, self.received_us(event)) // clock.SECOND

    def _refuse(self, event: Event, verdict: Verdict) -> None:
        if verdict is Verdict.LATE:
            late_after_s = self.config.allowed_lateness_us // clock.SECOND
            code, message = Code.LATE, f"event_time is more than {late_after_s} s before it was received"
            self.tally[names.LATE] += 1
            self.emit(LATE, event)
        elif verdict is Verdict.FORGOTTEN:
            code = Code.IDS_FORGOTTEN
            message = (
                f"the ids of this time are not remembered any more (up to {MAX_IDS} of a shopper are): "
                "whether this is a copy of an earlier event cannot be known"
            )
        else:
            code = Code.ID_COLLISION
            message = f"event_id {event.event_id!r} was used before with another content"
            if event.event_name is EventName.ERASE_USER:
                message += "; the shopper was erased all the same"
        if verdict is not Verdict.LATE:
            self.tally[names.REJECTED_PREFIX + code] += 1
        receipt = event.receipt
        rejected = Rejected(
            stage="shoppers",
            code=code,
            message=message,
            data=to_json(event),
            attributes={},
            pipeline_version=self.config.version,
            first_seen=receipt.first_seen or self.config.wall_clock(),
            received_at=receipt.received_at,
            attempts=receipt.attempts,
        )
        self.emit(REFUSED, rejected)
