"""Everybody who finds a letter is told what it means and what to do."""

from __future__ import annotations

import pytest

from evermail.dead_letters.advice import ADVICE, advice
from evermail.events import Code


def test_every_code_is_explained() -> None:
    assert set(ADVICE) == set(Code)


@pytest.mark.parametrize("code", Code)
def test_in_whole_sentences_of_its_own(code: Code) -> None:
    for text in advice(code):
        assert 20 < len(text) < 400
        assert text[0].isupper() or text[0] == "`"
        assert text.endswith(".")
    assert sum(other == advice(code) for other in ADVICE.values()) == 1
