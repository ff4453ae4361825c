"""How much of a form is read."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions import forms
from functions.responses import Failure
from tests.functions.actions_support import URLENCODED
from tests.functions.fakes import post

EIGHT_KB = 8192
"""As docs and docstrings promise."""


@pytest.mark.parametrize("chunked", [False, True], ids=["with its length", "without"])
@given(spare=st.integers(0, EIGHT_KB - 2))
def test_eight_kilobytes_are_taken_and_no_byte_more(chunked: bool, spare: int) -> None:
    body = b"a=" + b"x" * (EIGHT_KB - 2 - spare)
    form = forms.read(post(body, URLENCODED, chunked=chunked))
    assert form.get("a") == "x" * (EIGHT_KB - 2 - spare)
    with pytest.raises(Failure) as refused:
        forms.read(post(body + b"x" * (spare + 1), URLENCODED, chunked=chunked))
    assert (refused.value.status, refused.value.code) == (413, "oversize_payload")


def test_twenty_fields_are_taken_and_no_more() -> None:
    assert forms.read(post(b"&".join([b"a=b"] * 19 + [b"c=d"]), URLENCODED)).get("c") == "d"
    with pytest.raises(Failure) as refused:
        forms.read(post(b"&".join([b"a=b"] * 21), URLENCODED))
    assert (refused.value.status, refused.value.code) == (400, "malformed_form")
