"""Prices and sale periods, in the ways that feeds write them."""

from __future__ import annotations

from contextlib import suppress
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evermail.catalog.price import is_on_sale, parse_price
from evermail.clock import DAY, HOUR, MINUTE
from tests.catalog.feeds import NOW


@pytest.mark.parametrize(
    ("text", "amount", "currency"),
    [
        ("15.00 USD", "15", "USD"),
        ("15 USD", "15", "USD"),
        ("15,5 EUR", "15.5", "EUR"),
        ("15,50 EUR", "15.50", "EUR"),
        ("15.50EUR", "15.50", "EUR"),
        ("EUR 15.50", "15.50", "EUR"),
        (" 15.50  eur ", "15.50", "EUR"),
        ("1,299.00 USD", "1299", "USD"),
        ("1.299,00 EUR", "1299", "EUR"),
        ("1 299,00 EUR", "1299", "EUR"),
        ("1\u202f299,00 EUR", "1299", "EUR"),
        ("1'299.00 CHF", "1299", "CHF"),
        ("1’299.00 CHF", "1299", "CHF"),
        ("1,234,567 JPY", "1234567", "JPY"),
        ("1.234.567,89 EUR", "1234567.89", "EUR"),
        ("1 299 SEK", "1299", "SEK"),
        ("1299.000 EUR", "1299", "EUR"),
        ("0.999 EUR", "1", "EUR"),
        ("19.9000 EUR", "19.90", "EUR"),
        ("29.8999 USD", "29.90", "USD"),
        ("2500.00 JPY", "2500", "JPY"),
        ("1.299 KWD", "1.299", "KWD"),
        ("0.01 EUR", "0.01", "EUR"),
        ("1000000000000 EUR", "1000000000000", "EUR"),
    ],
)
def test_a_price_is_read(text: str, amount: str, currency: str) -> None:
    assert parse_price(text) == (Decimal(amount), currency)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "is not a price"),
        ("free", "is not a price"),
        ("-5.00 EUR", "is not a price"),
        ("1e3 EUR", "is not a price"),
        ("NaN EUR", "is not a price"),
        ("from 15.00 EUR", "is not a price"),
        ("15.00 €", "is not a price"),
        ("15.00 EURO", "is not a price"),
        ("٣ EUR", "is not a price"),
        ("1" * 5_000 + " EUR", "is not a price"),
        ("15.00", "names no currency"),
        ("EUR 15.00 EUR", "names two currencies"),
        ("15.00 QQQ", "no ISO 4217 code"),
        ("0.00 EUR", "is not more than 0"),
        ("0.004 EUR", "is not more than 0"),
        ("1000000000000.01 EUR", "is more than 1,000,000,000,000"),
        ("1.299 EUR", "can mean 1299 or 1.299"),
        ("1,299 EUR", "can mean 1299 or 1.299"),
        ("1,299 KWD", "can mean 1299 or 1.299"),
        ("1.29,900 EUR", "do not fit together"),
        ("1.299.00 EUR", "do not fit together"),
        ("1,299,00.5 EUR", "do not fit together"),
        ("1,299.00.1 EUR", "do not fit together"),
        ("12 99.00 EUR", "has a space in the number"),
        ("15. 50 EUR", "has a space in the number"),
    ],
)
def test_what_is_no_price_or_may_be_two_is_refused(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        parse_price(text)


def plain(cents: int) -> str:
    return f"{cents // 100}.{cents % 100:02}"


FORMS = [
    plain,
    lambda cents: plain(cents).replace(".", ","),
    lambda cents: f"{cents // 100:,}.{cents % 100:02}",
    lambda cents: f"{cents // 100:,}.{cents % 100:02}".translate(str.maketrans(",.", ".,")),
    lambda cents: f"{cents // 100:,}".replace(",", " ") + f",{cents % 100:02}",
    lambda cents: plain(cents) + "00",
]


@given(st.integers(1, 10**14), st.sampled_from(FORMS), st.booleans())
def test_every_way_of_writing_an_amount_means_that_amount(cents: int, form: object, before: bool) -> None:
    number = form(cents)  # type: ignore[operator]
    text = f"EUR {number}" if before else f"{number} EUR"
    assert parse_price(text) == (Decimal(cents) / 100, "EUR")


@given(st.text(alphabet="0123456789., '€EURusd-", max_size=70))
def test_whatever_the_text_it_is_a_price_or_a_reason(text: str) -> None:
    with suppress(ValueError):
        amount, currency = parse_price(text)
        assert 0 < amount <= 10**12
        assert currency in ("EUR", "USD")


# Sales; NOW is 2026-11-24 03:00 in UTC


@pytest.mark.parametrize(
    "period",
    [
        "2026-11-24T03:00Z/2026-11-25T00:00Z",
        "2026-11-24T04:00+0100/2026-11-24T04:01+0100",
        "2026-11-23T22:00-0500 / 2026-11-30T23:59-0500",
        "2026-11-24/2026-11-24",
        "2026-11-24T02:00/2026-11-24T04:00",
    ],
)
def test_a_sale_is_on_from_its_beginning(period: str) -> None:
    assert is_on_sale(period, NOW)


@pytest.mark.parametrize(
    "period",
    [
        "2026-11-24T02:00Z/2026-11-24T03:00Z",
        "2026-11-24T03:01Z/2026-11-25T00:00Z",
        "2026-11-24T03:00-0100/2026-11-25T00:00-0100",
        "2026-11-22/2026-11-23",
        "2026-11-25/2026-11-26",
    ],
)
def test_a_sale_is_not_on_before_it_and_at_its_end(period: str) -> None:
    assert not is_on_sale(period, NOW)


def test_a_sale_by_days_takes_the_whole_of_its_last_day() -> None:
    midnight = NOW - 3 * HOUR
    assert is_on_sale("2026-11-20/2026-11-24", midnight + DAY - 1)
    assert not is_on_sale("2026-11-20/2026-11-24", midnight + DAY)
    assert not is_on_sale("2026-11-24/2026-11-24", midnight - MINUTE)


@pytest.mark.parametrize(
    ("period", "reason"),
    [
        ("2026-11-24", "is not a period"),
        ("2026-11-24/2026-11-25/2026-11-26", "is not a period"),
        ("soon/later", "is not a period"),
        ("24.11.2026/25.11.2026", "is not a period"),
        ("2026-11-24/9999-12-31", "is not a period"),
        ("2026-11-25/2026-11-24", "ends before it begins"),
        ("2026-11-24T03:00Z/2026-11-24T03:00Z", "ends before it begins"),
    ],
)
def test_what_is_no_period_is_refused(period: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        is_on_sale(period, NOW)
