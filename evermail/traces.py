"""How a person shows in a text: email addresses, and identifiers that stand in it as words."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import unquote

_EMAIL = re.compile(
    r"""
    (?: "[^"\s]+"                                                 # a quoted local part
      | (?<![\w.!$%*+^~-]) (?:\w{1,64}')? [\w.!$%*+^~-]+?         # o'brien: of marks of quotation, one inside
      | [/=?&\#{|}`']                                             # what may end one, though it rarely does
    )
    (?: @ | %40 )                                                 # the latter in a URL
    (?: (?:[\w-]++\.)+ (?: xn--[\w-]+ | [^\W\d_]{2,} )            # a domain
      | \d{1,3}(?:\.\d{1,3}){3} | \[[0-9A-Fa-f:.]+\]              # an address
    )
    """,
    re.VERBOSE,
)
"""Wider than RFC 5322 in letters of all languages, narrower in marks that end an address in URLs and text.
A run of characters is tried from its beginning alone: linear in the length of a text."""


def has_email(text: str) -> bool:
    return ("@" in text or "%40" in text) and _EMAIL.search(text) is not None


def emails(text: str) -> Iterator[tuple[int, int]]:
    """Where email addresses stand in a text: start and end of each."""
    if "@" in text or "%40" in text:
        for found in _EMAIL.finditer(text):
            yield found.span()


def normal_email(address: str) -> str:
    """The one form of an address, however it was written: no outer spaces, small letters, nothing quoted as
    in a URL. Providers tell capitals apart in theory alone (RFC 5321, 2.4)."""
    address = address.strip()
    return (unquote(address) if "%40" in address else address).lower()


def has_word(text: str, word: str) -> bool:
    return word in text and next(words(text, word), None) is not None


def words(text: str, word: str) -> Iterator[tuple[int, int]]:
    """Where `word`, which is not empty, stands in a text without being part of a longer word. Words are made
    of letters and digits; everything else, an underscore too, lies between them."""
    at = text.find(word)
    while at >= 0:
        end = at + len(word)
        begins = not (word[0].isalnum() and text[at - 1 : at].isalnum())
        ends = not (word[-1].isalnum() and text[end : end + 1].isalnum())
        if begins and ends:
            yield at, end
        at = text.find(word, end if begins and ends else at + 1)
