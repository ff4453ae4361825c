"""What is read and ranked for one opened email, once it is known who opens it.

At most four reads after the first (`met.py`): rows of neighbours, twice; products, twice (`filling.py`). All
are for what is not remembered. A document that cannot be read takes some more, to find out which.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import islice

import msgspec

from evermail import ranking
from evermail.documents import Document, Key, Neighbors, Product, Profile, Trending
from evermail.ranking import Ranked, Ranking
from evermail.shelf.met import Met
from evermail.shelf.policy import Rule
from evermail.shelf.popular import in_turn, popular
from evermail.shelf.reading import Reading
from evermail.trending import category_scope

MAX_LISTS = 10
"""Of the categories that pins and `only` rules name, the trending lists of so many are read."""


class Opened(msgspec.Struct):
    """Everything about one open but the products. `general` follows where the `personal` items end."""

    met: Met
    rows: dict[str, Neighbors]
    personal: list[Ranked]
    general: list[Ranked]
    listed: list[Trending]
    """What trends in the categories that rules name."""


def read_open(about_shopper: Reading, read: Reading, met: Met) -> Opened:
    """Reads and scores for one open, each of the readings under its own deadline."""
    if not met.known:
        return Opened(met=met, rows={}, personal=[], general=[], listed=[])
    scopes = [Key(Trending.COLLECTION, scope) for scope in _scopes(met.screen.naming)]
    rows: dict[str, Neighbors] = {}
    personal: list[Ranked] = []
    lists: list[Trending] = []
    if met.profile is not None and met.variant.personal:
        # What was bought may be shown again after a while, which the screen decides.
        unscreened = msgspec.structs.replace(met.profile, purchased={})
        personal, rows, lists = _rank(about_shopper, unscreened, scopes, met.now_us)
    return Opened(
        met=met,
        rows=rows,
        personal=personal,
        general=popular([*lists, *met.lists]),
        listed=_lists_of(read.keys(scopes), scopes),
    )


def _rank(
    read: Reading, profile: Profile, scopes: Sequence[Key], now_us: int
) -> tuple[list[Ranked], dict[str, Neighbors], list[Trending]]:
    """A shopper's ranking, the rows of the shopper's own items, and what trends in the newest one's category.

    Two reads: of the shopper's own items, then of what those lead to. The first brings the lists of `scopes`
    as well, for whoever asks for them then.
    """
    newest = next(iter(ranking.context(profile)), None)
    keys = [Key(Neighbors.COLLECTION, row_id) for row_id in ranking.first_rows(profile)]
    if newest is not None:
        keys.append(Key(Product.COLLECTION, newest))
    found = read.keys([*keys, *scopes])
    rows = _rows_of(found)
    product = found.get(Key(Product.COLLECTION, newest)) if newest is not None else None
    ranking_of = Ranking(profile, rows, now_us=now_us)
    keys = [Key(Neighbors.COLLECTION, row_id) for row_id in ranking_of.second_rows()]
    about = [category_scope(product.category)] if isinstance(product, Product) and product.category else []
    categories = [Key(Trending.COLLECTION, scope) for scope in about]
    found = read.keys([*keys, *categories])
    own = {item_id: rows[item_id] for item_id in ranking.context(profile) if item_id in rows}
    return ranking_of.personal(_rows_of(found)), own, _lists_of(found, categories)


def _scopes(naming: Sequence[Rule]) -> list[str]:
    """Where to find items of the categories that rules name, unless they name items."""
    categories = [rule.where.category or () for rule in naming if rule.where.items is None]
    return [category_scope(one) for one in islice(dict.fromkeys(in_turn(categories)), MAX_LISTS)]


def _lists_of(found: Mapping[Key, Document], keys: Sequence[Key]) -> list[Trending]:
    return [one for key in keys if isinstance(one := found.get(key), Trending)]


def _rows_of(found: Mapping[Key, Document]) -> dict[str, Neighbors]:
    return {key.id: one for key, one in found.items() if isinstance(one, Neighbors)}
