"""By which of a person's names an email goes, while pseudonym keys are being rotated.

A profile is renamed when its person is met again: it leads from the former name to the new one, and nothing
leads back. So an email by the oldest name finds who was not met since, and who was. Only who came first after
the rotation has nothing under it: that takes a look into the store.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence

from evermail.documents import Key, Profile
from evermail.person import Name
from evermail.stores import Store, StoreError
from evermail.stores.apart import read_apart
from evermail.suppression import MAX_ASKED

Known = Callable[[Iterable[str]], Collection[str] | None]
"""Says which of some names have a profile, or None if that is not known."""


def with_profiles(store: Store, shoppers: Iterable[str], *, timeout_s: float) -> set[str] | None:
    """Those of these names that have a profile, if only one that cannot be read; None if the store does not
    tell. One read for each `MAX_ASKED` names; `timeout_s` is for each."""
    asked = [Key(Profile.COLLECTION, shopper) for shopper in dict.fromkeys(shoppers)]
    found: set[str] = set()
    try:
        for start in range(0, len(asked), MAX_ASKED):
            some = asked[start : start + MAX_ASKED]
            found |= {key.id for key in read_apart(store, some, timeout_s=timeout_s)}
    except StoreError:
        return None
    return found


def chosen(people: Sequence[Sequence[Name]], known: Known | None) -> list[Name]:
    """By which name each of these people gets the email; each has the names of one identifier, oldest first.

    The newest that has a profile, else the newest: whoever has none yet will be met under that. The oldest
    where nobody knows. `known` is asked once, and only for those with several names.
    """
    several = [name.pseudonym for names in people if len(names) > 1 for name in names]
    profiles = known(several) if known is not None and several else None
    if profiles is None:
        return [names[0] for names in people]
    return [
        next((name for name in reversed(names) if name.pseudonym in profiles), names[-1]) for names in people
    ]
