"""The studio in a real browser: what a marketer sees and does, with the mouse and without."""

from __future__ import annotations

import json
import os
import re
import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from demo.page.web import web_server
from demo.processes import HOST, free_port
from demo.studio.alone import Alone, create_app
from demo.studio.brands import brands
from evermail.campaigns.check import AmpValidator

sync_api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
expect = sync_api.expect

PATIENCE_MS = 20_000
VIEWS = ["Side by side", "AMP", "HTML", "Images off", "Dark", "Mobile", "Text", "Source"]
SIZES = {"desktop": (1440, 900), "tablet": (768, 1024), "mobile": (390, 844)}


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    names = ("chromium", "chromium-browser", "google-chrome")
    executable = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, names)), None)
    if executable is None:
        pytest.skip("no Chromium: install one or name it in the environment variable CHROMIUM")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=executable,
            args=["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"],
        )
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def address(browser: Any) -> Iterator[str]:
    port = free_port()
    with AmpValidator() as validator:
        app = create_app(Alone(), brands(), "https://live.shop.example", validator)
        with web_server(app, port):
            yield f"http://{HOST}:{port}/studio"


@pytest.fixture
def opened(browser: Any, address: str) -> Iterator[Any]:
    """Opens the studio; whatever goes wrong in its console, a violated policy too, is wrong."""
    contexts, wrong = [], []

    def go(query: str = "", *, size: tuple[int, int] = (1440, 900), **options: Any) -> Any:
        context = browser.new_context(viewport={"width": size[0], "height": size[1]}, **options)
        contexts.append(context)
        page = context.new_page()
        page.on(
            "console", lambda told: wrong.append(told.text) if told.type in ("error", "warning") else None
        )
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("requestfailed", lambda request: wrong.append(request.url) if lost(request) else None)
        page.goto(address + query)
        made(page)
        return page

    yield go
    for context in contexts:
        context.close()
    assert wrong == []


def lost(request: Any) -> bool:
    """Whether a request failed by itself: one for an email that is no longer wanted is called off."""
    return "ERR_ABORTED" not in (request.failure or "")


def made(page: Any) -> None:
    expect(page.locator("#verdict")).to_have_text(re.compile("good|error|warning|hint"), timeout=PATIENCE_MS)


def frame(page: Any, panel: str) -> Any:
    return page.frame_locator(f"#panel-{panel} .screen >> nth=0 >> iframe:not(.coming)")


def test_each_tab_shows_the_email_in_its_way(opened: Any) -> None:
    page = opened("?template=price_drop")
    for view in ("amp", "html", "images-off", "dark", "mobile"):
        page.locator(f"#tab-{view}").click()
        expect(frame(page, view).get_by_text("Now for less").first).to_be_visible(timeout=PATIENCE_MS)
    page.get_by_role("tab", name="Text").click()
    expect(page.locator("#text")).to_contain_text("Lambswool throw, moss")
    page.get_by_role("tab", name="Source").click()
    expect(page.locator("#code")).to_contain_text("<html ⚡4email")


def test_its_frames_can_do_nothing(opened: Any) -> None:
    page = opened("#all")
    sandboxes = page.eval_on_selector_all(
        "iframe", "frames => frames.map(one => one.getAttribute('sandbox'))"
    )
    assert set(sandboxes) == {"allow-same-origin"}


def test_tabs_follow_the_arrow_keys(opened: Any) -> None:
    page = opened()
    page.get_by_role("tab", name="Side by side").focus()
    seen = []
    for key in ("ArrowRight", "End", "ArrowRight", "ArrowLeft", "Home", "ArrowRight", "ArrowRight"):
        page.keyboard.press(key)
        tab = page.locator('[role="tab"][aria-selected="true"]')
        expect(tab).to_be_focused()
        expect(page.locator(f"#{tab.get_attribute('aria-controls')}")).to_be_visible()
        seen.append(tab.text_content())
    assert seen == ["AMP", "Source", "Side by side", "Source", "Side by side", "AMP", "HTML"]
    assert page.locator('[role="tab"]').all_text_contents() == VIEWS


def test_everything_is_chosen_with_the_keyboard_alone(opened: Any) -> None:
    page = opened()
    page.locator('input[name="template"]:checked').focus()
    page.keyboard.press("ArrowDown")
    expect(page.locator("#subject")).to_contain_text("in your cart", timeout=PATIENCE_MS)
    page.keyboard.press("Tab")
    expect(page.locator("#brand")).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(page.locator("#sender")).to_have_text("Nightjar", timeout=PATIENCE_MS)
    for _ in range(2):
        page.keyboard.press("Tab")
    expect(page.locator("#service")).to_be_focused()
    page.keyboard.type("Spark")
    expect(page.locator("#download-hint")).to_contain_text(
        "abandoned_cart-sparkpost.zip", timeout=PATIENCE_MS
    )


def test_where_the_focus_is_can_be_seen(opened: Any) -> None:
    page = opened()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the email")).to_be_focused()
    for _ in range(3):
        page.keyboard.press("Tab")
    outlined = "() => getComputedStyle(document.activeElement.nextElementSibling ?? document.activeElement)"
    assert page.evaluate(f"({outlined})().outlineStyle") == "solid"


def test_a_choice_can_be_passed_on_by_its_address(opened: Any) -> None:
    page = opened("?template=back_in_stock&brand=nightjar&service=braze&light.accent=884400")
    expect(page.locator('input[name="template"]:checked')).to_have_value("back_in_stock")
    expect(page.locator("#brand")).to_have_value("nightjar")
    expect(page.locator("#service")).to_have_value("braze")
    expect(page.locator('input[name="light.accent"]')).to_have_value("#884400")


def test_a_colour_is_judged_at_once_and_a_finding_leads_to_its_line(opened: Any) -> None:
    page = opened()
    page.locator(".colours summary").click()
    page.locator('input[name="light.accent"]').fill("#f3d25b")
    expect(page.locator("#verdict")).to_contain_text("warning", timeout=PATIENCE_MS)
    expect(page.locator("#contrasts-light .low").first).to_contain_text("too low")
    page.locator(".to-line").first.click()
    expect(page.locator("#code .marked")).to_be_visible()
    expect(page.locator("#code")).to_be_focused()
    page.locator("#reset").click()
    expect(page.locator("#contrasts-light .low")).to_have_count(0, timeout=PATIENCE_MS)


def test_the_download_is_what_the_service_takes(opened: Any, tmp_path: Path) -> None:
    page = opened("?template=post_purchase&service=mailgun")
    with page.expect_download() as started:
        page.locator("#download").click()
    assert started.value.suggested_filename == "post_purchase-mailgun.zip"
    started.value.save_as(tmp_path / "taken.zip")
    with zipfile.ZipFile(tmp_path / "taken.zip") as archive:
        payload = json.loads(archive.read("post_purchase-mailgun/payload.json"))
    assert "%recipient.evermail_slots%" in json.dumps(payload)


def test_what_goes_wrong_is_told_and_can_be_tried_again(opened: Any) -> None:
    page = opened()
    answer = {"error": {"code": "storeerror", "message": "the store does not answer: it is away"}}
    page.evaluate(
        """answer => {
            const real = window.fetch;
            window.fetch = (...given) => String(given[0]).includes("api/proof")
                ? Promise.resolve(new Response(JSON.stringify(answer), { status: 503 })) : real(...given);
            window.mend = () => { window.fetch = real; };
        }""",
        answer,
    )
    page.locator("label", has_text="Price drop").click()
    expect(page.locator("#failed")).to_contain_text("the store does not answer: it is away")
    page.evaluate("mend()")
    page.get_by_role("button", name="Try again").click()
    expect(page.locator("#failed")).to_be_hidden(timeout=PATIENCE_MS)
    expect(page.locator("#subject")).to_contain_text("Now", timeout=PATIENCE_MS)


def test_the_old_email_stays_until_the_new_one_is_there(opened: Any) -> None:
    page = opened("#amp")
    page.evaluate(
        """() => {
            window.empty = 0;
            const screen = document.querySelector("#panel-amp .screen");
            new MutationObserver(() => {
                if (!screen.querySelector("iframe:not(.coming)")) window.empty += 1;
            }).observe(screen, { childList: true, subtree: true, attributes: true });
        }"""
    )
    page.locator("label", has_text="Price drop").click()
    expect(frame(page, "amp").get_by_text("Now for less").first).to_be_visible(timeout=PATIENCE_MS)
    assert page.evaluate("window.empty") == 0
    expect(page.locator("#panel-amp iframe")).to_have_count(1)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
def test_it_fits_every_window_and_has_its_picture_taken(
    opened: Any, tmp_path: Path, size: str, scheme: str
) -> None:
    page = opened("?template=abandoned_cart", size=SIZES[size], color_scheme=scheme)
    expect(frame(page, "all").get_by_text("Still in your cart").first).to_be_visible(timeout=PATIENCE_MS)
    taken = page.screenshot(path=tmp_path / f"studio-{size}-{scheme}.png", full_page=True)
    assert len(taken) > 20_000
    assert page.evaluate("document.documentElement.scrollWidth") == SIZES[size][0]
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (sum(map(int, re.findall(r"\d+", ground)[:3])) < 200) is (scheme == "dark")
