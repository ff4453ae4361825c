"""One name of a person who is to be erased, at once: what the store holds of it goes.

The job does the same when it hears of the `erase_user` (pipeline/erase.py), and it alone can let go of what
it remembers itself. Here the documents need not wait for it. Whatever is already under way towards the store
comes too late: the profile is replaced, by a newer version, not deleted, and readers go by the `Erasure`.

What stays is what an erasure leaves in the job: that somebody refused, the new name of whoever has a former
one, and the `Erasure`, until nothing older could be accepted any more. A suppression goes, here as there:
nothing is left to write to that person about, and the address is the shop's to forget, or to keep as one that
may not be written to. Who comes back afterwards is a stranger, who may unsubscribe again.
"""

from __future__ import annotations

from collections import Counter

from evermail import clock
from evermail.documents import Document, Erasure, Key, Profile
from evermail.person import memory_of, read
from evermail.profiles import PROFILE_RETENTION_US, to_profile
from evermail.shopper import ShopperState
from evermail.stores import Outcome, Store, StoreUnavailable

TRIES = 5
"""Of a write that another writer of the same document was quicker with."""


def erase(store: Store, name: str, erased_at: int, now_us: int) -> Counter[str]:
    """Erases what happened up to `erased_at` (microseconds) under a name, and returns how many documents had
    to go by collection. It may be done any number of times.

    The `Erasure` is written last, so that it stands for work that was done. Raises `StoreError` if the store
    did not confirm every step: then it is to be done again.
    """
    keys = store.about(name)
    if keys:
        store.delete_many(keys)
    deleted = Counter(key.collection for key in keys)
    if _empty_profile(store, name, erased_at, now_us):
        deleted[Profile.COLLECTION] += 1
    _remember(store, name, erased_at, now_us)
    return deleted


def _empty_profile(store: Store, name: str, erased_at: int, now_us: int) -> bool:
    """Whether there was anything in it that had to go."""
    key = Key(Profile.COLLECTION, name)
    found: Document | None = None
    for _ in range(TRIES):
        documents, unreadable = read(store, [key])
        found = documents.get(key)
        if unreadable:  # nothing is known of its version
            store.delete_many([key])
        state = memory_of(found) if isinstance(found, Profile) else ShopperState()
        state.erase(erased_at // clock.SECOND)
        emptied = to_profile(state, name, now_us)
        if _is_written(store, emptied):
            return bool(unreadable) or (isinstance(found, Profile) and _shown(found) != _shown(emptied))
    if found is None:
        return False  # its place is held by one that has expired, and is of a later version
    raise StoreUnavailable("a profile was written again and again while it was to be erased")


def _remember(store: Store, name: str, erased_at: int, now_us: int) -> None:
    key = Key(Erasure.COLLECTION, name)
    version = now_us
    for _ in range(TRIES):
        erasure = Erasure(
            id=name,
            version=version,
            updated_at=now_us,
            expire_at=now_us + PROFILE_RETENTION_US,
            erased_at=erased_at,
        )
        if _is_written(store, erasure):
            return
        stored = read(store, [key])[0].get(key)
        if isinstance(stored, Erasure):
            if stored.erased_at >= erased_at:
                return
            version = max(version, stored.version) + 1
    raise StoreUnavailable("it could not be stored that somebody was erased, as others kept writing")


def _is_written(store: Store, document: Document) -> bool:
    """False if the store holds a version that is not lower."""
    [result] = store.put_many([document])
    if result.outcome not in (Outcome.WRITTEN, Outcome.STALE):
        raise StoreUnavailable(f"{document.COLLECTION}: {result.message}")
    return result.outcome is Outcome.WRITTEN


def _shown(profile: Profile) -> tuple[object, ...]:
    """What a profile says of its shopper."""
    return profile.events, profile.history, profile.cart, profile.purchased, profile.moved_to
