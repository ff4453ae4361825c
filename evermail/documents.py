"""What is stored: one definition for the writer (the pipeline) and the reader (the functions).

Every document has a `version` that only grows; a store keeps the highest one it has seen, so
a replayed or delayed write changes nothing. Times are microseconds since the epoch.
`expire_at` is set on everything that events make: Firestore's TTL policy deletes what is past it.
"""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar, Self

import msgspec

from evermail import clock
from evermail.shelf.policy import Policy

SHARED_RETENTION_US = 180 * clock.DAY
"""Rows of neighbours and trending lists that nobody has changed for this long expire: anybody who sends an
event with a new item or category makes one."""

MAX_MOVES = 3
"""How often it is followed where a profile has moved: from a browser's former name to its new one, from there
to its user under a former name, and on to that one's new name."""


class Key(msgspec.Struct, frozen=True, order=True):
    """Where a document lives. `id` is any printable text; stores escape what they must."""

    collection: str
    id: str


class Document(msgspec.Struct, kw_only=True, omit_defaults=True):
    """The fields that all documents share."""

    COLLECTION: ClassVar[str] = ""

    id: str
    version: int
    updated_at: int
    expire_at: int | None = None
    memory: bytes = b""
    """What the writer itself needs to go on from here should it lose its own state. Stores keep it beside the
    document and return it only where it is asked for: readers never pay for it."""

    @property
    def key(self) -> Key:
        return Key(self.COLLECTION, self.id)


class Seen(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """One touch of an item by a shopper. `event` is the event's name."""

    item_id: str
    event_time: int
    event: str


class Profile(Document):
    """What is known of one shopper, `id` being the shopper's key.

    `history` holds the most recent touches, newest first. `as_of` is the newest event time
    that went in, `events` how many accepted events did: the law of conservation is checked with it.

    A profile is not deleted but replaced by an empty one (`erased`): after a plain deletion an older write
    that was held up somewhere could bring it back.
    """

    COLLECTION: ClassVar[str] = "profiles"

    as_of: int
    events: int
    history: list[Seen] = []
    cart: dict[str, int] = {}
    """Quantity of each item in the cart."""
    purchased: dict[str, int] = {}
    """Time of the last purchase of each item."""
    moved_to: str | None = None
    """The key under which this shopper is known now: the user who uses this client, or the same one under a
    newer pseudonym key. The content is there, and none is left here. Readers follow `MAX_MOVES` in a row, and
    no more."""
    renamed: bool = False
    """Whether it is the same one under a newer key. Otherwise whoever holds the client has said whose it is,
    which proves nothing: who reads or writes for a client must not follow to the user."""

    @classmethod
    def erased(cls, id: str, version: int, now_us: int) -> Self:
        """What takes the place of a shopper's profile, of which nothing may stay.

        It is empty and has expired at `now_us`: every reader sees at once that there is no profile, an older
        version can no longer be written, and the store deletes it in its own time (Firestore by its TTL
        policy, as a rule within 24 hours: https://firebase.google.com/docs/firestore/ttl). `version` must be
        higher than that of every profile written so far; `now_us` is the wall clock.
        """
        return cls(id=id, version=version, updated_at=now_us, expire_at=now_us, as_of=0, events=0)


class Neighbor(msgspec.Struct, array_like=True, frozen=True, gc=False):
    item_id: str
    weight: float


class Neighbors(Document):
    """Items seen together with the item `id`, heaviest first.

    Weights are forward-decayed co-visits expressed as of `as_of`; `total` is the sum over the whole
    row, the items beyond the stored ones included.
    """

    COLLECTION: ClassVar[str] = "neighbors"

    as_of: int
    total: float
    neighbors: list[Neighbor] = []


class Trending(Document):
    """The most touched items of a scope: `global`, or `category:NAME`. Scores are decayed counts."""

    COLLECTION: ClassVar[str] = "trending"

    as_of: int
    """End of the newest window counted."""
    items: list[Neighbor] = []


class Product(Document):
    """A product as the shop's feed describes it. Money is in units of `currency`, not cents."""

    COLLECTION: ClassVar[str] = "products"

    title: str
    url: str
    image_url: str
    price: float
    currency: str
    sale_price: float | None = None
    brand: str | None = None
    category: str | None = None
    available: bool = True
    labels: tuple[str, ...] = ()
    """The shop's own words for it: of Google's custom_label_0 to custom_label_4 those that it has."""

    @property
    def price_now(self) -> float:
        """What it costs: the sale price where that is an offer."""
        return self.price if self.sale_price is None else min(self.price, self.sale_price)


class Shown(msgspec.Struct, frozen=True, omit_defaults=True):
    """One slot of an opened email: which item stood there and why."""

    item_id: str
    reason: str


class Impression(Document):
    """What a shopper was shown by a campaign last; `id` is `campaign:shopper` (`evermail.impressions`)."""

    COLLECTION: ClassVar[str] = "impressions"

    shopper: str
    source: str
    slots: list[Shown] = []
    campaign: str = ""
    variant: str = ""
    """What the campaign's experiment shows this shopper."""
    as_of: int = 0
    """Event time of the shopper's newest event that went into it."""
    opens: int = 1
    """By people; `prefetches` are those of programs that load an email before anybody reads it."""
    prefetches: int = 0
    opened_at: int = 0
    prefetched_at: int = 0
    """When each last happened, 0 if never."""


class Exposure(msgspec.Struct, array_like=True, frozen=True, order=True, gc=False):
    """What one campaign has shown to a shopper. `shown_at` is when it first did."""

    campaign: str
    shown_at: int
    item_ids: tuple[str, ...]


class Exposures(Document):
    """What a shopper, whose key is `id`, was shown by the last campaigns, newest first: one small document to
    read at an open, made by whoever answers (`evermail.shelf.exposures`)."""

    COLLECTION: ClassVar[str] = "exposures"

    campaigns: tuple[Exposure, ...] = ()


class Suppression(Document):
    """A shopper who wants no email; `id` is the shopper's key. Ask `evermail.suppression` rather than whether
    there is one: it may be `lifted`."""

    COLLECTION: ClassVar[str] = "suppressions"

    reason: str
    link: str = ""
    """The link that it was said by: it alone takes it back."""
    lifted: bool = False
    """Emails are wanted again. It stays for a while, so that nothing older can come back in its place."""


class Verdict(StrEnum):
    """What a shopper says of an item that an email has shown."""

    NOT_FOR_ME = "not_for_me"
    MORE_LIKE_THIS = "more_like_this"
    NONE = "none"
    """Taken back. It is kept: it may be newer than what is stored under another name of the same shopper."""


class Opinion(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """A verdict, and when it was given."""

    verdict: Verdict
    given_at: int


class Feedback(Document):
    """What a shopper, whose key is `id`, has said of items, by their ids (`evermail.feedback`)."""

    COLLECTION: ClassVar[str] = "feedback"

    opinions: dict[str, Opinion] = {}


class Erasure(Document):
    """A shopper was erased: `id` is the shopper's key, `erased_at` the event time (microseconds) up to which
    nothing of this shopper may come back. Kept until what is older could not be accepted any more."""

    COLLECTION: ClassVar[str] = "erasures"

    erased_at: int


class Variant(msgspec.Struct, frozen=True, omit_defaults=True):
    """One way of an experiment; `weight` is its share, relative to that of the others."""

    name: str
    weight: float = 1.0
    personal: bool = True
    """Whether it shows what suits each shopper, or what is popular to everybody."""
    diversity: float | None = None
    """In place of the policy's."""


class Campaign(Document):
    """A campaign and its experiment (`evermail.experiments`)."""

    COLLECTION: ClassVar[str] = "campaigns"

    name: str
    template: str
    holdout: float = 0.0
    """The share of shoppers, 0 to 1, who are shown what is popular, to measure the others against."""
    variants: tuple[Variant, ...] = ()
    category: str = ""
    """What the campaign is about: where a shopper is unknown, what is popular there comes first."""


class Rules(Document):
    """What the shop says about its slots; `id` is `current`. `file` names the file that it was read from."""

    COLLECTION: ClassVar[str] = "rules"
    CURRENT: ClassVar[str] = "current"

    policy: Policy
    file: str = ""


PERSONAL = (Profile, Impression, Exposures, Suppression, Feedback)
"""Collections that hold personal data, for retention and erasure."""

TYPES: dict[str, type[Document]] = {
    kind.COLLECTION: kind
    for kind in (
        Profile,
        Neighbors,
        Trending,
        Product,
        Impression,
        Exposures,
        Suppression,
        Feedback,
        Erasure,
        Campaign,
        Rules,
    )
}
"""The struct of each collection."""


def to_json(document: Document) -> bytes:
    """The JSON that every store keeps. The memory is not part of it: it lies beside."""
    return msgspec.json.encode(msgspec.structs.replace(document, memory=b"") if document.memory else document)


def from_json(collection: str, data: bytes | str) -> Document:
    """Reads a stored document. Raises `msgspec.ValidationError` when it is not one of its collection."""
    return msgspec.json.decode(data, type=TYPES[collection])
