"""The file of last resort: read whole, or refused with what is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from evermail.shelf import last_resort
from evermail.shelf.presentation import RecommendedItem

ITEM = RecommendedItem(
    item_id="A",
    title="Kettle",
    price="€19.90",
    image="https://shop.example/a.jpg",
    url="https://shop.example/a",
    reason="From our range",
    was="€25.00",
)


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    file = tmp_path / "static.json"
    file.write_bytes(last_resort.written([ITEM, ITEM]))
    assert last_resort.read(file) == [ITEM, ITEM]
    file.write_bytes(last_resort.written([ITEM] * 50))
    assert len(last_resort.read(file)) == last_resort.MAX_ITEMS


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "cannot be read"),
        (b"", "not a list of items"),
        (b"{}", "not a list of items"),
        (b'[{"item_id": "A"}]', "missing required field"),
        (b"[]", "has no items"),
        (
            last_resort.written([ITEM]).replace(b"https://shop.example/a.jpg", b"/a.jpg"),
            "item 1 needs",
        ),
        (last_resort.written([ITEM]).replace(b'https://shop.example/a"', b'javascript:x"'), "item 1 needs"),
    ],
)
def test_says_what_is_wrong_with_a_file(tmp_path: Path, content: bytes | None, says: str) -> None:
    file = tmp_path / "static.json"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ValueError, match=says) as caught:
        last_resort.read(file)
    assert str(file) in str(caught.value)
