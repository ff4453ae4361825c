"""What is known when an email is made: items for clients without AMP, products, and who wants no email.

It comes from the store that the functions answer from; without one, from the file of the items of last resort
(`evermail static`), or it is empty: then the email shows its live pictures and the link to the shop.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from evermail.campaigns.aliases import with_profiles
from evermail.documents import Key, Product
from evermail.serving import NothingToShow, RecommendedItem, Recommender
from evermail.shelf import presentation
from evermail.stores import Store, StoreError
from evermail.suppression import is_suppressed

SLOTS = 4
"""As many as the live part shows."""

DEADLINE_S = 10.0
"""Nobody waits for an email that is being made: the store may take its time."""


class Snapshot:
    """What a store holds now, or a file. `locale` is how prices are written.

    Everything that reads the store raises `StoreError` where that does not answer.
    """

    def __init__(
        self, store: Store | None, last_resort: Sequence[RecommendedItem] = (), *, locale: str = "en"
    ) -> None:
        self._store = store
        self._last_resort = list(last_resort)
        self._locale = locale
        self._recommender = (
            None
            if store is None
            else Recommender(store, deadline_s=DEADLINE_S, locale=locale, last_resort=last_resort)
        )

    def for_everybody(self, category: str = "") -> list[RecommendedItem]:
        """What is popular, in a category if one is given."""
        if self._recommender is None:
            return self._last_resort[:SLOTS]
        try:
            return self._recommender.popular(slots=SLOTS, category=category).items
        except NothingToShow as nothing:
            return _nothing(nothing)

    def for_shopper(self, shopper: str, campaign: str) -> list[RecommendedItem]:
        """What the functions would answer a shopper now. Nothing is remembered of it: nobody has seen it."""
        if self._recommender is None:
            return self._last_resort[:SLOTS]
        try:
            return self._recommender.recommend(shopper, slots=SLOTS, campaign=campaign, prefetch=True).items
        except NothingToShow as nothing:
            return _nothing(nothing)

    def products(self, item_ids: Iterable[str]) -> dict[str, RecommendedItem]:
        """Those of these products that there are, as an email shows them."""
        wanted = list(dict.fromkeys(item_ids))
        if self._store is None or not wanted:
            return {}
        found = self._store.get_many([Key(Product.COLLECTION, item_id) for item_id in wanted])
        return {
            key.id: presentation.item(product, "", self._locale)
            for key, product in found.items()
            if isinstance(product, Product)
        }

    def suppressed(self, shoppers: Iterable[str]) -> set[str]:
        """Those of these names to which no email may go."""
        return set() if self._store is None else is_suppressed(self._store, shoppers, timeout_s=DEADLINE_S)

    def with_profiles(self, shoppers: Iterable[str]) -> set[str] | None:
        """Those of these names that have a profile; None where that is not known. Never raises."""
        return None if self._store is None else with_profiles(self._store, shoppers, timeout_s=DEADLINE_S)


def _nothing(nothing: NothingToShow) -> list[RecommendedItem]:
    """An email does without, unless the store could have told."""
    if isinstance(nothing.__cause__, StoreError):
        raise nothing.__cause__
    return []
