"""docs/check.md lists all that can be found, in the words of the code."""

from __future__ import annotations

import importlib
import pkgutil
from pathlib import Path

from evermail.campaigns import check
from evermail.campaigns.check.catalogue import kinds, page
from evermail.campaigns.check.finding import Kind

DOCS = Path(__file__).resolve().parents[3] / "docs" / "check.md"


def test_the_page_is_made_of_the_code() -> None:
    assert DOCS.read_text(encoding="utf-8") == page(), (
        "python -m evermail.campaigns.check.catalogue > docs/check.md"
    )


def test_nothing_can_be_found_that_the_page_leaves_out() -> None:
    modules = (
        importlib.import_module(f"{check.__name__}.{module.name}")
        for module in pkgutil.iter_modules(check.__path__)
    )
    all_kinds = {
        value.code for module in modules for value in vars(module).values() if isinstance(value, Kind)
    }
    assert all_kinds == {kind.code for kind in kinds()}


def test_each_code_stands_for_one_thing() -> None:
    codes = [kind.code for kind in kinds()]
    assert len(codes) == len(set(codes))


def test_each_thing_says_what_to_do() -> None:
    assert all(kind.meaning.endswith(".") and kind.remedy.endswith((".", "…`.")) for kind in kinds())
