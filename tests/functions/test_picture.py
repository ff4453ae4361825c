"""The pictures of slots: what they hold, how large they are, and that one always comes."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageChops

from evermail.campaigns.brand import DARK
from functions.picture import Card, Look, default, draw, drawing
from functions.picture.scaling import smaller
from tests.functions.photos import jpeg, noise, saved

LOOK = Look()
CARD = Card("Dune table lamp", "€89.00", "€99.00", "Seen with Lounge chair", "Sale")
PLAIN = Card("", "")


def opened(picture: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(picture))
    image.load()
    return image


def differs(one: bytes, other: bytes) -> tuple[int, int, int, int] | None:
    """The box in which two pictures differ by more than JPEG's ripples."""
    difference = ImageChops.difference(opened(one), opened(other)).convert("L")
    return difference.point(lambda level: 255 if level > 48 else 0).getbbox()


def near(one: tuple[int, ...], other: tuple[int, ...]) -> bool:
    return all(abs(a - b) <= 8 for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize("look", [LOOK, Look(200, 280, 1), Look(400, 600, 3)])
def test_a_picture_is_a_jpeg_of_the_size_of_its_look(look: Look) -> None:
    for picture in (draw(CARD, jpeg(900, 700), look), draw(CARD, None, look), default(look, "What is new")):
        image = opened(picture)
        assert (image.format, image.size) == ("JPEG", (look.width * look.scale, look.height * look.scale))
        assert len(picture) < 100_000


@pytest.mark.parametrize("size", [(0, 400), (320, 0), (4000, 400), (320, 4000)])
def test_a_look_in_which_no_card_fits_is_refused(size: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="160 to 400 wide"):
        Look(*size)


texts = st.text(max_size=400) | st.text(
    st.characters(categories=["Lo", "Lu", "Mn", "Cf", "So", "Cs"]), max_size=80
)
cards = st.builds(Card, title=texts, price=texts, was=texts, reason=texts, note=texts)


@settings(max_examples=60, deadline=None)
@given(cards, st.none() | st.binary(max_size=200), st.sampled_from([LOOK, Look(160, 240, 1)]))
def test_whatever_the_texts_and_bytes_a_small_picture_comes_out(
    card: Card, photo: bytes | None, look: Look
) -> None:
    picture = draw(card, photo, look)
    assert opened(picture).size == look.size
    assert len(picture) < 100_000
    assert len(default(look, card.title)) < 100_000


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from([(300, 300), (2000, 400), (900, 1100)]), st.booleans())
def test_noise_is_small_enough_too(seed: int, size: tuple[int, int], largest: bool) -> None:
    look = Look(400, 600, 3) if largest else LOOK
    assert len(draw(CARD, noise(*size, seed), look)) < 100_000


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_a_photo_with_broken_bytes_is_drawn_or_left_out(data: st.DataObject) -> None:
    photo = bytearray(saved(Image.new("RGB", (60, 40), "#c1694a"), data.draw(st.sampled_from(FORMATS))))
    for _ in range(data.draw(st.integers(1, 5))):
        photo[data.draw(st.integers(0, len(photo) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(photo)))
    assert opened(draw(CARD, bytes(photo[:cut]), LOOK)).size == LOOK.size


def test_the_same_card_gives_the_same_bytes() -> None:
    photo = jpeg(900, 700)
    assert drawing.card(CARD, photo, LOOK) == drawing.card(CARD, photo, LOOK)
    assert drawing.default(LOOK, "What is new") == drawing.default(LOOK, "What is new")


@pytest.mark.parametrize("field", ["title", "price", "was", "reason", "note"])
def test_each_text_shows(field: str) -> None:
    card = Card(title="Lamp", price="€89")
    more = Card(**{"title": "Lamp", "price": "€89", field: "Moon"})
    assert differs(draw(card, None, LOOK), draw(more, None, LOOK))


def test_a_long_title_takes_two_lines_and_nothing_runs_out_of_the_picture() -> None:
    blank = draw(PLAIN, None, LOOK)
    for title in ("word " * 80, "Donaudampfschifffahrtsgesellschaft" * 9, "W" * 300, "i" * 300):
        box = differs(blank, draw(Card(title, "€1"), None, LOOK))
        assert box is not None
        left, top, right, bottom = box
        assert top > LOOK.frame[3]
        assert left >= 20
        assert right <= LOOK.size[0] - 20
        assert bottom <= LOOK.size[1] - 20


def test_what_does_not_fit_into_two_lines_does_not_change_the_picture() -> None:
    beginning = "A handmade ceramic table lamp with a linen shade, dimmable, with a bulb and a cable "
    assert draw(Card(beginning + "of two metres", "€1"), None, LOOK) == draw(
        Card(beginning + "of three metres", "€1"), None, LOOK
    )


@pytest.mark.parametrize("price", ["€1", "USD 123,456,789,012.00", "9" * 200])
def test_a_price_is_never_cut(price: str) -> None:
    blank, longer = draw(PLAIN, None, LOOK), draw(Card("", price), None, LOOK)
    box = differs(blank, longer)
    if len(price) > 100:
        assert box is None
    else:
        assert box is not None
        assert box[2] <= LOOK.size[0] - 20
        assert differs(longer, draw(Card("", price[:-1] + "7"), None, LOOK))


FORMATS = ["JPEG", "PNG", "WEBP", "GIF"]
ORANGE = (193, 106, 74)


@pytest.mark.parametrize("format", FORMATS)
def test_photos_of_all_formats_are_drawn_in_the_middle_of_the_frame(format: str) -> None:
    picture = opened(draw(PLAIN, saved(Image.new("RGB", (700, 600), ORANGE), format), LOOK))
    left, top, right, bottom = LOOK.frame
    assert near(picture.getpixel(((left + right) // 2, (top + bottom) // 2)), ORANGE)  # type: ignore[arg-type]


def test_a_photo_is_neither_cut_nor_distorted() -> None:
    panorama = Image.new("RGB", (3000, 500), ORANGE)
    box = differs(
        draw(PLAIN, saved(Image.new("RGB", (60, 60), "white")), LOOK), draw(PLAIN, saved(panorama), LOOK)
    )
    assert box is not None
    width, height = box[2] - box[0], box[3] - box[1]
    assert width == pytest.approx(LOOK.photo_size[0], abs=4)
    assert width / height == pytest.approx(6, rel=0.05)


def test_a_tiny_photo_is_not_blown_up_beyond_its_size_on_a_page() -> None:
    nothing, tiny = Image.new("RGB", (60, 60), "white"), Image.new("RGB", (60, 60), ORANGE)
    box = differs(draw(PLAIN, saved(nothing), LOOK), draw(PLAIN, saved(tiny), LOOK))
    assert box is not None
    assert box[2] - box[0] == pytest.approx(60 * LOOK.scale, abs=4)


def test_what_is_transparent_becomes_white() -> None:
    glass = Image.new("RGBA", (600, 600), (0, 0, 0, 0))
    picture = opened(draw(PLAIN, saved(glass), LOOK))
    middle = picture.getpixel((LOOK.size[0] // 2, LOOK.frame[3] // 2))
    assert near(middle, (255, 255, 255))  # type: ignore[arg-type]


def test_a_photo_taken_on_its_side_stands_upright() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    lying = saved(Image.new("RGB", (400, 200), ORANGE), "JPEG", exif=exif)
    kept = smaller(lying, LOOK.photo_size)
    assert kept is not None
    assert opened(kept).size == (200, 400)


def test_a_photo_of_too_many_pixels_is_refused_by_its_header() -> None:
    bomb = saved(Image.new("1", (30_000, 30_000)))
    assert len(bomb) < 200_000
    assert smaller(bomb, LOOK.photo_size) is None


def test_a_large_jpeg_is_taken_as_it_is_unpacked_smaller() -> None:
    for look in (Look(160, 240, 1), LOOK, Look(400, 600, 3)):
        kept = smaller(jpeg(4000, 4000), look.photo_size)
        assert kept is not None
        assert max(opened(kept).size) == min(look.photo_size)
    assert smaller(jpeg(4001, 4000), LOOK.photo_size) is None


@pytest.mark.parametrize("format", ["PNG", "WEBP", "GIF"])
def test_what_cannot_be_unpacked_smaller_has_to_be_small(format: str) -> None:
    assert smaller(saved(Image.new("RGB", (2048, 2048)), format), LOOK.photo_size)
    assert smaller(saved(Image.new("RGB", (2051, 2048)), format), LOOK.photo_size) is None


def test_a_jpeg_of_very_many_scans_is_refused() -> None:
    photo = saved(Image.new("RGB", (64, 64), ORANGE), "JPEG", progressive=True)
    last = photo[photo.rindex(b"\xff\xc4", 0, photo.rindex(b"\xff\xda")) : -2]
    assert smaller(photo[:-2] + last * 20 + photo[-2:], LOOK.photo_size)
    assert smaller(photo[:-2] + last * 1000 + photo[-2:], LOOK.photo_size) is None


@pytest.mark.skipif(sys.platform != "linux", reason="reads the peak of memory from /proc")
def test_small_files_that_unpack_to_much_take_little_memory_however_many_threads_ask(tmp_path: Path) -> None:
    glass = Image.new("RGBA", (4990, 4990), (1, 2, 3, 100))
    square = Image.new("P", (2048, 2048))
    hostile = [
        saved(glass, "WEBP", lossless=True),
        saved(glass.convert("P"), transparency=0),
        saved(square.convert("RGBA"), "WEBP", lossless=True),
        saved(square, transparency=0),
        saved(Image.new("CMYK", (4000, 4000)), "JPEG", progressive=True),
    ]
    for number, photo in enumerate(hostile):
        (tmp_path / str(number)).write_bytes(photo)
    peak = subprocess.run(
        [sys.executable, "-c", _PEAK, str(tmp_path)], check=True, timeout=120, capture_output=True, text=True
    )
    assert int(peak.stdout) < 200_000


_PEAK = """
import pathlib, sys
from concurrent.futures import ThreadPoolExecutor
from functions.picture import Look, warm
from functions.picture.scaling import smaller

def peak_kb():
    status = pathlib.Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0])

warm(Look())
photos = [path.read_bytes() for path in sorted(pathlib.Path(sys.argv[1]).iterdir())]
before = peak_kb()
with ThreadPoolExecutor(12) as threads:
    list(threads.map(lambda photo: smaller(photo, Look().photo_size), photos * 5))
print(peak_kb() - before)
"""


def test_drawings_and_other_things_get_the_placeholder() -> None:
    placeholder = draw(CARD, None, LOOK)
    for photo in (
        b'<svg xmlns="http://www.w3.org/2000/svg"/>',
        b"<html>",
        b"",
        saved(Image.new("1", (9, 9)), "BMP"),
    ):
        assert draw(CARD, photo, LOOK) == placeholder


def test_a_kept_photo_is_as_small_as_it_is_drawn() -> None:
    kept = smaller(jpeg(3000, 2700), LOOK.photo_size)
    assert kept is not None
    assert opened(kept).size == (LOOK.photo_size[0], round(LOOK.photo_size[0] * 0.9))


def test_a_brand_brings_its_colours() -> None:
    assert opened(default(Look(colours=DARK))).getpixel((5, 5)) == pytest.approx((16, 19, 17), abs=4)


@pytest.mark.parametrize("first", ["default", "warm"])
def test_pillow_is_imported_with_the_first_picture_or_before_it(first: str) -> None:
    code = (
        "import sys, functions.picture as p, functions.picture.photos; assert 'PIL' not in sys.modules;"
        f"p.{first}(p.Look()); assert 'PIL' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
