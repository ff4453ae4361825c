"""What a picture says, and how it looks: plain data, so that nobody has to import Pillow to name it."""

from __future__ import annotations

import msgspec

from evermail.campaigns.brand import LIGHT, Palette

CONTENT_TYPE = "image/jpeg"
"""Of every picture. PNG would take several times the bytes for a photo, and not all clients show WebP."""

MAX_BYTES = 100_000
"""No picture is larger: readers on the move wait for it."""

PADDING = 12
"""CSS pixels round all that is drawn. In a dark email the picture is a white card, and needs them."""

INSET = 8
"""CSS pixels between the frame and the photo in it, as in the AMP part's cards."""

TEXT_HEIGHT = 102
"""CSS pixels of the text below the frame: two lines of title, a line of price, a line of reason."""


class Card(msgspec.Struct, frozen=True):
    """The texts of one slot, ready to be read: prices are formatted.

    `was` is the price before a sale. `note` is a word or two in the photo's corner, such as "Sold out".
    """

    title: str
    price: str
    was: str = ""
    reason: str = ""
    note: str = ""


class Look(msgspec.Struct, frozen=True):
    """Size and colours of a picture: `width` and `height` in CSS pixels, drawn `scale` times as large.

    Pictures cannot follow dark mode, so they are white cards in both: `colours` is a palette for light mode.
    Raises `ValueError` for a size that no card fits in, or that would not stay under `MAX_BYTES`.
    """

    width: int = 320
    height: int = 400
    scale: int = 2
    colours: Palette = LIGHT

    def __post_init__(self) -> None:
        if not (160 <= self.width <= 400 and 240 <= self.height <= 600 and 1 <= self.scale <= 3):
            raise ValueError("a picture is 160 to 400 wide, 240 to 600 high, and drawn at a scale of 1 to 3")

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the picture in its own pixels."""
        return self.width * self.scale, self.height * self.scale

    @property
    def frame(self) -> tuple[int, int, int, int]:
        """Left, top, right and bottom of the frame round the photo, in the picture's own pixels."""
        right, bottom = self.width - PADDING, self.height - PADDING - TEXT_HEIGHT
        return PADDING * self.scale, PADDING * self.scale, right * self.scale, bottom * self.scale

    @property
    def photo_size(self) -> tuple[int, int]:
        """Width and height that a photo is fitted into, in the picture's own pixels."""
        left, top, right, bottom = self.frame
        return right - left - 2 * INSET * self.scale, bottom - top - 2 * INSET * self.scale
