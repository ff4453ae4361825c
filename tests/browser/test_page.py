"""The demo's page in a real browser, on the real stack: what a visitor sees and does."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from demo.processes import HOST, Child, free_port, port_is_free

sync_api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
expect = sync_api.expect

ROOT = Path(__file__).resolve().parents[2]
READY_S, END_S = 90.0, 30.0
ARRIVES_MS = 30_000
"""Generous, for busy machines. How soon a click arrives is measured elsewhere; here, that it does."""


def command(port: int) -> list[str]:
    return [sys.executable, "-m", "demo.page.serve", "--port", str(port)]


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
    """Where the page is, with everything behind it running."""
    port, ready = free_port(), threading.Event()

    def read(line: str) -> None:
        if line.startswith("Ready"):
            ready.set()

    with Child("the demo", command(port), on_line=read, cwd=ROOT, grace_s=15) as demo:
        demo.wait_until(ready.is_set, timeout_s=READY_S)
        yield f"http://{HOST}:{port}"


@pytest.fixture
def page(browser: Any, address: str) -> Iterator[Any]:
    """The page as a new shopper opens it. Nothing may go wrong in its console."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    page = context.new_page()
    wrong: list[str] = []
    page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.goto(address)
    expect(figure(page, "accepted")).not_to_have_text("–", timeout=ARRIVES_MS)
    yield page
    context.close()
    assert wrong == []


def figure(page: Any, name: str) -> Any:
    return page.locator(f"[data-figure={name}] .value")


def card(page: Any, item_id: str) -> Any:
    return page.locator(f'#range .card[data-item="{item_id}"]')


def reasons(page: Any) -> Any:
    return page.frame_locator("#email").locator(".reason")


def see_the_click_arrive(page: Any) -> None:
    expect(page.locator("#status")).to_have_text(
        re.compile(r"Your click reached the email in \d+\.\d+ s"), timeout=ARRIVES_MS
    )


def test_a_click_on_a_product_shows_in_the_open_email(page: Any) -> None:
    expect(page.locator("#status")).to_have_text("Click a product and watch the email.")
    frame = page.locator("#email").bounding_box()
    card(page, "lighting-1").click()
    see_the_click_arrive(page)
    expect(reasons(page).filter(has_text="Dune table lamp").first).to_be_visible(timeout=ARRIVES_MS)
    expect(page.locator("#source")).to_have_text("Personal")
    expect(page.locator("#history img")).to_have_attribute("alt", "Dune table lamp")
    assert page.locator("#email").bounding_box() == frame, "the layout moved"


def test_a_click_in_the_email_opens_the_product_in_the_shop(page: Any) -> None:
    link = page.frame_locator("#email").locator(".card a").first
    title = link.locator(".name").text_content()
    with page.expect_request("**/api/act") as sent:
        link.click()
    assert json.loads(sent.value.post_data)["action"] == "email_click"
    expect(page.locator("#detail-title")).to_have_text(title)
    see_the_click_arrive(page)


def test_the_amp_document_can_be_read(page: Any) -> None:
    page.get_by_role("tab", name="AMP document").click()
    source = page.locator("#document")
    expect(source).to_contain_text("<html ⚡4email")
    expect(source.locator(".marked").first).to_contain_text("<amp-list")
    expect(source).to_contain_text("{{title}}")


def test_the_fallback_and_the_answer_can_be_seen(page: Any) -> None:
    page.get_by_role("tab", name="HTML fallback").click()
    expect(page.frame_locator("#fallback").get_by_text("Picked for you", exact=True)).to_be_visible()
    page.get_by_role("tab", name="Answer").click()
    expect(page.locator("#answer")).to_contain_text('"source":')
    answer = json.loads("\n".join(page.locator("#answer .line").all_text_contents()))
    assert len(answer["items"]) == 4


def test_a_form_in_the_email_reaches_the_shop(page: Any) -> None:
    email = page.frame_locator("#email")
    email.get_by_role("button", name=re.compile("^Save ")).first.click()
    expect(email.locator("[submit-success]:visible")).to_have_text("Saved", timeout=ARRIVES_MS)
    expect(page.locator("#saved-count")).to_have_text("1")


def test_what_is_not_for_a_shopper_leaves_the_email(page: Any) -> None:
    first = page.frame_locator("#email").locator(".card").first
    title = first.locator(".name").text_content()
    first.get_by_role("button", name="not for me").click()
    titles = page.frame_locator("#email").locator(".name")
    expect(titles.filter(has_text=title)).to_have_count(0, timeout=ARRIVES_MS)
    expect(titles).to_have_count(4)


def test_a_client_without_amp_has_pictures_that_lead_to_what_they_show(page: Any) -> None:
    page.get_by_role("tab", name="HTML fallback").click()
    pictures = page.frame_locator("#fallback").locator('img[src*="slot_image"]')
    expect(pictures).to_have_count(4)
    for number in range(4):
        wide = "image => image.decode().then(() => image.naturalWidth)"
        assert pictures.nth(number).evaluate(wide) == 640
    pictures.nth(1).click()
    expect(page.locator("#detail-title")).to_be_visible(timeout=ARRIVES_MS)


def test_the_studio_follows_the_shop(page: Any) -> None:
    shop = page.context.new_page()
    shop.goto(page.url)
    page.get_by_role("link", name="Studio").click()
    expect(page.locator("#whys li")).to_have_count(4, timeout=ARRIVES_MS)
    card(shop, "garden-8").click()
    expect(page.locator("#whys")).to_contain_text("Hammock", timeout=ARRIVES_MS)
    expect(page.locator("#status")).to_contain_text("the opened email has changed")
    page.get_by_role("link", name="Demo").click()
    expect(page.locator("#history img")).to_have_attribute("alt", "Hammock", timeout=ARRIVES_MS)


def test_tabs_follow_the_arrow_keys(page: Any) -> None:
    def selected() -> str:
        tab = page.locator('[role="tab"][aria-selected="true"]')
        expect(tab).to_be_focused()
        panel = page.locator(f"#{tab.get_attribute('aria-controls')}")
        expect(panel).to_be_visible()
        return str(tab.text_content())

    page.get_by_role("tab", name="Email").focus()
    seen = []
    for key in ("ArrowRight", "ArrowRight", "End", "ArrowRight", "ArrowLeft", "Home"):
        page.keyboard.press(key)
        seen.append(selected())
    assert seen == ["AMP document", "HTML fallback", "Answer", "Email", "Answer", "Email"]


def test_the_shop_works_with_the_keyboard_alone(page: Any) -> None:
    card(page, "kitchen-4").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#detail-title")).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.locator("#add")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#cart-count")).to_have_text("1")
    page.keyboard.press("Escape")
    expect(card(page, "kitchen-4")).to_be_focused()


def test_a_cart_is_filled_and_bought(page: Any) -> None:
    card(page, "desk-2").click()
    page.locator("#add").click()
    expect(page.locator("#cart-count")).to_have_text("1")
    page.locator("#cart-button").click()
    expect(page.locator("#cart-total")).to_have_text("€58.00")
    page.locator("#buy").click()
    expect(page.locator("#cart-count")).to_have_text("0")
    expect(page.locator("#cart")).to_be_hidden()
    see_the_click_arrive(page)


def test_the_back_button_leads_back_to_the_range(page: Any) -> None:
    card(page, "garden-5").click()
    expect(page.locator("#detail-title")).to_have_text("Fire bowl")
    assert page.url.endswith("/p/garden-5")
    page.go_back()
    expect(page.locator("#detail")).to_be_hidden()
    expect(card(page, "garden-5")).to_be_visible()


def test_a_new_shopper_starts_with_nothing(page: Any) -> None:
    card(page, "living-2").click()
    see_the_click_arrive(page)
    before = page.locator("#who").text_content()
    page.get_by_role("button", name="Start as a new shopper").click()
    expect(page.locator("#who")).not_to_have_text(before)
    expect(page.locator("#history-empty")).to_be_visible()
    expect(page.locator("#source")).to_have_text(re.compile("Trending|Static"), timeout=ARRIVES_MS)


def test_the_pipeline_tells_what_became_of_everything(page: Any) -> None:
    for name in ("accepted", "duplicate", "rejected", "profiles"):
        expect(figure(page, name)).to_have_text(re.compile("[1-9]"), timeout=ARRIVES_MS)
    expect(figure(page, "p95")).to_have_text(re.compile(r"\d\.\d\d s"), timeout=ARRIVES_MS)
    page.locator("#codes-button").click()
    expect(page.locator("#codes-list li").first).to_have_text(re.compile(r"^[a-z_0-9]+[1-9]\d*$"))
    page.keyboard.press("Escape")
    expect(page.locator("#codes")).to_be_hidden()


@pytest.mark.parametrize(("width", "height"), [(375, 812), (1024, 768)])
def test_nothing_is_wider_than_the_window(page: Any, width: int, height: int) -> None:
    page.set_viewport_size({"width": width, "height": height})
    card(page, "textiles-1").click()
    see_the_click_arrive(page)
    assert page.evaluate("document.documentElement.scrollWidth") == width


def test_a_busy_port_is_named_at_once(address: str) -> None:
    port = int(address.rpartition(":")[2])
    ended = subprocess.run(command(port), cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 1
    assert f"port {port} is in use" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_part_that_stops_is_named_and_ctrl_c_still_ends_everything(browser: Any) -> None:
    port = free_port()
    demo = subprocess.Popen(
        command(port),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        start_new_session=True,
    )
    watchdog = threading.Timer(READY_S, demo.kill)
    watchdog.start()
    try:
        assert demo.stdout
        assert any(line.startswith("Ready") for line in demo.stdout), "it ended before it was ready"
        watchdog.cancel()
        family = descendants(demo.pid)
        assert len(family) > 3

        page = browser.new_page()
        page.goto(f"http://{HOST}:{port}")
        expect(page.locator("#problem")).to_be_hidden()
        os.kill(next(pid for pid in family if "--target\0evermail" in command_line(pid)), signal.SIGTERM)
        expect(page.locator("#problem")).to_contain_text("The functions ended", timeout=ARRIVES_MS)
        expect(page.locator("#live")).to_have_text("Offline")
        expect(page.locator("#source")).to_have_text("Fallback")

        demo.send_signal(signal.SIGINT)
        output, _ = demo.communicate(timeout=END_S)
        assert demo.returncode == 0
        assert "Traceback" not in output
        assert port_is_free(port)
        assert [pid for pid in family if alive(pid)] == []
        expect(page.locator("#problem-title")).to_have_text("The demo has ended.", timeout=ARRIVES_MS)
        page.close()
    finally:
        watchdog.cancel()
        demo.kill()
        demo.wait()


def descendants(pid: int) -> list[int]:
    """The processes below one, from /proc."""
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:  # it ended meanwhile
            continue
        children.setdefault(int(fields[1]), []).append(int(stat.parent.name))
    found, ahead = [], [pid]
    while ahead:
        below = children.get(ahead.pop(), [])
        found += below
        ahead += below
    return found


def alive(pid: int) -> bool:
    """Whether a process is there and not just waiting to be reaped."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def command_line(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        return ""
