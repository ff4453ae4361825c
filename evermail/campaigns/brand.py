"""What makes an email a shop's own: its name, address, logo and colours."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import msgspec

from evermail.money import parse_locale

_FAMILY = r"(?:'[A-Za-z][A-Za-z0-9 -]*'|[A-Za-z][A-Za-z0-9-]*)"
_STACK = re.compile(rf"(?:{_FAMILY}, ?)*(?:serif|sans-serif|monospace)")
_CURRENCY = re.compile(r"[A-Z]{3}")
_HEX = re.compile(r"#[0-9a-fA-F]{6}")
_NOT_IN_URLS = re.compile(r"[\s<>\"\\\x00-\x1f\ud800-\udfff]")

MIN_TEXT_CONTRAST = 4.5
"""WCAG 2.2, success criterion 1.4.3 (level AA), for text of ordinary size."""


class Palette(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The colours of one mode, each `#rrggbb`: they go into stylesheets as they stand.

    `canvas` lies round the sheet of `paper` that holds the `ink`; `muted` is secondary text, `line`
    hairlines and skeletons, `accent` buttons and links, with `on_accent` the text of a button.
    """

    canvas: str
    paper: str
    ink: str
    muted: str
    line: str
    accent: str
    on_accent: str

    def __post_init__(self) -> None:
        for field in self.__struct_fields__:
            colour = getattr(self, field)
            if not _HEX.fullmatch(colour):
                raise ValueError(f"{field} is not a colour of the form #rrggbb: {colour!r}")

    def text_pairs(self) -> list[tuple[str, str]]:
        """Names of the colours that text and its background have in the templates."""
        return [
            ("ink", "paper"),
            ("muted", "paper"),
            ("muted", "canvas"),
            ("accent", "paper"),
            ("on_accent", "accent"),
        ]


LIGHT = Palette(
    canvas="#f3f1ec",
    paper="#ffffff",
    ink="#1d2320",
    muted="#626862",
    line="#e6e2da",
    accent="#23523f",
    on_accent="#ffffff",
)

DARK = Palette(
    canvas="#101311",
    paper="#191d1b",
    ink="#f0eee8",
    muted="#a5aca6",
    line="#323834",
    accent="#a9d3bd",
    on_accent="#10231a",
)


_IN_OUTLOOK = {
    "serif": "Georgia, serif",
    "sans-serif": "Arial, sans-serif",
    "monospace": "'Courier New', monospace",
}


class Fonts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The fonts of headings and of all else, each a list of families as CSS has it, that ends with `serif`,
    `sans-serif` or `monospace`: a reader sees the first that is there. Names of several words stand in single
    quotes.
    """

    heading: str = "Georgia, 'Times New Roman', serif"
    body: str = "'Helvetica Neue', Helvetica, Arial, sans-serif"

    def __post_init__(self) -> None:
        for field in self.__struct_fields__:
            stack = getattr(self, field)
            if not _STACK.fullmatch(stack):
                raise ValueError(
                    f"{field} is not a list of fonts such as Georgia, 'Times New Roman', serif: {stack!r}"
                )

    @property
    def heading_in_outlook(self) -> str:
        """Outlook on Windows takes Times New Roman for a list whose first family it does not have."""
        return _IN_OUTLOOK[self.heading.rpartition(",")[2].strip()]

    @property
    def body_in_outlook(self) -> str:
        return _IN_OUTLOOK[self.body.rpartition(",")[2].strip()]


class FooterLink(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A link at the end of an email, such as one to the shop's privacy policy."""

    label: str
    url: str

    def __post_init__(self) -> None:
        if not self.label.strip():
            raise ValueError("label must not be empty")
        require_url("url", self.url)


class Footer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What stands at the end of an email, above the address and the link to unsubscribe, which always do.

    `text` may say why somebody gets it, or what the law wants said.
    """

    text: str = ""
    links: tuple[FooterLink, ...] = ()


class Brand(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A shop as its emails show it.

    `locale` is how dates and prices are written, `currency` (ISO 4217) what prices are in.
    `address` is the postal address that bulk mail must carry. Without `logo_url` (https, since the
    AMP part takes nothing else) the name is set as a wordmark. `logo_width` and `logo_height` are CSS pixels.
    """

    name: str
    shop_url: str
    address: str
    locale: str = "en_US"
    currency: str = "USD"
    logo_url: str | None = None
    logo_width: int = 140
    logo_height: int = 32
    light: Palette = LIGHT
    dark: Palette = DARK
    fonts: Fonts = Fonts()
    footer: Footer = Footer()

    def __post_init__(self) -> None:
        if not self.name.strip():
            raise ValueError("a brand needs a name")
        require_url("shop_url", self.shop_url)
        try:
            parse_locale(self.locale)
        except ValueError as problem:
            raise ValueError(f"locale: {problem}") from None
        if not _CURRENCY.fullmatch(self.currency):
            raise ValueError(f"currency is not an ISO 4217 code: {self.currency!r}")
        if self.logo_url is not None:
            require_url("logo_url", self.logo_url, schemes=("https",))
        if not (0 < self.logo_width <= 600 and 0 < self.logo_height <= 200):
            raise ValueError("logo_width must be 1 to 600 and logo_height 1 to 200")


def is_url(text: str, *, schemes: tuple[str, ...] = ("https", "http")) -> bool:
    """Whether `text` is an absolute URL of one of `schemes` that can stand in an email."""
    if _NOT_IN_URLS.search(text):
        return False
    try:
        parts = urlsplit(text)
        return bool(parts.hostname and parts.hostname.encode("idna")) and parts.scheme in schemes
    except ValueError:
        return False


def require_url(field: str, text: str, *, schemes: tuple[str, ...] = ("https", "http")) -> None:
    """Raises `ValueError` unless `text` is an absolute URL of one of `schemes`."""
    if not is_url(text, schemes=schemes):
        raise ValueError(f"{field} is not an absolute {' or '.join(schemes)} URL: {text!r}")


def contrast(one: str, other: str) -> float:
    """Contrast ratio of two `#rrggbb` colours, 1 to 21, as WCAG 2.2 defines it."""
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: str) -> float:
    """Relative luminance, 0 to 1 (WCAG 2.2, glossary)."""
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
