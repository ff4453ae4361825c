"""Under which names one person is known, and all that a store holds of them.

An identifier has one pseudonym under each key there is, and a profile under a former one says what the one
of now is. Nothing leads from a browser to its user, or from a user to browsers: a browser may be shared, so
which of them are one person has to be said.

`evermail.moves` follows one name for an email, to where its documents are; here all names of a person are
followed, by what the job remembers, to find everything that is to be shown or erased.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec

from evermail.documents import MAX_MOVES, Document, Erasure, Key, Profile
from evermail.profiles import from_profile
from evermail.pseudonyms import Pseudonymizer
from evermail.shopper import ShopperState
from evermail.stores import Store
from evermail.stores.apart import read_apart

Kind = Literal["user", "client"]


class Name(msgspec.Struct, frozen=True):
    """A pseudonym, and whether it is that of a `user_id` or of a `client_id`."""

    kind: Kind
    pseudonym: str


class Followed(msgspec.Struct, frozen=True):
    """What names lead to. They stand before those they lead to."""

    names: list[Name]
    has_other_user: bool
    """Whether a browser among them is known as that of a user who is not: what it did since is that one's."""


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


def followed(store: Store, names: Sequence[Name]) -> Followed:
    """These names and those that their profiles have moved to, as far as they are the same person's for
    certain: the new name of a former one, never the user of a browser. That may be somebody else's since, or
    be said to be anybody's by whoever holds it. Raises `StoreError`."""
    known = list(dict.fromkeys(names))
    users: set[str] = set()
    asked = known
    for _ in range(1 + MAX_MOVES):
        profiles, _ = read(store, [Key(Profile.COLLECTION, name.pseudonym) for name in asked])
        moved: dict[Name, None] = {}
        for name in asked:
            profile = profiles.get(Key(Profile.COLLECTION, name.pseudonym))
            if not isinstance(profile, Profile):
                continue
            state = memory_of(profile)
            if name.kind == "client":
                users |= {link.user for link in state.links if link.user}
            new_name = profile.moved_to if name.kind == "user" else state.renamed
            if new_name:
                moved[Name(name.kind, new_name)] = None
        everybody = {name.pseudonym for name in known}
        asked = [name for name in moved if name.pseudonym not in everybody]
        known += asked
        if not asked:
            break
    return Followed(known, not users <= {name.pseudonym for name in known})


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
    found = read_apart(store, keys, with_memory=True)
    documents = {key: document for key, document in found.items() if document is not None}
    return documents, [key for key in found if key not in documents]


def memory_of(profile: Profile) -> ShopperState:
    """What the pipeline remembers of a shopper, as far as it can be read; else what the profile says."""
    try:
        return from_profile(profile)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return from_profile(msgspec.structs.replace(profile, memory=b""))
