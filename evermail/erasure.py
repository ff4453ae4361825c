"""One name of a person who is to be erased, at once: what the store holds of it goes.

The job does the same when it hears of the `erase_user` (pipeline/erase.py), and it alone can let go of what
it remembers itself. Here the documents need not wait for it. Whatever is already under way towards the store
comes too late: in the place of each document stands an empty one that has expired, of a version that is not
reached by who has read what was there before. One thing may still arrive: what a campaign showed that had
shown nothing yet, and so has no place that could be taken. Readers go by the `Erasure` and pass over it, and
it expires.

What stays is what an erasure leaves in the job: that somebody refused, the new name of whoever has a former
one, and the `Erasure`, until nothing older could be accepted any more. A suppression that holds stays as
well, a pseudonym and a reason: an objection is honoured after the erasure too (GDPR, Art. 21(3) and
17(3)(b)). Else who comes back, known as nobody, would be written to again. One that was lifted is no
objection, and goes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from evermail import clock
from evermail.documents import Document, Erasure, Exposures, Feedback, Impression, Key, Profile, Suppression
from evermail.person import memory_of, read
from evermail.profiles import PROFILE_RETENTION_US, to_profile
from evermail.shelf.exposures import UNDER_WAY_US
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
    deleted = clear(store, name, now_us)
    if _empty_profile(store, name, erased_at, now_us):
        deleted[Profile.COLLECTION] += 1
    _remember(store, name, erased_at, now_us)
    return deleted


def clear(store: Store, name: str, now_us: int) -> Counter[str]:
    """Takes away what others than the job have written under a name, but a suppression that holds, and
    returns how many documents had to go. `now_us` is when the `Erasure` to be stored was made. Raises
    `StoreError`."""
    own = [Key(kind.COLLECTION, name) for kind in (Feedback, Exposures)]
    keys, found, unreadable = _that_go(store, list(dict.fromkeys([*own, *store.about(name)])))
    cleared: set[Key] = set()
    for _ in range(TRIES):
        cleared |= {*found, *unreadable}
        if unreadable:  # nothing is known of their versions
            store.delete_many(unreadable)
        stale = _stale(
            store, [_empty(key, _version(key, found.get(key), now_us), name, now_us) for key in keys]
        )
        keys, found, unreadable = _that_go(store, stale) if stale else ([], {}, [])
        keys = [*found, *unreadable]  # of the others there is an empty one already
        if not keys:
            return Counter(key.collection for key in cleared)
    raise StoreUnavailable("documents were written again and again while somebody was to be erased")


def first_version(erasure: Erasure) -> int:
    """The lowest version that a document may have which is made after this erasure, where there was one
    before: `clear` keeps out what is lower."""
    return erasure.version + UNDER_WAY_US + 1


def _that_go(store: Store, keys: Sequence[Key]) -> tuple[list[Key], dict[Key, Document], list[Key]]:
    """These keys without those of suppressions that hold, as one that cannot be read does; and of what is
    there, as `read` returns it."""
    found, unreadable = read(store, keys)
    lifted = {key for key, one in found.items() if isinstance(one, Suppression) and one.lifted}
    go = [key for key in keys if key.collection != Suppression.COLLECTION or key in lifted]
    return go, {key: found[key] for key in go if key in found}, [key for key in unreadable if key in go]


def _version(key: Key, stored: Document | None, now_us: int) -> int:
    """Of what takes the place of a document: who has read that one writes it with the next version, or with
    that of a clock. Only the next one keeps the place of a suppression: whoever objects from now on, be it
    in the same moment, must find it free."""
    following = stored.version + 1 if stored is not None else 0
    return following if key.collection == Suppression.COLLECTION else max(now_us + UNDER_WAY_US, following)


def _empty(key: Key, version: int, name: str, now_us: int) -> Document:
    if key.collection == Feedback.COLLECTION:
        return Feedback(id=key.id, version=version, updated_at=now_us, expire_at=now_us)
    if key.collection == Exposures.COLLECTION:
        return Exposures(id=key.id, version=version, updated_at=now_us, expire_at=now_us)
    if key.collection == Suppression.COLLECTION:
        return Suppression(
            id=key.id, version=version, updated_at=now_us, expire_at=now_us, reason="", lifted=True
        )
    return Impression(
        id=key.id, version=version, updated_at=now_us, expire_at=now_us, shopper=name, source="", opens=0
    )


def _stale(store: Store, documents: Sequence[Document]) -> list[Key]:
    """Writes them; returns the keys of those of which the store holds a version that is not lower."""
    stale = []
    for result in store.put_many(documents):
        if result.outcome is Outcome.STALE:
            stale.append(result.key)
        elif result.outcome is not Outcome.WRITTEN:
            raise StoreUnavailable(f"{result.key.collection}: {result.message}")
    return stale


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
        if not _stale(store, [emptied]):
            return bool(unreadable) or (isinstance(found, Profile) and _shown(found) != _shown(emptied))
    if found is None:
        return False  # its place is held by one that has expired, and is of a later version
    raise StoreUnavailable("a profile was written again and again while it was to be erased")


def _remember(store: Store, name: str, erased_at: int, now_us: int) -> None:
    key = Key(Erasure.COLLECTION, name)
    for _ in range(TRIES):
        documents, unreadable = read(store, [key])
        if unreadable:
            store.delete_many([key])
        stored = documents.get(key)
        known = stored if isinstance(stored, Erasure) else None
        erasure = Erasure(
            id=name,
            version=max(now_us, known.version + 1 if known is not None else 0),
            updated_at=now_us,
            expire_at=now_us + PROFILE_RETENTION_US,
            erased_at=max(erased_at, known.erased_at if known is not None else 0),
        )
        if not _stale(store, [erasure]):
            return
    raise StoreUnavailable("it could not be stored that somebody was erased, as others kept writing")


def _shown(profile: Profile) -> tuple[object, ...]:
    """What a profile says of its shopper."""
    return profile.events, profile.history, profile.cart, profile.purchased, profile.moved_to
