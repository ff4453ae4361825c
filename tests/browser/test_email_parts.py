"""Every HTML part and every AMP preview, photographed in a real browser: desktop and phone, light and dark,
images on and off.

With EVERMAIL_PHOTOGRAPHS=FOLDER the photographs stay there to be looked at.
"""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from PIL import Image

from demo.amp_preview import NoAnswer, preview
from evermail import clock
from evermail.campaigns import Context, Renderer, render, sample_context
from functions import picture
from functions.picture import Card, Look
from tests.browser.test_page import browser

__all__ = ["browser"]

TEMPLATES = Renderer().templates()
DESKTOP, PHONE = 1200, 390
GROUNDS = ("#c9b79c", "#8fa39a", "#d9a679", "#7c8f7a", "#b5a3b0", "#a6b8c9")

EVERY = pytest.mark.parametrize("template", TEMPLATES)
WIDTHS = pytest.mark.parametrize("width", [DESKTOP, PHONE], ids=["desktop", "phone"])
LAYOUTS = pytest.mark.parametrize("layout", ["grid", "carousel"])

Open = Callable[..., Any]


@pytest.fixture(scope="module")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = Path(os.environ.get("EVERMAIL_PHOTOGRAPHS") or tmp_path_factory.mktemp("photographs"))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture
def show(browser: Any) -> Iterator[Open]:
    """Opens an email, with the shop's photos and the pictures of its slots, or without any."""
    contexts = []

    def show(document: str, sample: Context, *, width: int, dark: bool = False, images: bool = True) -> Any:
        context = browser.new_context(
            viewport={"width": width, "height": 800}, color_scheme="dark" if dark else "light"
        )
        contexts.append(context)
        page = context.new_page()
        page.route("**/*", lambda route: serve(route, sample) if images else route.abort())
        page.set_content(document, wait_until="load")
        return page

    yield show
    for context in contexts:
        context.close()


def serve(route: Any, sample: Context) -> None:
    path, _, query = route.request.url.partition("?")
    if path.endswith("/slot_image"):
        item = sample.items[int(query.rpartition("n=")[2]) - 1]
        card = Card(title=item.title, price=item.price, was=item.was, reason=item.reason)
        route.fulfill(body=picture.draw(card, photo(item.item_id), Look()), content_type=picture.CONTENT_TYPE)
    else:
        route.fulfill(body=photo(path), content_type="image/png")


def photo(name: str) -> bytes:
    written = io.BytesIO()
    Image.new("RGB", (480, 480), GROUNDS[sum(map(ord, name)) % len(GROUNDS)]).save(written, "PNG")
    return written.getvalue()


def answer(sample: Context) -> dict[str, Any]:
    """What the functions say three minutes after the shopper's last visit."""
    return {
        "items": msgspec.to_builtins(sample.items),
        "source": "personal",
        "as_of": clock.to_rfc3339(sample.sent_at - 3 * clock.MINUTE),
    }


def live(sample: Context, amp: str, said: Any = None) -> str:
    return preview(amp, answer(sample) if said is None else said, clock=clock.Stopped(sample.sent_at))


def photograph(page: Any, to: Path) -> Image.Image:
    return Image.open(io.BytesIO(page.screenshot(path=str(to), full_page=True))).convert("RGB")


def colour(text: str) -> tuple[int, ...]:
    return tuple(int(text[at : at + 2], 16) for at in (1, 3, 5))


def is_as_wide_as_the_window(page: Any, width: int) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth") == width)


def unseen_pictures(page: Any) -> list[str]:
    found: list[str] = page.evaluate("[...document.images].filter(i => !i.naturalWidth).map(i => i.src)")
    return found


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@WIDTHS
@EVERY
def test_the_html_part(show: Open, photographs: Path, template: str, width: int, dark: bool) -> None:
    sample = sample_context(template)
    page = show(render(template, sample).html, sample, width=width, dark=dark)
    taken = photograph(page, photographs / f"{template}-html-{width}-{'dark' if dark else 'light'}.png")
    assert is_as_wide_as_the_window(page, width)
    assert unseen_pictures(page) == []
    palette = sample.brand.dark if dark else sample.brand.light
    assert taken.getpixel((2, taken.height - 2)) == colour(palette.canvas)
    assert taken.getpixel((width // 2, 60 if width == DESKTOP else 20)) == colour(palette.paper)


@WIDTHS
@EVERY
def test_the_html_part_with_images_off(show: Open, photographs: Path, template: str, width: int) -> None:
    sample = sample_context(template)
    page = show(render(template, sample).html, sample, width=width, images=False)
    photograph(page, photographs / f"{template}-html-{width}-images-off.png")
    assert is_as_wide_as_the_window(page, width)
    read = page.locator("body").inner_text()
    for item in sample.about + sample.items:
        for text in (item.title, item.price, item.reason):
            assert text in read
    for slot in page.get_by_alt_text("see it in the shop").all():
        assert slot.bounding_box()["height"] >= 24, "an alternative text is cut off"


@WIDTHS
@LAYOUTS
@EVERY
def test_the_amp_part(show: Open, photographs: Path, template: str, layout: Any, width: int) -> None:
    sample = msgspec.structs.replace(sample_context(template), layout=layout)
    page = show(live(sample, render(template, sample).amp), sample, width=width)
    photograph(page, photographs / f"{template}-amp-{width}-{layout}.png")
    assert is_as_wide_as_the_window(page, width)
    assert unseen_pictures(page) == []
    assert page.locator(".card").count() == 4
    counted = "counted" if template == "trending_in_category" else "includes your visit"
    assert page.get_by_text(f"Live · {counted}").inner_text().endswith("3 minutes ago")


@pytest.mark.parametrize("said", list(NoAnswer), ids=lambda said: said.value)
@WIDTHS
@LAYOUTS
def test_the_amp_part_without_an_answer(
    show: Open, photographs: Path, layout: Any, width: int, said: NoAnswer
) -> None:
    sample = msgspec.structs.replace(sample_context("recommended_for_you"), layout=layout)
    page = show(live(sample, render("recommended_for_you", sample).amp, said), sample, width=width)
    photograph(page, photographs / f"recommended_for_you-amp-{width}-{layout}-{said.value}.png")
    assert is_as_wide_as_the_window(page, width)
    frame = page.locator("amp-list").first.bounding_box()
    for card in page.locator(".card").all():
        box = card.bounding_box()
        assert box["y"] + box["height"] <= frame["y"] + frame["height"] + 1


@pytest.mark.parametrize("title", ["Mug", "A kettle in brushed steel, with a very long name " * 4])
@WIDTHS
@LAYOUTS
def test_what_is_in_a_card_keeps_its_place_whatever_it_says(
    show: Open, layout: Any, width: int, title: str
) -> None:
    sample = msgspec.structs.replace(sample_context("recommended_for_you"), layout=layout)
    items = [msgspec.structs.replace(item, title=title, reason=title) for item in sample.items]
    sample = msgspec.structs.replace(sample, items=items)
    page = show(live(sample, render("recommended_for_you", sample).amp), sample, width=width)
    bottom = page.locator("amp-list").first.bounding_box()
    for card in page.locator(".card").all():
        [whole, image, words, forms] = [
            one.bounding_box()
            for one in (card, *(card.locator(part) for part in (".picture", ".reason", ".acts")))
        ]
        assert words["y"] + words["height"] <= forms["y"], "the text runs into the buttons"
        end = max(box["y"] + box["height"] for box in (image, forms))
        assert 20 <= whole["y"] + whole["height"] - end <= 40, "a gap below the card"
        assert whole["y"] + whole["height"] <= bottom["y"] + bottom["height"] + 1


@WIDTHS
def test_a_form_that_did_not_go_through_says_so_beside_the_text(show: Open, width: int) -> None:
    sample = sample_context("recommended_for_you")
    items = [msgspec.structs.replace(item, reason=item.title * 3) for item in sample.items]
    sample = msgspec.structs.replace(sample, items=items)
    page = show(live(sample, render("recommended_for_you", sample).amp), sample, width=width)
    page.evaluate(
        "document.querySelectorAll('form').forEach(form => form.classList.add('amp-form-submit-error'))"
    )
    for card in page.locator(".card").all():
        told = card.get_by_text("Please try again").first
        assert told.is_visible()
        [whole, words, button, error] = [
            one.bounding_box()
            for one in (card, card.locator(".reason"), card.get_by_role("button").first, told)
        ]
        assert words["y"] + words["height"] <= button["y"]
        assert button["y"] + button["height"] <= error["y"]
        assert error["y"] + error["height"] <= whole["y"] + whole["height"]


def test_a_picture_in_a_card_has_round_corners(show: Open) -> None:
    sample = sample_context("recommended_for_you")
    page = show(live(sample, render("recommended_for_you", sample).amp), sample, width=PHONE)
    radius = page.locator(".frame img").first.evaluate("image => getComputedStyle(image).borderRadius")
    assert radius == "12px"


def test_forms_of_a_preview_can_be_reached_and_send_nothing(show: Open) -> None:
    sample = sample_context("recommended_for_you")
    page = show(live(sample, render("recommended_for_you", sample).amp), sample, width=PHONE)
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.url))
    button = page.get_by_role("button", name=f"Save {sample.items[0].title} to your wishlist")
    button.focus()
    assert button.evaluate("button => getComputedStyle(button).outlineStyle") == "solid"
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Unsubscribe").click()
    assert sent == []
    assert page.url == "about:blank"
