"""Takes the photos of the drawings. Needs Chromium on the path, Playwright and Pillow."""

from __future__ import annotations

import io
from pathlib import Path

from PIL import Image

from demo.page.photograph import CHROMIUM_OPTIONS, the_chromium
from demo.pictures import HEIGHT, WIDTH, pictures

SCALE = 1.5


def take(chromium: str, folder: Path) -> None:
    """Writes a WebP of each drawing into a folder."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=list(CHROMIUM_OPTIONS))
        size = {"width": WIDTH, "height": HEIGHT}
        page = browser.new_page(viewport=size, device_scale_factor=SCALE)  # type: ignore[arg-type]
        for item, drawing in pictures().items():
            page.set_content(f"<style>body{{margin:0}}svg{{display:block}}</style>{drawing}")
            taken = Image.open(io.BytesIO(page.screenshot(type="png")))
            taken.convert("RGB").save(folder / f"{item}.webp", quality=82, method=6)
        browser.close()


if __name__ == "__main__":
    take(the_chromium(), Path(__file__).parent)
