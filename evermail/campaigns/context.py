"""What a template is filled with: one recipient's email at the moment it is sent."""

from __future__ import annotations

import re

import msgspec

from evermail.campaigns.brand import Brand, is_url, require_url
from evermail.serving import RecommendedItem

_TOKEN = re.compile(r"[A-Za-z0-9._~-]+")
_CURRENCY = re.compile(r"[A-Z]{3}")


class EmailRecipient(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whom the email goes to. `token` names them to the functions; it is all that its URLs carry."""

    token: str
    first_name: str | None = None

    def __post_init__(self) -> None:
        if not _TOKEN.fullmatch(self.token):
            raise ValueError("token must consist of base64url characters and dots")


class Context(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The variables of a campaign template.

    `endpoint` is the base URL of the functions, without a slash at its end; an AMP client needs https.
    `sent_at` is in microseconds since the epoch. `items` is the snapshot for clients without AMP,
    best first, as the recommendations function answered it when the email was made.
    """

    campaign: str
    brand: Brand
    recipient: EmailRecipient
    endpoint: str
    unsubscribe_url: str
    sent_at: int
    locale: str = "en_US"
    currency: str = "USD"
    items: list[RecommendedItem] = []
    preheader: str | None = None

    def __post_init__(self) -> None:
        if not self.campaign:
            raise ValueError("campaign must not be empty")
        require_url("endpoint", self.endpoint)
        if re.search(r"[?#]|/$", self.endpoint):
            raise ValueError(f"endpoint must end without a slash, a query or a fragment: {self.endpoint!r}")
        require_url("unsubscribe_url", self.unsubscribe_url)
        if not _CURRENCY.fullmatch(self.currency):
            raise ValueError(f"currency is not an ISO 4217 code: {self.currency!r}")

    @property
    def showable_items(self) -> list[RecommendedItem]:
        """The snapshot without what an email cannot show: no title, or no web address to go to."""
        return [item for item in self.items if item.title.strip() and is_url(item.url)]
