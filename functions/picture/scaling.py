"""Photos, from whatever bytes a shop serves to pixels of a size that is wanted."""

from __future__ import annotations

import io
import warnings
from concurrent.futures import ThreadPoolExecutor

from PIL import Image, ImageOps
from PIL.JpegImagePlugin import JpegImageFile

FORMATS = ("JPEG", "PNG", "WEBP", "GIF")
"""No others are tried: each decoder meets bytes from outside. Of a GIF the first picture counts."""

MAX_PIXELS = 4_200_000
"""A photo is refused by its header where more would be unpacked, as of a PNG or WebP above 2048 x 2048.

A few hundred bytes unpack to any size, and WebP's decoder takes 16 bytes a pixel: some 70 MB for so many.
"""

MAX_JPEG_PIXELS = 16_000_000
"""A JPEG may be larger, as it is unpacked at half its size or less: a progressive one takes 2 bytes a pixel
and colour meanwhile, some 130 MB for so many in CMYK."""

MAX_SCANS = 100
"""Of a JPEG. Progressive ones have about ten; each goes over the whole picture, however few bytes it has."""

WHITE = (255, 255, 255)
_QUALITY = 92
_SPARE = 1.5
_START_OF_SCAN = b"\xff\xda"

_decoder = ThreadPoolExecutor(1, thread_name_prefix="decoder")


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
    """The photo as a JPEG that fits into `size`, for keeping. None if it is no photo.

    Made for whatever a shop serves. One is unpacked at a time, whoever asks, so that together they take no
    more memory than one: 150 MB at the most. By one thread, too: glibc keeps for each thread what it freed.
    """
    return _decoder.submit(_smaller, photo, size).result()


def _smaller(photo: bytes, size: tuple[int, int]) -> bytes | None:
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
        pixels = opened.width * opened.height
        if pixels > MAX_JPEG_PIXELS:
            return None
        if isinstance(opened, JpegImageFile) and photo.count(_START_OF_SCAN) > MAX_SCANS:
            return None
        # A JPEG is decoded at a half, a quarter or an eighth of its size where that leaves enough for a sharp
        # picture: most of what a large photo costs. It may still lie on its side, so both sides count.
        side = round(_SPARE * max(size))
        if pixels > MAX_PIXELS:
            side = min(side, min(opened.size) // 2)
        opened.draft("RGB", (side, side))
        if opened.width * opened.height > MAX_PIXELS:
            return None
        ImageOps.exif_transpose(opened, in_place=True)
        mode = "RGBA" if opened.has_transparency_data else "RGB"
        image = opened if opened.mode == mode else opened.convert(mode)  # to its own mode it would copy
    return _on_white(_scaled(image, size, enlarge))


def _scaled(image: Image.Image, size: tuple[int, int], enlarge: float) -> Image.Image:
    scale = min(size[0] / image.width, size[1] / image.height, enlarge)
    wanted = max(1, round(image.width * scale)), max(1, round(image.height * scale))
    if wanted == image.size:
        return image
    return image.resize(wanted, Image.Resampling.LANCZOS, reducing_gap=2.0)


def _on_white(image: Image.Image) -> Image.Image:
    if image.mode == "RGB":
        return image
    ground = Image.new("RGB", image.size, WHITE)
    ground.paste(image, mask=image.getchannel("A"))
    return ground
