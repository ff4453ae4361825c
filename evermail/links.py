"""Whose a browser is: what each `identify` said, by the time it holds from.

A link holds until the next one. What came before the first one belongs to the first user.
"""

from __future__ import annotations

from bisect import insort

import msgspec

MAX_LINKS = 8


class Link(msgspec.Struct, array_like=True, frozen=True, order=True, gc=False):
    """An `identify`: from `event_time` (microseconds) on, what this client does is done by `user`. Empty is
    nobody: somebody else than before, of whom nothing may be known."""

    event_time: int
    event_hash: int
    user: str


def at(links: list[Link], time_us: int) -> Link | None:
    """The link that holds at a time; None if there is none at all."""
    if not links:
        return None
    found = links[0]
    for link in links:
        if link.event_time > time_us:
            break
        found = link
    return found


def is_known(links: list[Link], event_hash: int, user: str) -> bool:
    """Whether this `identify` was heard before."""
    return any(link.event_hash == event_hash and link.user == user for link in links)


def begin(links: list[Link], time_us: int, users: tuple[str, ...], passed_until: int) -> int | None:
    """From when a new link of this time to this user holds; None if it is too late for it to hold at all.

    Whatever went to a user by the links there are, up to `passed_until`, keeps going there: its copies may
    not be taken for somebody else's.
    """
    before = at(links, time_us)
    if before is None or before.user in users or not passed_until:
        return time_us
    if time_us < links[0].event_time:
        return None  # what came before the first link went by that one
    begun_us = max(time_us, passed_until + 1)
    following = next((link.event_time for link in links if link.event_time > time_us), None)
    return begun_us if following is None or begun_us < following else None


def add(links: list[Link], link: Link) -> int | None:
    """Adds a link in its place. Returns, if another had to go for it, up to which time (microseconds) it
    cannot be told any more whose an event was.

    Of two that follow each other and name the same user the later one goes, else the second: the first says
    whose everything before it is.
    """
    insort(links, link)
    if len(links) <= MAX_LINKS:
        return None
    for place in range(1, len(links) - 1):
        if links[place].user == links[place - 1].user:
            return links.pop(place).event_time
    del links[1]
    return links[1].event_time
