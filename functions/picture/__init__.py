"""Pictures for clients without AMP: one a slot, drawn with Pillow when the email is opened.

`draw` makes the card of one item, `default` what is shown when there is none, `photos.Photos` fetches the
photo of a product within what is left of an answer's time. Which item stands in a slot, and over which
address it is asked for, is decided elsewhere. Pillow is imported with the first picture, or by `warm`: an
instance that draws none starts without it.
"""

from __future__ import annotations

from functools import lru_cache

from functions.picture.finished import Finished
from functions.picture.look import CONTENT_TYPE, MAX_BYTES, Card, Look

__all__ = ["CONTENT_TYPE", "MAX_BYTES", "Card", "Look", "default", "draw", "warm"]


def draw(card: Card, photo: bytes | None, look: Look) -> bytes:
    """One slot as a JPEG of at most `MAX_BYTES`: the same bytes for the same arguments.

    `photo` is a JPEG, PNG, WebP or GIF; where it is none of them, or there is none, a pictogram stands in, as
    it does for one of more pixels than `scaling` takes.
    Whatever the texts hold, a picture comes out: long titles end with an ellipsis, and what no font here can
    write is left out.
    """
    return _finished.card(card, photo, look)


def _draw(card: Card, photo: bytes | None, look: Look) -> bytes:
    from functions.picture import drawing

    return drawing.card(card, photo, look)


_finished = Finished(_draw)


@lru_cache(maxsize=8)  # whoever has no token gets it too, and drawing takes 2 ms
def default(look: Look, text: str = "") -> bytes:
    """What is shown where nothing is known of a slot: a JPEG that looks as if it were meant.

    `text` is up to three lines for its middle, such as "See what is new at Lund & Loom".
    """
    from functions.picture import drawing

    return drawing.default(look, text)


def warm(look: Look) -> None:
    """Imports Pillow and draws each part of a card once, so that the first picture is as fast as others."""
    photo = default(look)
    card = Card("Title", "€1", "€2", "Reason", "Note")
    draw(card, photo, look)
    draw(card, None, look)
