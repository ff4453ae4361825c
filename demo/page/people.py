"""Whom the studio of the demo can look at an email as: the visitor, somebody made up, people of the shop."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from demo.page.session import Visitor
from demo.stack import CAMPAIGN, Stack
from demo.studio.brands import SHOP
from demo.studio.shelves import MADE_UP, MadeUpShelf, Shelf, Shopper, StoreShelf
from evermail.campaigns.context import Context, Tokens
from evermail.documents import Product, Profile
from evermail.serving import RecommendedItem, Recommender
from evermail.tokens import Recipient

YOU = "you"
OTHERS = 4
"""So many of the busiest people of the shop are offered."""

DEADLINE_S = 2.0


class People:
    """The people of a running shop. Items have the addresses that an email would have them at."""

    def __init__(self, stack: Stack, range_: Sequence[Product], shop_url: str) -> None:
        self._stack, self._shop_url = stack, shop_url
        self._titles = {product.id: product.title for product in range_}
        self._recommender = Recommender(stack.store, deadline_s=DEADLINE_S)
        self._others: list[Shopper] = []

    def shoppers(self, visitor: Visitor) -> list[Shopper]:
        you = Shopper(
            YOU, f"You, shopper {visitor.label}", self._stack.recipient("client", visitor.client_id)
        )
        return [you, Shopper(MADE_UP, "Mara, made up"), *self._busiest(you)]

    def shelf(self, shopper: Shopper, sample: Context) -> Shelf:
        if shopper.recipient is None:
            return MadeUpShelf(sample)
        stack = self._stack
        return StoreShelf(
            stack.store,
            self._recommender,
            shopper.recipient,
            lambda recipient: Tokens.signed(recipient, stack.signer),
            self._public,
            locale="en",
        )

    def _public(self, item: RecommendedItem) -> RecommendedItem:
        """As if the shop were on the internet: mail clients take https alone."""
        return msgspec.structs.replace(
            item,
            url=item.url.replace(self._shop_url, SHOP),
            image=item.image.replace(self._shop_url, SHOP),
        )

    def _busiest(self, you: Shopper) -> list[Shopper]:
        """Those who had done most when somebody first asked: who is on offer must not change meanwhile."""
        if not self._others:
            found = [one for one in self._stack.store.scan(Profile.COLLECTION) if isinstance(one, Profile)]
            found = [one for one in found if one.history and one.moved_to is None]
            found.sort(key=lambda one: (-one.events, one.id))
            self._others = [self._somebody(one) for one in found[:OTHERS]]
        me = you.recipient.shopper if you.recipient else ""
        return [one for one in self._others if one.key != me]

    def _somebody(self, profile: Profile) -> Shopper:
        last = self._titles.get(profile.history[0].item_id, profile.history[0].item_id)
        label = f"Shopper {profile.id[-4:]}, who looked at {last}"
        return Shopper(profile.id, label, Recipient(profile.id, CAMPAIGN, "client"))
