"""Prices as text, the way a reader of a locale writes them.

Babel takes a tenth of a second to import, so it is imported at the first price: a function that
answers without one starts without it.
"""

from __future__ import annotations

import re
from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from babel import Locale

_CURRENCY = re.compile(r"[A-Z]{3}")


def format_price(amount: float | Decimal, currency: str, locale: str) -> str:
    """A price ready to show: `format_price(1234.5, "EUR", "de_DE")` is `1.234,50 €`.

    `currency` is an ISO 4217 code, which decides the decimals; `locale` is a CLDR name (`en_GB`,
    `en-GB`). The text may hold no-break spaces. Raises `ValueError` for an amount that is not a
    finite number, a code of another form, and a locale that is not known.
    """
    value = amount if isinstance(amount, Decimal) else Decimal(repr(float(amount)))
    if not value.is_finite():
        raise ValueError(f"not a price: {amount}")
    return _formatted(value, currency, locale)


@lru_cache(maxsize=10_000)  # a shop has fewer prices than products, and Babel takes some 80 us for each
def _formatted(value: Decimal, currency: str, locale: str) -> str:
    from babel.numbers import format_currency

    if not _CURRENCY.fullmatch(currency):
        raise ValueError(f"not an ISO 4217 currency code: {currency!r}")
    text: str = format_currency(value, currency, locale=parse_locale(locale))
    return text


@lru_cache(maxsize=64)
def parse_locale(name: str) -> Locale:
    """The locale of a name with `_` or `-` between its parts. Raises `ValueError` if it is not known."""
    from babel import Locale, UnknownLocaleError

    try:
        return Locale.parse(name.replace("-", "_"))
    except (UnknownLocaleError, ValueError, TypeError):
        raise ValueError(f"unknown locale {name!r}: expected one such as en_GB or de_DE") from None
