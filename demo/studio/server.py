"""The studio's addresses: its page, the frames in it, what it asks while it is open, and the download."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Protocol

import flask
import msgspec
from markupsafe import escape

from demo.studio.choices import MODES, Choice, Unknown, choice_of, contrasts
from demo.studio.product_photos import ProductPhotos, known, localized
from demo.studio.proof import Proof, Proofs, archive_name
from demo.studio.shelves import NothingToShow, Opened, Shelf, Shopper
from demo.studio.views import VIEWS, view
from demo.studio.words import SERVICE_HINTS, TEMPLATES, title_of
from evermail import clock
from evermail.campaigns.addressing import CannotAddress
from evermail.campaigns.brand import Brand
from evermail.campaigns.check import AmpValidator
from evermail.campaigns.context import Context
from evermail.campaigns.dialects import DIALECTS, MergeFailed
from evermail.campaigns.render import TemplateProblem
from evermail.stores import StoreError
from functions import picture
from functions.picture import Card, Look

KEPT = 40
"""Emails that are kept as they were made; the one not looked at for longest goes first."""

_PARTS = ("amp", "html", "text")


class House(Protocol):
    """Where the studio stands: whom an email can be looked at as."""

    def shoppers(self) -> list[Shopper]:
        """The first is who is chosen at first."""
        ...

    def shelf(self, shopper: Shopper, sample: Context) -> Shelf: ...


@dataclass
class Studio:
    """What the page works with. `shop` is the way back to the demo, if it is a part of it."""

    house: House
    proofs: Proofs
    brands: Mapping[str, Brand]
    validator: AmpValidator = field(default_factory=AmpValidator)
    shop: str = ""
    pictures: str = "'self' data:"
    """Where the emails in its frames may have pictures from, as a Content-Security-Policy says it."""


class _Kept:
    """The emails that were made. Each is made once, by one thread."""

    def __init__(self, studio: Studio) -> None:
        self._studio = studio
        self._lock = threading.Lock()
        self._proofs: OrderedDict[tuple[Choice, Shopper], Proof] = OrderedDict()

    def proof(self, choice: Choice) -> Proof:
        house = self._studio.house
        shopper = next(one for one in house.shoppers() if one.key == choice.shopper)
        with self._lock:
            proof = self._proofs.pop((choice, shopper), None)
            if proof is None:
                sample = self._studio.proofs.renderer.sample_context(choice.template)
                proof = self._studio.proofs.make(choice, shopper, house.shelf(shopper, sample))
            self._proofs[choice, shopper] = proof
            while len(self._proofs) > KEPT:
                self._proofs.popitem(last=False)
            return proof


def blueprint(studio: Studio) -> flask.Blueprint:
    """All below /studio, to be registered by an application that has the demo page's templates."""
    pages = flask.Blueprint(
        "studio", __name__, url_prefix="/studio", template_folder="templates", static_folder="static"
    )
    kept, photos = _Kept(studio), ProductPhotos()
    templates = sorted(studio.proofs.renderer.templates(), key=_place)

    def chosen() -> Choice:
        keys = [shopper.key for shopper in studio.house.shoppers()]
        return choice_of(flask.request.args, templates, studio.brands, keys)

    @pages.get("")
    def page() -> flask.typing.ResponseReturnValue:
        return flask.render_template(
            "studio.html",
            templates=[(name, title_of(name), TEMPLATES.get(name, "")) for name in templates],
            brands={key: brand.name for key, brand in studio.brands.items()},
            shoppers=studio.house.shoppers(),
            services=list(DIALECTS.values()),
            colours=[
                (mode, studio.brands[next(iter(studio.brands))].light.__struct_fields__) for mode in MODES
            ],
            views=VIEWS,
            shop=studio.shop,
        )

    @pages.get("/api/proof")
    def proof() -> flask.typing.ResponseReturnValue:
        choice = chosen()
        made = kept.proof(choice)
        return {
            "subject": made.parts.subject,
            "preheader": made.preheader,
            "sender": made.order.brand.name,
            "sent_at": clock.to_rfc3339(made.order.sent_at),
            "text": made.parts.text,
            "bytes": {part: len(getattr(made.parts, part).encode()) for part in _PARTS},
            "live": choice.shopper in {one.key for one in studio.house.shoppers() if one.recipient},
            "colours": {mode: msgspec.to_builtins(getattr(choice.brand, mode)) for mode in MODES},
            "contrasts": {mode: contrasts(getattr(choice.brand, mode)) for mode in MODES},
            "file": f"{archive_name(made, choice.service)}.zip",
            "service": DIALECTS[choice.service].title,
            "hint": SERVICE_HINTS[DIALECTS[choice.service].needs_rendering_per_recipient],
        }

    @pages.get("/api/opened")
    def opened() -> flask.typing.ResponseReturnValue:
        made = kept.proof(chosen())
        now = _opened(made)
        version = _version(made, now)
        if flask.request.args.get("version") == version:
            return {"version": version}
        reasons = (
            [msgspec.to_builtins(one) | {"image": localized(one.image)} for one in now.reasons] if now else []
        )
        return {
            "version": version,
            "source": now.source if now else "none",
            "as_of": clock.to_rfc3339(now.as_of) if now and now.as_of else None,
            "reasons": reasons,
            "notes": now.notes if now else [],
        }

    @pages.get("/api/findings")
    def findings() -> flask.typing.ResponseReturnValue:
        found = studio.proofs.findings(kept.proof(chosen()), studio.validator)
        order = ["error", "warning", "hint"]
        found.sort(key=lambda one: (order.index(one.severity), one.part, one.line))
        return {"findings": [msgspec.to_builtins(one) for one in found]}

    @pages.get("/view/<name>")
    def frame(name: str) -> flask.typing.ResponseReturnValue:
        if name not in VIEWS:
            raise _Missing("there is no such view")
        made = kept.proof(chosen())
        now = _opened(made)
        query = flask.request.query_string.decode("ascii", "replace")
        slot = f"/studio/slot?{escape(query)}&amp;n="
        html = view(name, made.parts, now, made.order.endpoint, localized, slot)
        return html, 200, {"Content-Security-Policy": policy, "Content-Type": "text/html; charset=utf-8"}

    @pages.get("/slot")
    def slot() -> flask.typing.ResponseReturnValue:
        now, number = _opened(kept.proof(chosen())), flask.request.args.get("n", type=int) or 0
        items = now.items if now else []
        if not 1 <= number <= len(items):
            return picture.default(Look()), 200, {"Content-Type": picture.CONTENT_TYPE}
        one = items[number - 1]
        card = Card(title=one.title, price=one.price, was=one.was, reason=one.reason)
        return picture.draw(card, photos.get(one.image), Look()), 200, {"Content-Type": picture.CONTENT_TYPE}

    @pages.get("/photo/<item>.webp")
    def photo(item: str) -> flask.typing.ResponseReturnValue:
        found = known(item)
        if found is None:
            raise _Missing("there is no such photo")
        return found, 200, {"Content-Type": "image/webp", "Cache-Control": "public, max-age=600"}

    @pages.get("/part/<part>")
    def source(part: str) -> flask.typing.ResponseReturnValue:
        if part not in _PARTS:
            raise _Missing("there is no such part")
        return getattr(kept.proof(chosen()).parts, part), 200, {"Content-Type": "text/plain; charset=utf-8"}

    @pages.get("/download")
    def download() -> flask.typing.ResponseReturnValue:
        choice = chosen()
        made = kept.proof(choice)
        name = f'attachment; filename="{archive_name(made, choice.service)}.zip"'
        packed = studio.proofs.archive(made, choice.service)
        return packed, 200, {"Content-Type": "application/zip", "Content-Disposition": name}

    policy = (
        f"default-src 'none'; img-src {studio.pictures}; style-src 'unsafe-inline'; frame-ancestors 'self'; "
        "base-uri 'none'; form-action 'none'"
    )
    for kind, status in _STATUS.items():
        pages.register_error_handler(kind, _refusing(status))
    return pages


class _Missing(Exception):
    """An address of the studio that leads nowhere."""


_STATUS: dict[type[Exception], int] = {
    _Missing: 404,
    Unknown: 400,
    TemplateProblem: 422,
    MergeFailed: 422,
    CannotAddress: 422,
    ValueError: 422,
    StoreError: 503,
}
"""What went wrong is for the marketer to read, whatever it was."""


def _refusing(status: int) -> Any:
    def refuse(error: Exception) -> flask.typing.ResponseReturnValue:
        code = type(error).__name__.strip("_").lower()
        told = f"the store does not answer: {error}" if isinstance(error, StoreError) else str(error)
        return {"error": {"code": code, "message": told}}, status

    return refuse


def _place(template: str) -> tuple[int, str]:
    """Where a template stands in the list: those that come with Evermail first."""
    known = list(TEMPLATES)
    return known.index(template) if template in known else len(known), template


def _opened(made: Proof) -> Opened | None:
    try:
        return made.opened()
    except NothingToShow:
        return None


def _version(made: Proof, now: Opened | None) -> str:
    """Changes when what an email shows does."""
    shown = msgspec.json.encode((made.order.sent_at, now and (now.items, now.source, now.reasons)))
    return sha256(shown).hexdigest()[:16]
