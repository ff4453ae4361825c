"""The drawings of the demo shop as photos: what a shop's feed names, and what pictures of slots are made of.

Mail clients and Pillow show no SVG. `python -m demo.photos.take` makes them anew once a drawing has changed.
"""

from __future__ import annotations

from pathlib import Path

CONTENT_TYPE = "image/webp"
_FOLDER = Path(__file__).parent


def photo(item: str) -> bytes:
    """The WebP of a product, 600 x 540 pixels. Raises `KeyError` for one that the shop does not have."""
    from demo.pictures import pictures

    if item not in pictures():
        raise KeyError(item)
    return (_FOLDER / f"{item}.webp").read_bytes()
