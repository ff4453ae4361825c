"""The studio by itself: for somebody made up, or for one shopper of a store."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import flask

from demo.page.only_here import refuse_other_hosts
from demo.studio.proof import Proofs
from demo.studio.server import Studio, blueprint
from demo.studio.shelves import MADE_UP, MadeUpShelf, Shelf, Shopper, StoreShelf
from evermail.campaigns.brand import Brand
from evermail.campaigns.check import AmpValidator
from evermail.campaigns.context import Context, Tokens
from evermail.serving import Recommender
from evermail.stores import Store
from evermail.tokens import Recipient

SOMEBODY = Shopper(MADE_UP, "Mara, made up")
CAMPAIGN = "preview"
DEADLINE_S = 5.0
"""Nobody's email waits for the store."""


class Alone:
    """Whom there is to look at an email as. `known` is a shopper of the store, if one is given."""

    def __init__(
        self,
        store: Store | None = None,
        known: Recipient | None = None,
        sign: Callable[[Recipient], Tokens] | None = None,
        *,
        locale: str = "en",
    ) -> None:
        self._store, self._sign, self._locale = store, sign, locale
        self._recommender = (
            Recommender(store, deadline_s=DEADLINE_S, locale=locale) if store is not None else None
        )
        self._shoppers = [SOMEBODY]
        if known is not None:
            self._shoppers.insert(0, Shopper(known.shopper, f"Shopper {known.shopper[-6:]}", known))

    def shoppers(self) -> list[Shopper]:
        return self._shoppers

    def shelf(self, shopper: Shopper, sample: Context) -> Shelf:
        if shopper.recipient is None or self._store is None or self._recommender is None:
            return MadeUpShelf(sample)
        sign = self._sign or (lambda recipient: sample.recipient.tokens)
        return StoreShelf(
            self._store, self._recommender, shopper.recipient, sign, lambda item: item, locale=self._locale
        )


def create_app(
    house: Alone, brands: Mapping[str, Brand], endpoint: str, validator: AmpValidator
) -> flask.Flask:
    """The application that serves the studio and nothing else."""
    app = flask.Flask("demo.page")
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    refuse_other_hosts(app)
    proofs = Proofs(endpoint, lambda brand: f'"{brand.name}" <news@shop.example>')
    # A brand's own logo and a shop's own photos are where they are.
    app.register_blueprint(
        blueprint(Studio(house, proofs, brands, validator, pictures="'self' data: https:"))
    )

    @app.get("/")
    def start() -> flask.typing.ResponseReturnValue:
        return flask.redirect("/studio")

    return app
