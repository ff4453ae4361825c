"""Who wants no email: said by a shopper, and asked by everybody who sends any.

A suppression holds for the name that the email was sent to, for every name that this shopper's profile has
moved to, and for all whose profiles have moved to one of these. A name that it moves to later takes it along
(pipeline/suppressed.py), and an erasure lets it be (`evermail.erasure`). What cannot be read counts as a
suppression: rather one email too few.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from evermail import clock
from evermail.documents import MAX_MOVES, Document, Key, Profile, Suppression
from evermail.moves import follow
from evermail.stores import Outcome, Store, StoreUnavailable
from evermail.stores.apart import read_apart

TIMEOUT_S = 1.0
"""Of one read."""

TRIES = 5
"""Of a write that another one of the same shopper was quicker with."""

UNDO_US = clock.DAY
"""How long a link takes back what was said by it: for a mistake. The link stays in a mailbox,
and in those that the email was passed on to."""

LIFTED_RETENTION_US = 400 * clock.DAY
"""How long it is remembered that emails are wanted again: for as long as the link of an email can say so."""

MAX_ASKED = 200
"""Shoppers in one call of the store."""


def is_suppressed(store: Store, shoppers: Iterable[str], *, timeout_s: float | None = TIMEOUT_S) -> set[str]:
    """Those of these names to which no email may go: they, or names that their profiles have moved to, are
    suppressed. `timeout_s` is for each call of the store; there is one for each `MAX_ASKED` names, and more
    for those that have moved.

    Nothing leads from a new name to a former one: who knows several of one person, as after a rotation of
    keys, asks for all of them, and sends nothing if one of them is returned. Raises `StoreUnavailable`: then
    nothing may be sent either.
    """
    asked = list(dict.fromkeys(shoppers))
    found: set[str] = set()
    for start in range(0, len(asked), MAX_ASKED):
        names = {shopper: shopper for shopper in asked[start : start + MAX_ASKED]}
        for _ in range(1 + MAX_MOVES):
            keys = [Key(kind.COLLECTION, name) for kind in (Suppression, Profile) for name in names.values()]
            stored = read_apart(store, list(dict.fromkeys(keys)), timeout_s=timeout_s) if keys else {}
            moved = {}
            for shopper, name in names.items():
                if _holds(stored.get(Key(Suppression.COLLECTION, name), _NONE)):
                    found.add(shopper)
                    continue
                profile = stored.get(Key(Profile.COLLECTION, name))
                if isinstance(profile, Profile) and profile.moved_to:
                    moved[shopper] = profile.moved_to
            names = moved
    return found


class NotTakenBack(Exception):
    """Something else holds than what this link has said of late: nothing was changed."""


def suppress(store: Store, shopper: str, reason: str, now_us: int, *, link: str) -> bool:
    """Has no email go to this shopper from now on. Whether that is new: said again it changes nothing.

    `reason` says how it was said, and names nobody; `link` is what it was said by. It holds for a browser's
    user as well: rather one email too few. Raises `StoreUnavailable` unless the store confirmed it for every
    name: then it may hold for some, and is to be said again.
    """
    return _bring_about(store, shopper, reason, now_us, link, lifted=False)


def lift(store: Store, shopper: str, reason: str, now_us: int, *, link: str) -> bool:
    """Takes back what was said by this link in the last `UNDO_US`, under every name. Whether that is new.

    Raises `NotTakenBack` if it was said otherwise, or long ago, that this shopper wants no email, and else as
    `suppress` does.
    """
    return _bring_about(store, shopper, reason, now_us, link, lifted=True)


def carried(
    store: Store, moved: Mapping[str, str], *, timeout_s: float | None = TIMEOUT_S
) -> list[Suppression]:
    """The suppressions that profiles take along when they move; `moved` gives the new name of each old one.

    They keep their version: what was said later under the new name stays, however often they come.
    Raises `StoreUnavailable`.
    """
    keys = [Key(Suppression.COLLECTION, shopper) for shopper in moved]
    found = read_apart(store, keys, timeout_s=timeout_s)
    return [
        msgspec.structs.replace(document, id=moved[key.id])
        for key, document in found.items()
        if isinstance(document, Suppression) and not document.lifted
    ]


def _bring_about(store: Store, shopper: str, reason: str, now_us: int, link: str, *, lifted: bool) -> bool:
    new = False
    for _ in range(TRIES):
        followed = follow(store, shopper, [Suppression], to_users=True, timeout_s=TIMEOUT_S)
        stored: dict[str, Suppression | None] = {}
        for name in followed.names:
            found = followed.found.get(Key(Suppression.COLLECTION, name), _NONE)
            stored[name] = found if isinstance(found, Suppression) else None
        # What cannot be read holds, but is not what was said.
        wrong = [name for name, one in stored.items() if one is None or one.lifted is not lifted]
        if not wrong:
            return new
        if lifted and not all(_is_of(stored[name], link, now_us) for name in wrong):
            raise NotTakenBack
        new = True
        documents = [_said(name, stored[name], reason, now_us, link, lifted) for name in wrong]
        results = store.put_many(documents)
        outcomes = {result.outcome for result in results}
        if outcomes == {Outcome.WRITTEN}:
            return new
        if outcomes - {Outcome.WRITTEN, Outcome.STALE}:
            problems = ", ".join(sorted({result.message for result in results if result.message}))
            raise StoreUnavailable(f"a suppression was not written: {problems}")
    raise StoreUnavailable("a suppression was not written, as others kept writing it")


def _is_of(stored: Suppression | None, link: str, now_us: int) -> bool:
    return stored is not None and stored.link == link and stored.updated_at > now_us - UNDO_US


def _said(
    name: str, stored: Suppression | None, reason: str, now_us: int, link: str, lifted: bool
) -> Suppression:
    return Suppression(
        id=name,
        version=max(now_us, stored.version + 1 if stored is not None else 0),
        updated_at=now_us,
        expire_at=now_us + LIFTED_RETENTION_US if lifted else None,
        reason=reason,
        link=link,
        lifted=lifted,
    )


_NONE = Suppression(id="", version=0, updated_at=0, reason="", lifted=True)


def _holds(document: Document | None) -> bool:
    """Of what is stored; None is what cannot be read."""
    return not (isinstance(document, Suppression) and document.lifted)
