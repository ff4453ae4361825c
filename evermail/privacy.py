"""All that is stored of one person, to be handed to that person (GDPR, Art. 15 and 20). Pure.

Times are written as people read them (RFC 3339), fields by their names, and beside each document stands what
it is for, where it comes from, since when it is held and until when. What the pipeline remembers beside a
profile is part of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from evermail import clock
from evermail.documents import Document, Profile
from evermail.person import Held, Name, memory_of
from evermail.shopper import ShopperState


class _About(msgspec.Struct, frozen=True):
    """What has to be said of the documents of a collection."""

    what: str
    purpose: str
    source: str


_SHOP = "what the shop's pages, its systems and its emails told"

ABOUT = {
    "profiles": _About(
        "what was looked at, put into the cart and bought, and what was said of consent",
        "to show in emails what suits this person",
        _SHOP,
    ),
    "impressions": _About(
        "what an email has shown, and when it was opened",
        "to show one thing in all parts of an email, and to measure campaigns",
        "the emails that were opened",
    ),
    "exposures": _About(
        "what the last emails have shown",
        "not to show the same items in every email",
        "the emails that were opened",
    ),
    "feedback": _About(
        "what was said of items in emails",
        "to show no more of what was not wanted",
        "the emails in which it was said",
    ),
    "suppressions": _About(
        "the wish to get no more emails",
        "to write no more, also after an erasure: it alone stays then",
        "the person, by an email or the shop",
    ),
    "erasures": _About(
        "the wish to be erased, and up to when",
        "to let nothing older come back",
        "the shop, asked by the person",
    ),
}
"""By collection."""

ELSEWHERE = (
    "What the shop sent is archived, where it keeps an archive: its rows about a person bear the pseudonyms "
    "that are listed here, as shopper, user_id or client_id, under which they can be selected.",
    "The job that takes in events remembers the same as the profiles here, which it writes within moments.",
    "Rows of neighbours and trending lists are made of what everybody did and name nobody.",
    "Messages that could not be used are kept sealed until they expire.",
)
"""What is not in the store."""

_TIMES = frozenset({"as_of", "event_time", "purchased"})
"""Fields in microseconds since the epoch, or whose values are; so is what ends in `_at`. 0 is never."""

_APART = frozenset({"id", "version", "memory", "updated_at", "expire_at"})
"""Said beside the content, or of no meaning to a person."""


def export(held: Held, now_us: int) -> dict[str, Any]:
    """The answer to who asks what is stored: ready to become JSON."""
    return {
        "exported_at": clock.to_rfc3339(now_us),
        "looked_under": [
            {"identifier": f"{name.kind}_id", "pseudonym": name.pseudonym} for name in held.names
        ],
        "held": [_Entry(held.names).of(document) for document in held.documents],
        "unreadable": [f"{key.collection}/{key.id}" for key in held.unreadable],
        "elsewhere": list(ELSEWHERE),
    }


class _Entry:
    """What is said of one document. Notes each time that is in it.

    A browser's user is named only if that is one of those who are asked about: it may be somebody else."""

    def __init__(self, names: Sequence[Name]) -> None:
        self._named = {name.pseudonym for name in names}
        self._times: list[int] = []

    def of(self, document: Document) -> dict[str, Any]:
        content = {
            name: self._readable(name, value)
            for name in document.__struct_fields__
            if name not in _APART and (value := getattr(document, name)) not in (None, "", [], {}, ())
        }
        if content.get("moved_to") not in self._named:
            content.pop("moved_to", None)
        if isinstance(document, Profile) and document.memory:
            content["memory"] = self._remembered(memory_of(document))
        about = ABOUT[document.COLLECTION]
        return {
            "collection": document.COLLECTION,
            "id": document.id,
            "what": about.what,
            "purpose": about.purpose,
            "source": about.source,
            "since": clock.to_rfc3339(min(self._times)) if self._times else None,
            "updated_at": clock.to_rfc3339(document.updated_at),
            "kept_until": None if document.expire_at is None else clock.to_rfc3339(document.expire_at),
            "content": content,
        }

    def _remembered(self, state: ShopperState) -> dict[str, Any]:
        return {
            "history": [
                {"item_id": touch.item_id, "event": touch.event, "event_time": self._time(touch.event_time)}
                for touch in state.touches
            ],
            "cart": {
                item_id: [
                    {"change": change, "at": self._time(time_us)} for time_us, _, change in line.changes
                ]
                for item_id, line in state.holdings.lines.items()
            },
            "purchased": self._readable("purchased", state.holdings.purchased),
            "consent": [
                {"personalization": said.allowed, "at": self._time(said.second * clock.SECOND)}
                for said in state.statements
            ],
            "users": [
                {
                    "user": link.user if link.user in self._named else None,
                    "since": self._time(link.event_time),
                }
                for link in state.links
                if link.user
            ],
            "former_name": state.formerly or None,
            "new_name": state.renamed or None,
            "erased_at": self._time(state.erased_second * clock.SECOND),
            "hashes_of_event_ids": len(state.ids.seen),
        }

    def _readable(self, name: str, value: Any) -> Any:
        """`name` is that of the field it stands in, at any depth."""
        if isinstance(value, msgspec.Struct):
            return {field: self._readable(field, getattr(value, field)) for field in value.__struct_fields__}
        if isinstance(value, dict):
            return {key: self._readable(name, inner) for key, inner in value.items()}
        if isinstance(value, list | tuple):
            return [self._readable(name, inner) for inner in value]
        return self._time(value) if name in _TIMES or name.endswith("_at") else value

    def _time(self, time_us: int) -> str | None:
        if time_us <= 0:
            return None
        self._times.append(time_us)
        return clock.to_rfc3339(time_us)
