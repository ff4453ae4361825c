"""The page's web server: which address answers what. What there is to answer with lives in `live`."""

from __future__ import annotations

import http.client
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

import flask
import msgspec
from werkzeug.exceptions import HTTPException

from demo import photos, pictures
from demo.catalog import BRAND
from demo.endpoints import NotAnswered, NotCollected
from demo.page import email_routes
from demo.page.knows import Knows
from demo.page.live import price
from demo.page.mailbox import ENDPOINT
from demo.page.only_here import refuse_other_hosts
from demo.page.session import COOKIE, Visitor, Visitors, is_id, new_id
from demo.stack import SENDER
from demo.studio import server as studio
from demo.studio.brands import brands
from demo.studio.proof import Proofs
from demo.studio.server import Studio
from demo.studio.shelves import Shelf, Shopper
from evermail import clock
from evermail.campaigns import Context
from evermail.documents import Product
from evermail.events import EventName
from evermail.money import format_price

MAX_BODY_BYTES = 16 * 1024
STARTING = "starting"

_ACTIONS: dict[str, tuple[EventName, ...]] = {
    "view": (EventName.VIEW_ITEM,),
    "add_to_cart": (EventName.ADD_TO_CART,),
    "remove_from_cart": (EventName.REMOVE_FROM_CART,),
    "add_to_wishlist": (EventName.ADD_TO_WISHLIST,),
    # The link of an email leads to the product's page: both happen.
    "email_click": (EventName.EMAIL_CLICK, EventName.VIEW_ITEM),
}


@dataclass
class Site:
    """The shop's range, and what is known of it; `live` is None until the stack runs."""

    range_: Sequence[Product]
    live: Knows | None = None


class _Act(msgspec.Struct, forbid_unknown_fields=True):
    """A click, as the browser posts it. Buying takes the whole cart, so it names no product."""

    action: str
    item_id: str | None = None


class _Form(msgspec.Struct, forbid_unknown_fields=True):
    """A form of the email, as the browser posts it: the function it is for, and its fields."""

    function: Literal["wishlist", "feedback", "unsubscribe"]
    fields: dict[str, str]


_Wanted = TypeVar("_Wanted")


class _Refused(Exception):
    """A request that cannot be followed: status, code and message."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message


def create_app(site: Site) -> flask.Flask:
    """The web server's application."""
    app = flask.Flask(__name__)
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY_BYTES
    app.json.sort_keys = False  # type: ignore[attr-defined]  # the answer, as it was answered
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    refuse_other_hosts(app)
    products = {product.id: product for product in site.range_}
    visitors = Visitors()

    def live() -> Knows:
        if site.live is None:
            raise _Refused(503, STARTING, "the pipeline is still starting")
        return site.live

    def visitor() -> Visitor:
        if "visitor" not in flask.g:
            cookie = flask.request.cookies.get(COOKIE)
            flask.g.visitor = visitors.get(cookie if cookie and is_id(cookie) else new_id())
        found: Visitor = flask.g.visitor
        return found

    class House:
        def shoppers(self) -> list[Shopper]:
            return live().people.shoppers(visitor())

        def shelf(self, shopper: Shopper, sample: Context) -> Shelf:
            return live().people.shelf(shopper, sample)

    proofs = Proofs(ENDPOINT, lambda brand: f'"{brand.name}" <{SENDER}>')
    app.register_blueprint(studio.blueprint(Studio(House(), proofs, brands(), shop="/")))

    @app.get("/")
    def shop() -> flask.typing.ResponseReturnValue:
        return _page(opened=None)

    @app.get("/p/<item_id>")
    def product(item_id: str) -> flask.typing.ResponseReturnValue:
        if item_id not in products:
            raise _Refused(404, "unknown_product", f"the shop has no product {item_id}")
        return _page(opened=item_id)

    def _page(opened: str | None) -> flask.typing.ResponseReturnValue:
        if site.live is None:
            return flask.render_template("starting.html", brand=BRAND), 503, {"Retry-After": "1"}
        mailbox = site.live.mailbox(visitor())
        return flask.render_template(
            "page.html",
            brand=BRAND,
            sender=SENDER,
            subject=mailbox.parts.subject,
            sent=clock.to_rfc3339(mailbox.sent_at),
            categories=_by_category(site.range_),
            products={one.id: _shown(one) for one in site.range_},
            opened=opened,
            visitor=visitor().shown(),
        )

    @app.get("/api/live")
    def state() -> flask.typing.ResponseReturnValue:
        mailbox = live().mailbox(visitor())
        view = mailbox.look()
        email: dict[str, Any] = {
            "version": view.version,
            "reached": view.answer is not None,
            "source": view.answer["source"] if view.answer else None,
            "as_of": view.answer["as_of"] if view.answer else None,
            "waiting": mailbox.waiting,
            "latency_s": mailbox.latency_s,
        }
        if flask.request.args.get("version") != view.version:
            email["html"] = view.html
        return {
            "shopper": visitor().shown(),
            "email": email | {"answer": view.answer},
            "pipeline": live().pipeline(),
            "problem": live().problem,
        }

    @app.post("/api/act")
    def act() -> flask.typing.ResponseReturnValue:
        wanted = _body(_Act)
        names, item_ids = _meaning(wanted, visitor())
        try:
            live().act(visitor(), names, item_ids)
        except NotCollected as error:
            raise _Refused(503, "not_collected", str(error)) from None
        return {"shopper": visitor().shown()}, 202

    def _meaning(wanted: _Act, shopper: Visitor) -> tuple[tuple[EventName, ...], list[str]]:
        if wanted.action == "purchase":
            if not shopper.cart:
                raise _Refused(409, "empty_cart", "the cart is empty")
            return (EventName.PURCHASE,), list(shopper.cart)
        if wanted.action not in _ACTIONS:
            known = ", ".join([*_ACTIONS, "purchase"])
            raise _Refused(400, "unknown_action", f"action is one of: {known}")
        if wanted.item_id not in products:
            raise _Refused(404, "unknown_product", f"the shop has no product {wanted.item_id}")
        return _ACTIONS[wanted.action], [wanted.item_id]

    @app.post("/api/form")
    def form() -> flask.typing.ResponseReturnValue:
        wanted = _body(_Form)
        if wanted.function != "unsubscribe" and wanted.fields.get("item_id") not in products:
            raise _Refused(404, "unknown_product", "the shop has no such product")
        reply = live().submit(visitor(), wanted.function, wanted.fields)
        if reply.status != http.client.OK:
            raise _Refused(reply.status, "not_taken", f"{wanted.function} answered {reply.status}")
        return {"shopper": visitor().shown()}

    @app.post("/api/new-shopper")
    def new_shopper() -> flask.typing.ResponseReturnValue:
        _body(dict)
        flask.g.visitor = visitors.get(new_id())
        return {"shopper": visitor().shown()}

    email_routes.add(app, live, visitor, products.keys())

    @app.get("/pictures/<item_id>.webp")
    def photo(item_id: str) -> flask.typing.ResponseReturnValue:
        if item_id not in products:
            raise _Refused(404, "unknown_product", f"the shop has no product {item_id}")
        response = flask.Response(photos.photo(item_id), mimetype=photos.CONTENT_TYPE)
        response.headers["Cache-Control"] = "public, max-age=600"
        return response

    @app.get("/pictures/<item_id>.svg")
    def picture(item_id: str) -> flask.typing.ResponseReturnValue:
        if item_id not in products:
            raise _Refused(404, "unknown_product", f"the shop has no product {item_id}")
        response = flask.Response(pictures.picture(item_id), mimetype="image/svg+xml")
        response.headers["Cache-Control"] = "public, max-age=600"
        return response

    @app.after_request
    def remember(response: flask.Response) -> flask.Response:
        shopper: Visitor | None = flask.g.get("visitor")
        if shopper is not None and flask.request.cookies.get(COOKIE) != shopper.client_id:
            response.set_cookie(COOKIE, shopper.client_id, httponly=True, samesite="Lax", max_age=30 * 86_400)
        return response

    @app.errorhandler(NotAnswered)
    def unanswered(error: NotAnswered) -> flask.typing.ResponseReturnValue:
        return _refusal(503, "not_answered", str(error))

    @app.errorhandler(_Refused)
    def refused(error: _Refused) -> flask.typing.ResponseReturnValue:
        return _refusal(error.status, error.code, error.message)

    @app.errorhandler(HTTPException)
    def failed(error: HTTPException) -> flask.typing.ResponseReturnValue:
        return _refusal(
            error.code or 500, error.name.lower().replace(" ", "_"), error.description or error.name
        )

    return app


def _body(kind: type[_Wanted]) -> _Wanted:
    """The JSON that was posted: of that type only, which no form of another site can send."""
    if flask.request.mimetype != "application/json":
        raise _Refused(415, "unsupported_media_type", "send application/json")
    try:
        return msgspec.json.decode(flask.request.get_data(), type=kind)
    except msgspec.MsgspecError as error:
        raise _Refused(400, "invalid_body", str(error)) from None


def _refusal(status: int, code: str, message: str) -> flask.typing.ResponseReturnValue:
    """JSON for the page's scripts, a small page for people."""
    path = flask.request.path
    if code == STARTING and path == "/studio":
        return flask.render_template("starting.html", brand=BRAND), status, {"Retry-After": "1"}
    if path.startswith(("/api/", "/email", "/pictures/", "/studio/")):
        return {"error": {"code": code, "message": message}}, status
    return flask.render_template("refused.html", brand=BRAND, status=status, message=message), status


def _by_category(range_: Sequence[Product]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for product in range_:
        found.setdefault(product.category or "Other", []).append(product.id)
    return found


def _shown(product: Product) -> dict[str, Any]:
    """A product as the page's templates and scripts take it."""
    return {
        "id": product.id,
        "title": product.title,
        "category": product.category,
        "picture": f"/pictures/{product.id}.svg",
        "price": format_price(price(product), product.currency, "en"),
        "was": format_price(product.price, product.currency, "en")
        if product.sale_price is not None
        else None,
        "amount": price(product),
    }
