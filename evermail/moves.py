"""Under which names a shopper is known from one name on, and what is stored under each.

A profile that has moved says where to: from a browser to its user, from a former pseudonym to the one of now.
Nothing leads the other way. That a browser is a user's was said by whoever holds it, and proves nothing.

Not followed here: names in an opened email, which must not wait (`evermail.shelf.met`); many shoppers at once
(`evermail.suppression`); and all names that a person ever had (`evermail.person`).
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from evermail.documents import MAX_MOVES, Document, Key, Profile
from evermail.stores import Store
from evermail.stores.apart import read_apart


class Followed(msgspec.Struct, frozen=True):
    """`names` begin with the one that was asked for and end with the one that is used now. `found` has what
    there is under them, and None for what is there but cannot be read."""

    names: tuple[str, ...]
    found: dict[Key, Document | None]


def follow(
    store: Store,
    shopper: str,
    kinds: Sequence[type[Document]],
    *,
    to_users: bool = False,
    timeout_s: float | None = None,
) -> Followed:
    """Reads documents of these kinds, named by their shopper, under every name, in one read for each; those
    of a browser's user only if `to_users`. `timeout_s` is for each. Raises `StoreUnavailable`."""
    names: list[str] = []
    found: dict[Key, Document | None] = {}
    name: str | None = shopper
    while name and name not in names and len(names) <= MAX_MOVES:
        names.append(name)
        profile_key = Key(Profile.COLLECTION, name)
        keys = [profile_key, *(Key(kind.COLLECTION, name) for kind in kinds)]
        found |= read_apart(store, keys, timeout_s=timeout_s)
        profile = found.get(profile_key)
        name = None
        if isinstance(profile, Profile) and (profile.renamed or to_users):
            name = profile.moved_to
    return Followed(tuple(names), found)
