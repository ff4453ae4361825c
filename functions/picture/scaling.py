"""Photos, from whatever bytes a shop serves to pixels of a size that is wanted."""

from __future__ import annotations

import io
import warnings

from PIL import Image, ImageOps

FORMATS = ("JPEG", "PNG", "WEBP", "GIF")
"""No others are tried: each decoder meets bytes from outside. Of a GIF the first picture counts."""

MAX_PIXELS = 25_000_000
"""A larger photo is refused by its header: unpacked it would take 100 MB and more."""

WHITE = (255, 255, 255)
_QUALITY = 92
_SPARE = 1.5


def fitted(photo: bytes, size: tuple[int, int], enlarge: float = 1.0) -> Image.Image | None:
    """The photo on white, as large as fits into `size`, none of it cut or distorted. None if it is none.

    A small photo is made at most `enlarge` times as large as it is: more would only show that it is small.
    """
    try:
        return _fitted(photo, size, enlarge)
    except Exception:
        return (
            None  # decoders raise whatever broken bytes lead to: OSError, SyntaxError, struct.error, EOFError
        )


def smaller(photo: bytes, size: tuple[int, int]) -> bytes | None:
    """The photo as a JPEG that fits into `size`, for keeping. None if it is no photo."""
    image = fitted(photo, size)
    if image is None:
        return None
    out = io.BytesIO()
    image.save(out, "JPEG", quality=_QUALITY, subsampling="4:4:4")
    return out.getvalue()


def _fitted(photo: bytes, size: tuple[int, int], enlarge: float) -> Image.Image | None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # its bound is above ours
        opened = Image.open(io.BytesIO(photo), formats=FORMATS)
    with opened:
        if opened.width * opened.height > MAX_PIXELS:
            return None
        # A JPEG is decoded at a half, a quarter or an eighth of its size where that leaves enough for a sharp
        # picture: most of what a large photo costs. It may still lie on its side, so both sides count.
        opened.draft("RGB", (round(_SPARE * max(size)),) * 2)
        image = _on_white(ImageOps.exif_transpose(opened))
    scale = min(size[0] / image.width, size[1] / image.height, enlarge)
    wanted = max(1, round(image.width * scale)), max(1, round(image.height * scale))
    if wanted == image.size:
        return image
    return image.resize(wanted, Image.Resampling.LANCZOS, reducing_gap=2.0)


def _on_white(image: Image.Image) -> Image.Image:
    if not image.has_transparency_data:
        return image.convert("RGB")
    image = image.convert("RGBA")
    ground = Image.new("RGB", image.size, WHITE)
    ground.paste(image, mask=image.getchannel("A"))
    return ground
