"""A shop's people: what they do, and the stages of shoppers run over it beside a store."""

from __future__ import annotations

from collections import Counter
from typing import Any

import msgspec
from streaming_support import Collected, Stream, config, counters, event, pipeline, run

from evermail import repeats
from evermail.decay import UNIT
from evermail.documents import Profile
from evermail.events import Consent, Event
from evermail.interest import unpack_all
from evermail.stores.sqlite import SqliteStore
from pipeline.shoppers import Shoppers


def browser(items: str = "A", *, at: float = 0.0, cookie: str = "c1", **fields: Any) -> Event:
    """An event of somebody who is not logged in."""
    return msgspec.structs.replace(event(items, at=at, **fields), user_id=None, client_id=cookie)


def identify(user: str, *, at: float = 0.0, cookie: str = "c1", **fields: Any) -> Event:
    return event((), at=at, name="identify", shopper=user, client_id=cookie, **fields)


def erase(user: str | None = None, *, at: float = 0.0, cookie: str | None = None) -> Event:
    return msgspec.structs.replace(event((), at=at, name="erase_user"), user_id=user, client_id=cookie)


def says(allowed: bool, *, at: float = 0.0, user: str | None = "anna", cookie: str | None = None) -> Event:
    one = event((), at=at, name="update_consent", consent=Consent(allowed))
    return msgspec.structs.replace(one, user_id=user, client_id=cookie)


class Shop:
    """Runs streams through the stages of shoppers, and keeps what they say in a store."""

    def __init__(self, collected: Collected, store: SqliteStore) -> None:
        self.out, self.store = collected, store
        self.counters: Counter[str] = Counter()

    def __call__(self, stream: Stream, **changes: Any) -> Collected:
        """Runs one job, from its start to its drain."""
        settings = config(f"sqlite:///{self.store.path}", bootstrap=True, **changes)
        p = pipeline()
        shopped = p | stream.passes().source() | Shoppers(settings)
        for name in shopped._fields:
            getattr(shopped, name) | self.out.into(name)
        seen = len(self.out["profiles"])
        self.counters += counters(run(p))
        self.store.put_many(self.out["profiles"][seen:])
        self.store.put_many(self.out["erasures"])
        return self.out

    def profiles(self) -> dict[str, Profile]:
        found = self.store.scan(Profile.COLLECTION)
        return {profile.id: profile for profile in found if isinstance(profile, Profile)}

    def history(self, shopper: str) -> str:
        profile = self.profiles().get(shopper)
        return "".join(seen.item_id for seen in reversed(profile.history)) if profile else ""

    def rows(self) -> dict[tuple[str, str], float]:
        """Weights of pairs, (row, item), for events so close that nothing fades."""
        return {pair: weight for pair, weight in self._rows().items() if pair[0] != repeats.ROW_ID}

    def returns(self) -> dict[str, float]:
        """What is counted of returns to earlier items."""
        return {entry: weight for (row, entry), weight in self._rows().items() if row == repeats.ROW_ID}

    def _rows(self) -> dict[tuple[str, str], float]:
        sums: Counter[tuple[str, str]] = Counter()
        for row, packed in self.out["row_updates"]:
            for update in unpack_all(packed):
                for item, amount in update.amounts:
                    sums[row, item] += amount
        return {pair: amount / UNIT for pair, amount in sums.items() if amount}


def accepted(shop: Shop) -> list[tuple[str, str]]:
    return [(one.shopper, one.event.event_id) for one in shop.out["accepted"]]
