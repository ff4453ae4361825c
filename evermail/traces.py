"""How a person shows in a text: email addresses, and identifiers that stand in it as words."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import unquote

_AT = r"""
    (?: [@＠]
      | % (?:25)*+ (?: 40 | [Ee][Ff] % (?:25)*+ [Bb][Cc] % (?:25)*+ [Aa]0 )   # in a URL, or in one within one
      | & (?:amp;)*+ \# (?: 0*+64 | [Xx]0*+40 ) ;                             # in HTML
    )
"""


def _address(begins: str) -> re.Pattern[str]:
    """Wider than RFC 5322 in letters of all languages, narrower in marks that end an address in URLs and
    text. `begins` says where a run of characters may begin one."""
    return re.compile(
        rf"""
        (?: "[^"\s]+"                                           # a quoted local part
          | {begins} (?:\w{{1,64}}')? [\w.!$%*+^~-]+?           # o'brien: of marks of quotation, one inside
          | [/=?&\#{{|}}`']                                     # what may end one, though it rarely does
        )
        (?=[@＠%&]) (?P<at> {_AT} )
        (?: (?:[\w-]++\.)+ (?: xn--[\w-]+ | [^\W\d_]{{2,}} )    # a domain
          | \d{{1,3}}(?:\.\d{{1,3}}){{3}} | \[[0-9A-Fa-f:.]+\]  # an address
        )
        """,
        re.VERBOSE,
    )


# A run is tried from its beginning alone, or from where the last address ended: that takes linear time.
_EMAIL = _address(r"(?<![\w.!$%*+^~-])")
_NEXT = _address("")
_SIGN = re.compile(_AT, re.VERBOSE)
_QUOTED = re.compile("%((?:25)+)")


def may_have_email(text: str) -> bool:
    """Whether there is an `@` in a text, however it is written."""
    return "@" in text or "＠" in text or (("%" in text or "#" in text) and _SIGN.search(text) is not None)


def has_email(text: str) -> bool:
    return may_have_email(text) and _EMAIL.search(text) is not None


def emails(text: str) -> Iterator[tuple[int, int]]:
    """Where email addresses stand in a text: start and end of each."""
    return (found.span() for found in _found(text))


def normal_email(text: str) -> str:
    """The one form of an address, however it is written: without names beside it and outer spaces, in small
    letters, not quoted for a URL or for HTML. Providers tell capitals apart in theory alone (RFC 5321, 2.4).

    A text that has not one address in it is one as a whole.
    """
    found = [*_found(text)]
    if len(found) == 1:
        text, at = found[0][0], found[0]["at"]
        if at != "@":
            text = _unquoted(text.replace(at, "@"), at)
            inside = [*emails(text)]
            text = text[slice(*inside[0])] if len(inside) == 1 else text
    return text.strip().lower()


def _found(text: str) -> Iterator[re.Match[str]]:
    found = _EMAIL.search(text) if may_have_email(text) else None
    while found:
        yield found
        found = _NEXT.match(text, found.end()) or _EMAIL.search(text, found.end())


def _unquoted(address: str, at: str) -> str:
    """An address of which `@` was quoted as `at`. All of it was quoted as often, or less: that of a URL in a
    parameter of a URL once more than the parameter."""
    if "%" not in at:
        return address
    again = at.count("25") // at.count("%")  # as many times, all at once
    return unquote(_QUOTED.sub(lambda quoted: "%" + quoted[1][2 * again :], address))


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
