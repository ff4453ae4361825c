"""Photos to draw and to serve, made on the spot."""

from __future__ import annotations

import io
import random
from typing import Any

from PIL import Image


def saved(image: Image.Image, format: str = "PNG", **options: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, format, **options)
    return out.getvalue()


def jpeg(width: int, height: int, colour: str = "#c1694a") -> bytes:
    return saved(Image.new("RGB", (width, height), colour), "JPEG")


def noise(width: int, height: int, seed: int) -> bytes:
    dice = random.Random(seed)
    return saved(Image.frombytes("RGB", (width, height), dice.randbytes(width * height * 3)))
