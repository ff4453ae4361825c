"""The bytes of a finished picture: JPEG, no more than `MAX_BYTES`, the same for the same picture."""

from __future__ import annotations

import io

from PIL import Image

from functions.picture.look import MAX_BYTES

_ATTEMPTS = ((82, "4:4:4"), (70, "4:4:4"), (56, "4:2:0"), (32, "4:2:0"), (12, "4:2:0"))
"""Quality and thinning of colours, which blurs coloured letters. Nearly every photo fits at first."""


def encoded(image: Image.Image) -> bytes:
    """The best JPEG that is small enough; larger only for noise all over a very large picture."""
    drawn = b""
    for quality, subsampling in _ATTEMPTS:
        out = io.BytesIO()
        image.save(out, "JPEG", quality=quality, subsampling=subsampling)
        drawn = out.getvalue()
        if len(drawn) <= MAX_BYTES:
            break
    return drawn
