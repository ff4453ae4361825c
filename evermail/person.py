"""Under which names one person is known, and all that a store holds of them.

An identifier has one pseudonym under each key there is. A profile that has moved says where to: from a
browser to its user, from a former name to the one of now. Nothing leads the other way: whose browsers are
meant has to be said.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec

from evermail.documents import Document, Erasure, Key, Profile
from evermail.profiles import from_profile
from evermail.pseudonyms import Pseudonymizer
from evermail.shelf.met import MAX_MOVES
from evermail.shopper import ShopperState
from evermail.stores import Store, UnreadableDocument

Kind = Literal["user", "client"]


class Name(msgspec.Struct, frozen=True):
    """A pseudonym, and whether it is that of a `user_id` or of a `client_id`."""

    kind: Kind
    pseudonym: str


class Held(msgspec.Struct):
    """What a store holds of one person. Profiles come with their memory; `unreadable` are the keys of what is
    there and is no document of this version."""

    names: list[Name]
    documents: list[Document]
    unreadable: list[Key]


def names_of(pseudonyms: Pseudonymizer, kind: Kind, identifier: str) -> list[Name]:
    """What an identifier is called under every key, the current one first."""
    every = (pseudonyms.pseudonym(kind, identifier), *pseudonyms.aliases(kind, identifier))
    return [Name(kind, pseudonym) for pseudonym in every]


def followed(store: Store, names: Sequence[Name]) -> list[Name]:
    """These names and those that their profiles have moved to. Raises `StoreError`.

    A browser leads to its user only where no user is among the names: it may have been somebody else's since,
    who is not the one that is meant.
    """
    to_users = all(name.kind == "client" for name in names)
    known = list(dict.fromkeys(names))
    asked = known
    for _ in range(MAX_MOVES):
        profiles, _ = read(store, [Key(Profile.COLLECTION, name.pseudonym) for name in asked])
        keyed = [(name, profiles.get(Key(Profile.COLLECTION, name.pseudonym))) for name in asked]
        moved = dict.fromkeys(_moved(name, profile, to_users) for name, profile in keyed)
        everybody = {name.pseudonym for name in known}
        asked = [name for name in moved if name and name.pseudonym not in everybody]
        if not asked:
            break
        known += asked
    return known


def held(store: Store, names: Sequence[Name]) -> Held:
    """Everything about these names. Raises `StoreError`."""
    keys = [Key(kind.COLLECTION, name.pseudonym) for kind in (Profile, Erasure) for name in names]
    for name in names:
        keys += store.about(name.pseudonym)
    keys = list(dict.fromkeys(keys))
    documents, unreadable = read(store, keys)
    return Held(list(names), [documents[key] for key in keys if key in documents], unreadable)


def read(store: Store, keys: Sequence[Key]) -> tuple[dict[Key, Document], list[Key]]:
    """The documents that exist, with their memory, and the keys of those that cannot be read."""
    try:
        return store.get_many(keys, with_memory=True), []
    except UnreadableDocument:
        if len(keys) == 1:
            return {}, list(keys)
    half = len(keys) // 2
    documents, unreadable = read(store, keys[:half])
    more, more_unreadable = read(store, keys[half:])
    return documents | more, unreadable + more_unreadable


def memory_of(profile: Profile) -> ShopperState:
    """What the pipeline remembers of a shopper, as far as it can be read; else what the profile says."""
    try:
        return from_profile(profile)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return from_profile(msgspec.structs.replace(profile, memory=b""))


def _moved(name: Name, profile: Document | None, to_users: bool) -> Name | None:
    if not isinstance(profile, Profile) or not profile.moved_to:
        return None
    if name.kind == "user" or memory_of(profile).renamed:
        return Name(name.kind, profile.moved_to)
    return Name("user", profile.moved_to) if to_users else None
