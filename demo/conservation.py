"""The law of conservation: published = accepted + duplicate + rejected + late + erased, and every accepted
event shows in the store, or has left it for a reason that is counted."""

from __future__ import annotations

from collections import Counter

import msgspec

from demo.schedule import Schedule
from evermail.documents import Profile
from evermail.events import Code
from evermail.stores import Store
from pipeline import names


class Accounts(msgspec.Struct):
    """What became of everything that was published."""

    accepted: int
    duplicate: int
    late: int
    rejected: dict[str, int]
    erased: int = 0
    """Dropped: older than the erasure of its shopper."""
    unprofiled: int = 0
    """Of the accepted ones, those that are in no profile: without consent, or erased since."""

    @property
    def total(self) -> int:
        return self.accepted + self.duplicate + self.late + self.erased + sum(self.rejected.values())

    @property
    def profiled(self) -> int:
        return self.accepted - self.unprofiled


def accounts(counters: dict[str, int]) -> Accounts:
    prefix = names.REJECTED_PREFIX
    rejected = {
        name.removeprefix(prefix): n for name, n in sorted(counters.items()) if name.startswith(prefix)
    }
    return Accounts(
        accepted=counters.get(names.ACCEPTED, 0),
        duplicate=counters.get(names.DUPLICATE, 0),
        late=counters.get(names.LATE, 0),
        rejected=rejected,
        erased=counters.get(names.ERASED, 0),
        unprofiled=counters.get(names.AGGREGATED, 0) + counters.get(names.DROPPED, 0),
    )


_BALANCED = (
    ((names.HANDOVERS_SENT,), (names.HANDOVERS_TAKEN,)),
    ((names.PROFILE_FLUSHES_DUE,), (names.PROFILE_FLUSHES_DONE,)),
    ((names.ROW_UPDATES_SENT,), (names.ROW_UPDATES_TAKEN,)),
    ((names.TRENDING_SENT,), (names.TRENDING_TAKEN,)),
    ((names.ROW_FLUSHES_DUE,), (names.ROW_FLUSHES_DONE,)),
    ((names.ROWS_WAITING,), (names.ROWS_WAITED,)),
    ((names.LINES_WAITING,), (names.LINES_FOUND, names.LINES_GIVEN_UP)),
    ((names.ARCHIVE_ROWS_MADE,), (names.ARCHIVE_ROWS_WRITTEN, names.ARCHIVE_ROWS_REFUSED)),
    (
        (names.DOCUMENTS_MADE, names.ERASURES_SENT),
        (names.DOCUMENTS_WRITTEN, names.DOCUMENTS_STALE, names.DOCUMENTS_REFUSED),
    ),
)


def unsettled(counters: dict[str, int]) -> list[str]:
    """What the job still has in hand, in words; nothing when it has come to rest."""
    waiting = []
    for given, taken in _BALANCED:
        difference = sum(counters.get(name, 0) for name in given) - sum(
            counters.get(name, 0) for name in taken
        )
        if difference:
            waiting.append(f"{difference:+d} {' and '.join(given)}")
    return waiting


def violations(
    schedule: Schedule, published: int, found: Accounts, store: Store, dead_letters: Counter[Code]
) -> list[str]:
    """Every way in which a finished run breaks the law, in words; empty when it holds."""
    broken = []

    def expect(what: str, expected: int, actual: int) -> None:
        if expected != actual:
            broken.append(f"{what}: expected {expected}, found {actual}")

    expect("published = accepted + duplicate + rejected + late + erased", published, found.total)
    stored = sum(
        document.events for document in store.scan(Profile.COLLECTION) if isinstance(document, Profile)
    )
    expect("accepted events that show in the store", found.profiled, stored)
    in_dead_letters = {code.value: count for code, count in dead_letters.items()}
    refused = dict(found.rejected)
    if found.late:
        refused[Code.LATE] = found.late
    for code in sorted(refused.keys() | in_dead_letters.keys()):
        expect(f"dead letters with code {code}", refused.get(code, 0), in_dead_letters.get(code, 0))
    if published == len(schedule):
        told = found.accepted + found.late + found.erased
        expect("accepted, late and erased, of the events of the source", schedule.originals, told)
        expect("duplicates, of the copies sent", schedule.copies, found.duplicate)
        for code, count in sorted(schedule.rejected.items()):
            expect(f"rejected with code {code}", count, found.rejected.get(code, 0))
    return broken
