"""Brings the stylesheet of an HTML part into its elements, for the clients that read nothing else."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import css_inline

_SHEET = re.compile(r"<style inlined>(.*?)</style>\n?", re.DOTALL)
_AMPERSAND = "\ufdd0"
"""Stands for `&` meanwhile: a reference to a brace or a bracket would come back as the character itself. No
text holds it, see `render`."""


def inlined(document: str) -> str:
    """A document whose `<style inlined>` has become attributes of its elements.

    Its other stylesheets stay as they are: what depends on the width of a screen, on dark mode or on Outlook
    can stand nowhere else. A document without such a sheet is returned as it is.
    """
    sheet = _SHEET.search(document)
    if sheet is None:
        return document
    rest = document[: sheet.start()] + document[sheet.end() :]
    whole = _inliner(sheet[1]).inline(rest.replace("&", _AMPERSAND))
    return whole.replace(_AMPERSAND, "&")


@lru_cache(maxsize=32)  # a brand has one for each template
def _inliner(sheet: str) -> css_inline.CSSInliner:
    import css_inline  # functions know a brand's colours, and have no such package

    return css_inline.CSSInliner(
        inline_style_tags=False, keep_style_tags=True, load_remote_stylesheets=False, extra_css=sheet
    )
