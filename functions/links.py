"""Where the links of an email's items lead: to the click, which counts and finds what has taken its place, or
straight to the shop."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlencode

import msgspec

from evermail.shelf.presentation import RecommendedItem
from evermail.tokens import Issued, Purpose, TokenSigner


class Links:
    """`functions_url` is where the functions are reached from outside; without it, links stay as they are."""

    def __init__(self, functions_url: str, signer: TokenSigner) -> None:
        self._functions_url = functions_url
        self._signer = signer

    def of(self, items: Sequence[RecommendedItem], email: Issued) -> list[RecommendedItem]:
        """The items with links that lead to the click, which takes a token of its own. It ends when that of
        the email does: who holds an old one gets no younger one for it."""
        if not self._functions_url:
            return list(items)
        token = self._signer.sign(email.recipient, purpose=Purpose.SLOTS, issued_at=email.issued_at)
        base = f"{self._functions_url}/slot_click?"
        return [
            msgspec.structs.replace(item, url=base + urlencode({"t": token, "i": item.item_id}))
            for item in items
        ]
