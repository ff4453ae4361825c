"""What exports and spreadsheets write where nothing is, or in the place of what was there."""

from __future__ import annotations

import re

_PLACEHOLDERS = {"null", "(null)", r"\n", "n/a", "none", "undefined", "unknown", "nan", "0"}
_ERRORS = re.compile(r"#(N/A|NULL!|REF!|VALUE!|NAME\?|NUM!|DIV/0!)", re.IGNORECASE)
_ROUNDED = re.compile(r"\d([.,]\d+)?E\+\d+", re.IGNORECASE)


def is_placeholder(text: str) -> bool:
    """Whether it says that nothing is there, as databases and programs do, or is a spreadsheet's error."""
    return text.casefold() in _PLACEHOLDERS or _ERRORS.fullmatch(text) is not None


def is_rounded(text: str) -> bool:
    """Whether it is a number that a spreadsheet shows in short, as in 4.91E+12: its last digits are lost."""
    return _ROUNDED.fullmatch(text) is not None


def is_no_first_name(text: str) -> bool:
    """Whether nobody is called so. Nan is a name, as it is written here."""
    return (is_placeholder(text) and text != "Nan") or is_rounded(text)
