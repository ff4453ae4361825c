"""What a drawn picture costs: `python -m bench.bench_picture`.

The first one with the import of Pillow; then the CPU of a card with a photo as it is kept, without one, and
of the default picture; and what it costs to make a shop's photo small enough to keep, which is done once.
"""

from __future__ import annotations

import argparse
import io
import random
import time
from collections.abc import Callable

from functions import picture
from functions.picture import Card, Look

REPEATS = 200
LOOK = Look()
PHOTO_SIZE = 2000, 1800


def main() -> None:
    argparse.ArgumentParser(
        prog="python -m bench.bench_picture",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    ).parse_args()
    first_ms = _cpu_ms(lambda: picture.default(LOOK))
    print(f"{'the first picture, with the import of Pillow':58}{first_ms:>7.1f} ms")
    from functions.picture.scaling import smaller

    served, grainy = _photo(grain=0.01), _photo(grain=0.06)
    kept, kept_grainy = smaller(served, LOOK.photo_size), smaller(grainy, LOOK.photo_size)
    print(f"\n{'CPU of':58}{'p50':>10}{'p99':>10}{'bytes':>10}")
    _print("a card with a kept photo", lambda number: picture.draw(_card(number), kept, LOOK))
    _print("the same with a grainy photo", lambda number: picture.draw(_card(number), kept_grainy, LOOK))
    _print("a card without a photo", lambda number: picture.draw(_card(number), None, LOOK))
    _print("the default picture", lambda number: picture.default(LOOK, f"What is new, {number}"))
    what = f"a photo of {PHOTO_SIZE[0]} x {PHOTO_SIZE[1]} made smaller"
    _print(what, lambda number: smaller(served, LOOK.photo_size) or b"", REPEATS // 10)


def _card(number: int) -> Card:
    """Titles are never the same, so that nothing of a text is remembered."""
    title = f"Handmade ceramic table lamp no. {number} with linen shade, dimmable, including bulb and cable"
    return Card(
        title, f"€{number}.90", f"€{number + 30}.90", "Because you looked at Stem reading light", "-20 %"
    )


def _photo(*, grain: float) -> bytes:
    """A large JPEG with soft forms and so much grain, 0 to 1."""
    from PIL import Image

    dice = random.Random(1)
    coarse = Image.frombytes("RGB", (24, 24), dice.randbytes(24 * 24 * 3)).resize(PHOTO_SIZE)
    noise = Image.frombytes("L", (500, 450), dice.randbytes(500 * 450)).resize(PHOTO_SIZE).convert("RGB")
    out = io.BytesIO()
    Image.blend(coarse, noise, grain).save(out, "JPEG", quality=90)
    return out.getvalue()


def _print(what: str, run: Callable[[int], bytes], repeats: int = REPEATS) -> None:
    run(0)
    took = sorted(_cpu_ms(lambda number=number: run(number)) for number in range(1, repeats + 1))  # type: ignore[misc]
    p50, p99 = took[repeats // 2], took[repeats * 99 // 100]
    print(f"{what:58}{p50:>7.1f} ms{p99:>7.1f} ms{len(run(0)):>10,}")


def _cpu_ms(run: Callable[[], object]) -> float:
    begun = time.process_time_ns()
    run()
    return (time.process_time_ns() - begun) / 1_000_000


if __name__ == "__main__":
    main()
