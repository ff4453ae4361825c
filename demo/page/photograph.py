"""Takes the pictures of the README: starts the demo, shops like a person, and photographs the page.

Needs Chromium on the path and Playwright (both come with `make install-dev` and Debian's `chromium`).
"""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path

from demo.processes import HOST, Child, free_port

LOOKS_AT = ("textiles-1", "living-2", "lighting-3")
READY_TIMEOUT_S = 90.0
CHROMIUM_OPTIONS = (
    "--no-sandbox",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def photograph(chromium: str, out: Path) -> list[Path]:
    """Writes demo.png and studio.png into `out`, and returns their paths."""
    from playwright.sync_api import expect, sync_playwright

    port = free_port()
    command = [sys.executable, "-m", "demo.page.serve", "--port", str(port)]
    lines: list[str] = []
    with Child("the demo", command, on_line=lines.append) as demo, sync_playwright() as playwright:
        demo.wait_until(lambda: any(line.startswith("Ready") for line in lines), timeout_s=READY_TIMEOUT_S)
        browser = playwright.chromium.launch(executable_path=chromium, args=list(CHROMIUM_OPTIONS))
        page = browser.new_page(viewport={"width": 1440, "height": 900}, reduced_motion="reduce")
        page.goto(f"http://{HOST}:{port}/")
        expect(page.locator("[data-figure=accepted] .value")).not_to_have_text("–", timeout=20_000)
        for item_id in LOOKS_AT:
            page.locator(f'#range .card[data-item="{item_id}"]').click()
            page.locator("#back").click()
        expect(page.locator("#source")).to_have_text("Personal", timeout=20_000)
        expect(page.locator("#status")).to_contain_text("reached the email", timeout=20_000)
        shop, studio = out / "demo.png", out / "studio.png"
        page.screenshot(path=shop)
        page.goto(f"http://{HOST}:{port}/studio?template=abandoned_cart&service=sparkpost")
        expect(page.locator("#verdict")).to_have_text("All good", timeout=20_000)
        expect(page.locator("#panel-all iframe:not(.coming)")).to_have_count(6, timeout=20_000)
        page.screenshot(path=studio)
        browser.close()
    return [shop, studio]


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m demo.page.photograph",
        description=__doc__,
        epilog="example: python -m demo.page.photograph --out docs/images",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--out", type=Path, default=Path("docs/images"), help="folder for the pictures (default docs/images)"
    )
    given = parser.parse_args()
    chromium = the_chromium()
    given.out.mkdir(parents=True, exist_ok=True)
    print(*photograph(chromium, given.out), sep="\n")


def the_chromium() -> str:
    """Where Chromium is. Ends the program where it is not."""
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found is None:
        sys.exit("Chromium is not installed (on Debian: apt-get install chromium)")
    return found


if __name__ == "__main__":
    main()
