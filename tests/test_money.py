"""Prices as readers of a locale write them."""

from __future__ import annotations

from decimal import Decimal

import pytest

from evermail.money import format_price


@pytest.mark.parametrize(
    ("amount", "currency", "locale", "text"),
    [
        (1234.5, "EUR", "de_DE", "1.234,50 €"),
        (1234.5, "EUR", "en-GB", "€1,234.50"),
        (0.1 + 0.2, "USD", "en_US", "$0.30"),
        (1500, "JPY", "ja_JP", "¥1,500"),
        (Decimal("19.90"), "CHF", "de_CH", "CHF 19.90"),
        (0, "USD", "en_US", "$0.00"),
    ],
)
def test_a_price_is_written_as_its_locale_does(amount: float, currency: str, locale: str, text: str) -> None:
    plain = format_price(amount, currency, locale).replace("\u00a0", " ").replace("\uffe5", "¥")
    assert plain == text


@pytest.mark.parametrize(
    ("amount", "currency", "locale", "named"),
    [
        (float("nan"), "EUR", "de_DE", "nan"),
        (float("inf"), "EUR", "de_DE", "inf"),
        (1, "euro", "de_DE", "euro"),
        (1, "", "de_DE", "currency"),
        (1, "EUR", "xx_YY", "xx_YY"),
        (1, "EUR", "", "locale"),
        (1, "EUR", "../../etc", "locale"),
    ],
)
def test_what_is_no_price_is_refused_by_name(amount: float, currency: str, locale: str, named: str) -> None:
    with pytest.raises(ValueError, match=named):
        format_price(amount, currency, locale)
