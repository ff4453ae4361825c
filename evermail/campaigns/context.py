"""What a template is filled with: one recipient's email at the moment it is sent."""

from __future__ import annotations

import re
from typing import Literal
from urllib.parse import urlencode

import msgspec

from evermail.campaigns.brand import Brand, is_url, require_url
from evermail.serving import RecommendedItem
from evermail.tokens import Purpose, Recipient, TokenSigner

_TOKEN = re.compile(r"[A-Za-z0-9._~-]+")


class Tokens(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The tokens of one recipient, one for each `evermail.tokens.Purpose`: all that its URLs carry."""

    recommendations: str
    slots: str
    actions: str
    unsubscribe: str

    def __post_init__(self) -> None:
        for field in self.__struct_fields__:
            if not _TOKEN.fullmatch(getattr(self, field)):
                raise ValueError(f"the {field} token must consist of base64url characters and dots")

    @classmethod
    def signed(cls, recipient: Recipient, signer: TokenSigner) -> Tokens:
        """Those of a recipient, valid from now on. Raises `ValueError` for too long a name."""
        return cls(**{str(purpose): signer.sign(recipient, purpose=purpose) for purpose in Purpose})


class EmailRecipient(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whom the email goes to."""

    tokens: Tokens
    first_name: str | None = None


class Context(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The variables of a campaign template.

    `endpoint` is the base URL of the functions, without a slash at its end; an AMP client needs https.
    `sent_at` is in microseconds since the epoch. `about` is what the email is about, where it is about
    something: what was left in a cart, or is back in stock. `items` is the snapshot for clients without AMP,
    best first, as the functions answered when the email was made. `category` is the one that a template
    about a category is about. `layout` is how the AMP part arranges its products.
    """

    campaign: str
    brand: Brand
    recipient: EmailRecipient
    endpoint: str
    sent_at: int
    about: list[RecommendedItem] = []
    items: list[RecommendedItem] = []
    category: str = ""
    layout: Literal["grid", "carousel"] = "grid"
    preheader: str | None = None

    def __post_init__(self) -> None:
        if not self.campaign:
            raise ValueError("campaign must not be empty")
        require_url("endpoint", self.endpoint)
        if re.search(r"[?#]|/$", self.endpoint):
            raise ValueError(f"endpoint must end without a slash, a query or a fragment: {self.endpoint!r}")

    @property
    def unsubscribe_url(self) -> str:
        """Shows a page to people, and takes the one-click POST of mail providers (RFC 8058)."""
        return f"{self.endpoint}/unsubscribe?t={self.recipient.tokens.unsubscribe}"

    def item_url(self, item: RecommendedItem) -> str:
        """Where an item of the snapshot leads: to the click, which counts, and finds what took its place if
        it has sold out meanwhile; without an id, to its own page."""
        if not item.item_id:
            return item.url
        query = urlencode({"t": self.recipient.tokens.slots, "i": item.item_id}, errors="replace")
        return f"{self.endpoint}/slot_click?{query}"

    @property
    def variables(self) -> dict[str, object]:
        """As templates name them: without items that an email cannot show."""
        named = {field: getattr(self, field) for field in self.__struct_fields__}
        shown = {"about": _showable(self.about), "items": _showable(self.items)}
        return named | shown | {"unsubscribe_url": self.unsubscribe_url, "item_url": self.item_url}


def _showable(items: list[RecommendedItem]) -> list[RecommendedItem]:
    """Those with a title, and a web address to go to."""
    return [item for item in items if item.title.strip() and is_url(item.url)]
