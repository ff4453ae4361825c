"""Checks an item of a feed and makes a `Product` of it, or says why not.

The rules are Google's product data specification (https://support.google.com/merchants/answer/7052112)
where an opened email depends on them, and our own where the store or the events ask for more. An attribute
that a product cannot do without refuses the item; one that it can do without is left out or shortened, and
that is told too.
"""

from __future__ import annotations

import re
from enum import StrEnum
from urllib.parse import urlsplit

import msgspec

from evermail.catalog.findings import Code, Refused, Remark, Remarked
from evermail.catalog.item import LABELS, Item
from evermail.catalog.price import is_on_sale, parse_price
from evermail.documents import Product
from evermail.events import MAX_ITEM_ID_CHARS, Refusal, check_item_category, check_item_id

MAX_TITLE_CHARS = 150
"""https://support.google.com/merchants/answer/6324415"""

MAX_BRAND_CHARS = 70
"""https://support.google.com/merchants/answer/6324351"""

MAX_LABEL_CHARS = 100
"""https://support.google.com/merchants/answer/6324473"""

MAX_URL_CHARS = 2_000
"""https://support.google.com/merchants/answer/6324416"""

REQUIRED = ("id", "title", "link", "image_link", "price", "availability")

_AVAILABLE = {
    "instock": True,
    "preorder": True,
    "backorder": True,
    "limitedavailability": True,
    "outofstock": False,
}
"""https://support.google.com/merchants/answer/6324448: of all but the last the shop takes orders."""


class CategoryLevel(StrEnum):
    """Which part of `Home > Women > Dresses` is a product's category."""

    FIRST = "first"
    """`Home`: what Google Analytics 4, and so our events, call `item_category`."""
    LAST = "last"
    """`Dresses`."""
    PATH = "path"
    """The whole text."""


class Checked(msgspec.Struct, frozen=True):
    """Either a product or a refusal. The product's `version` and `updated_at` are 0 until it is written."""

    product: Product | None
    refused: Refused | None = None
    remarks: list[Remarked] = []


def check(item: Item, *, now_us: int, category: CategoryLevel = CategoryLevel.FIRST) -> Checked:
    """Judges one item by itself. `now_us` decides whether a sale is on."""
    checker = _Checker(item)
    try:
        return Checked(checker.product(now_us, category), None, checker.remarks)
    except _Refusal as refusal:
        return Checked(None, _refused(item, refusal.code, refusal.attribute, str(refusal)))


def duplicate(item: Item) -> Refused:
    """The refusal of an item whose id an earlier one of the feed has."""
    return _refused(item, Code.DUPLICATE_ID, "id", "an earlier item of the feed has the same id")


def why_no_id(item_id: str) -> str:
    """What keeps a text from being an item's id, empty if nothing does: events must be able to name it."""
    try:
        check_item_id(item_id, "id")
    except Refusal as refusal:
        return refusal.message
    return f"id {_WRONG_ENCODING}" if _UNREADABLE in item_id else ""


_UNREADABLE = "\ufffd"
_WRONG_ENCODING = "has characters that cannot be read: is the encoding of the feed right?"
_BLANKS = re.compile(r"[ \t\r\n]+")
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_NOT_IN_URLS = re.compile(r"[\x00-\x20\x7f<>\"\\\u2028\u2029\ufffd]")


class _Refusal(Exception):
    def __init__(self, code: Code, attribute: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.attribute = attribute


class _Checker:
    """One item under examination, and the remarks that it has got so far."""

    def __init__(self, item: Item) -> None:
        self._item = item
        self._attributes = item.attributes
        self.remarks: list[Remarked] = []

    def product(self, now_us: int, category: CategoryLevel) -> Product:
        if self._item.problem:
            raise _Refusal(Code.MALFORMED_ITEM, "", self._item.problem)
        for name in REQUIRED:
            if not self._attributes.get(name):
                raise _Refusal(Code.MISSING_ATTRIBUTE, name, f"{name} is missing or empty")
        item_id = self._attributes["id"]
        if problem := why_no_id(item_id):
            raise _Refusal(Code.INVALID_ID, "id", problem)
        price, currency = self._price("price")
        return Product(
            id=item_id,
            version=0,
            updated_at=0,
            title=self._title(),
            url=self._url("link"),
            image_url=self._url("image_link"),
            price=price,
            currency=currency,
            sale_price=self._sale_price(price, currency, now_us),
            brand=self._text("brand", MAX_BRAND_CHARS) or None,
            category=self._category(category),
            available=self._available(),
            labels=tuple(dict.fromkeys(filter(None, (self._text(one, MAX_LABEL_CHARS) for one in LABELS)))),
        )

    def _remark(self, remark: Remark, attribute: str, message: str) -> None:
        item = self._item
        self.remarks.append(
            Remarked(
                line=item.line,
                position=item.position,
                id=self._attributes["id"],
                code=remark,
                attribute=attribute,
                message=message,
            )
        )

    def _title(self) -> str:
        title = _BLANKS.sub(" ", self._attributes["title"])
        if problem := _why_no_text(title):
            raise _Refusal(Code.INVALID_TEXT, "title", f"title {problem}")
        return self._at_most(MAX_TITLE_CHARS, "title", title)

    def _text(self, attribute: str, limit: int) -> str:
        """A text that a product can do without: empty if there is none that can be used."""
        text = _BLANKS.sub(" ", self._attributes.get(attribute, ""))
        if problem := _why_no_text(text):
            self._remark(Remark.LEFT_OUT, attribute, f"{attribute} {problem}")
            return ""
        return self._at_most(limit, attribute, text)

    def _at_most(self, limit: int, attribute: str, text: str) -> str:
        if len(text) <= limit:
            return text
        self._remark(Remark.SHORTENED, attribute, f"{attribute} has more than {limit} characters")
        return text[: limit - 1].rstrip() + "…"

    def _url(self, attribute: str) -> str:
        url = self._attributes[attribute]
        if problem := _why_no_url(url):
            raise _Refusal(Code.INVALID_URL, attribute, f"{attribute} {_quote(url)} {problem}")
        return url

    def _price(self, attribute: str) -> tuple[float, str]:
        text = self._attributes[attribute]
        try:
            amount, currency = parse_price(text)
        except ValueError as error:
            raise _Refusal(Code.INVALID_PRICE, attribute, f"{attribute} {_quote(text)} {error}") from None
        return float(amount), currency

    def _sale_price(self, price: float, currency: str, now_us: int) -> float | None:
        """None where there is no sale now, or where it is in doubt: the price alone is never wrong."""
        if not self._attributes.get("sale_price"):
            return None
        period = self._attributes.get("sale_price_effective_date")
        try:
            if period and not is_on_sale(period, now_us):
                return None
        except ValueError as error:
            name = "sale_price_effective_date"
            self._remark(Remark.LEFT_OUT, "sale_price", f"{name} {_quote(period or '')} {error}")
            return None
        try:
            sale_price, sale_currency = self._price("sale_price")
        except _Refusal as refusal:
            self._remark(Remark.LEFT_OUT, "sale_price", str(refusal))
            return None
        if sale_currency != currency:
            self._remark(
                Remark.LEFT_OUT, "sale_price", f"sale_price is in {sale_currency}, price in {currency}"
            )
            return None
        if sale_price >= price:
            if sale_price > price:
                self._remark(Remark.LEFT_OUT, "sale_price", "sale_price is higher than price")
            return None
        return sale_price

    def _category(self, level: CategoryLevel) -> str | None:
        """The shop's own type, of several the first (https://support.google.com/merchants/answer/6324406),
        else Google's category where it is given by name: a number says nothing to a reader."""
        attribute = "product_type" if self._attributes.get("product_type") else "google_product_category"
        text = _BLANKS.sub(" ", self._attributes.get(attribute, ""))
        if attribute == "product_type":
            text = text.partition(",")[0]
        levels = [part.strip() for part in text.split(">") if part.strip()]
        if not levels or (attribute == "google_product_category" and text.isdigit()):
            return None
        picked = {
            CategoryLevel.FIRST: levels[0],
            CategoryLevel.LAST: levels[-1],
            CategoryLevel.PATH: " > ".join(levels),
        }[level]
        try:
            check_item_category(picked, attribute)
        except Refusal as refusal:
            self._remark(Remark.LEFT_OUT, attribute, refusal.message)
            return None
        if _UNREADABLE in picked:
            self._remark(Remark.LEFT_OUT, attribute, f"{attribute} {_WRONG_ENCODING}")
            return None
        return picked

    def _available(self) -> bool:
        text = self._attributes["availability"]
        available = _AVAILABLE.get(re.sub(r"[\s_-]", "", text.lower()))
        if available is None:
            known = "in_stock, out_of_stock, preorder, backorder"
            message = f"availability {_quote(text)} is not one of: {known}"
            raise _Refusal(Code.INVALID_AVAILABILITY, "availability", message)
        return available


def _refused(item: Item, code: Code, attribute: str, message: str) -> Refused:
    item_id = item.attributes.get("id", "")[:MAX_ITEM_ID_CHARS]
    return Refused(
        line=item.line, position=item.position, id=item_id, code=code, attribute=attribute, message=message
    )


def _why_no_text(text: str) -> str:
    if _UNREADABLE in text:
        return _WRONG_ENCODING
    return "has control characters" if _CONTROLS.search(text) else ""


def _why_no_url(url: str) -> str:
    if len(url) > MAX_URL_CHARS:
        return f"has more than {MAX_URL_CHARS:,} characters"
    if _NOT_IN_URLS.search(url):
        return "has spaces or characters that a URL cannot have: write them as %20 and the like"
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        return f"is not a URL ({error})"
    if parts.scheme not in ("http", "https") or not host:
        return "is not an http or https URL with a host"
    if parts.username is not None or parts.password is not None:
        return "has a user or a password in it, which every reader of the email would get"
    return ""


def _quote(text: str) -> str:
    return repr(text if len(text) <= 60 else text[:59] + "…")
