"""Prices and sale periods as Google's attributes write them.

A price is a number and an ISO 4217 code, `15.00 USD` (https://support.google.com/merchants/answer/6324371).
Feeds also have decimal commas, separators between thousands and the code in front. All of that is read as
long as it can mean one thing only: a price that can mean two is refused, as one of the two is wrong by a
factor of a thousand.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from functools import cache

from babel.numbers import get_currency_precision, list_currencies

from evermail import clock

MAX_PRICE = Decimal(10) ** 12
"""As in events: more is a mistake, and below it cents are exact in a float."""

MAX_CHARS = 64

_PRICE = re.compile(
    r"(?P<before>[A-Za-z]{3})?\s*(?P<number>[0-9][0-9.,'’\s]*)(?<!\s)\s*(?P<after>[A-Za-z]{3})?"
)
_SPACES = re.compile(r"['’\s]")
_GROUPED = {
    ".": re.compile(r"[0-9]{1,3}(?:\.[0-9]{3})+"),
    ",": re.compile(r"[0-9]{1,3}(?:,[0-9]{3})+"),
    " ": re.compile(r"[0-9]{1,3}(?: [0-9]{3})+"),
}


def parse_price(text: str) -> tuple[Decimal, str]:
    """The amount, rounded to the decimals that the currency has, and the code of the currency.

    Raises `ValueError`, with a message for whoever writes the feed, unless it is more than 0 and at most
    10^12.
    """
    found = _PRICE.fullmatch(text.strip()) if len(text) <= MAX_CHARS else None
    if found is None:
        raise ValueError("is not a price such as 19.90 EUR")
    before, after = found["before"], found["after"]
    if bool(before) == bool(after):
        raise ValueError("names two currencies" if before else "names no currency: write 19.90 EUR")
    currency = (before or after).upper()
    if currency not in _currencies():
        raise ValueError(f"has the currency {currency}, which is no ISO 4217 code")
    amount = _rounded(_number(found["number"].strip(), currency), currency)
    if not 0 < amount <= MAX_PRICE:
        raise ValueError("is not more than 0" if amount <= 0 else f"is more than {MAX_PRICE:,}")
    return amount, currency


def is_on_sale(period: str, now_us: int) -> bool:
    """Whether a `sale_price_effective_date`, `START/END`, holds now. It ends at its end, to the microsecond.

    Both are ISO 8601 (https://support.google.com/merchants/answer/6324460): without a time the sale takes
    the whole of both days, without a time zone it is UTC. Raises `ValueError`, with a message for whoever
    writes the feed.
    """
    try:
        start, end = period.split("/")
        begins, ends = _moment(start.strip(), last=False), _moment(end.strip(), last=True)
    except (ValueError, OverflowError):
        raise ValueError("is not a period such as 2026-11-24T08:00+0100/2026-11-30T23:59+0100") from None
    if ends <= begins:
        raise ValueError("ends before it begins")
    return begins <= now_us < ends


def _number(text: str, currency: str) -> Decimal:
    """Of two kinds of separators the last is the decimal one. One that stands alone before three digits may
    be either, unless a zero or too many digits stand before it."""
    spaced = _SPACES.sub(" ", text)
    whole, separator, decimals = _split_at_last_separator(spaced)
    if " " in spaced and not _GROUPED[" "].fullmatch(whole):
        raise ValueError("has a space in the number")
    whole = whole.replace(" ", "")
    if not separator:
        return Decimal(whole)
    other = "," if separator == "." else "."
    if separator in whole:
        if decimals and other not in whole and _GROUPED[separator].fullmatch(f"{whole}{separator}{decimals}"):
            return Decimal((whole + decimals).replace(separator, ""))  # 1.299.000
        raise ValueError("has separators that do not fit together: write 1299.00 EUR")
    if other in whole:
        if not _GROUPED[other].fullmatch(whole):
            raise ValueError("has separators that do not fit together: write 1299.00 EUR")
        whole = whole.replace(other, "")  # 1.299,00
    elif _may_be_thousands(whole, decimals, separator, currency) and " " not in spaced:
        raise ValueError(f"can mean {whole}{decimals} or {whole}.{decimals}: write two decimals")
    return Decimal(f"{whole}.{decimals or 0}")


def _split_at_last_separator(text: str) -> tuple[str, str, str]:
    at = max(text.rfind("."), text.rfind(","))
    if at < 0:
        return text, "", ""
    return text[:at], text[at], text[at + 1 :]


def _may_be_thousands(whole: str, decimals: str, separator: str, currency: str) -> bool:
    if len(decimals) != 3 or whole.startswith("0") or len(whole) > 3:
        return False
    # Three decimals are what the dinars have, and Google's decimal separator is the point.
    return not (separator == "." and _precision(currency) == 3)


def _rounded(amount: Decimal, currency: str) -> Decimal:
    if amount > MAX_PRICE:
        return amount
    return amount.quantize(Decimal(1).scaleb(-_precision(currency)), rounding=ROUND_HALF_UP)


def _moment(text: str, *, last: bool) -> int:
    """A time in microseconds; of a day alone its beginning, or its end if it is the `last`."""
    moment = datetime.fromisoformat(text)
    if len(text) <= len("2026-11-24") and last:
        moment += timedelta(days=1)
    return clock.from_datetime(moment if moment.tzinfo else moment.replace(tzinfo=UTC))


@cache
def _currencies() -> frozenset[str]:
    return frozenset(list_currencies())


@cache
def _precision(currency: str) -> int:
    precision: int = get_currency_precision(currency)
    return precision
