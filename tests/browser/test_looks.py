"""How the console looks, and how it is used by people who do not see it or use no mouse."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.async_playwright import Axe  # type: ignore[import-untyped] # it has none
from playwright.async_api import Page, expect

from tests.support.browser import Complaints, open_browser, sign_in, write_microphone
from tests.support.server import RunningServer

WIDTHS = {"phone": 360, "tablet": 820, "desk": 1360}
VIEWS = ("speak", "talk", "watch")
ADMIN_KEY = "admin-key-for-tests"
MAX_STEPS = 60


@pytest.fixture(scope="module")
def watched_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server with an admin key."""
    folder = tmp_path_factory.mktemp("watched-server")
    with RunningServer(folder, environment={"VOXGATE_ADMIN_KEY": ADMIN_KEY}) as server:
        yield server


async def go_to(page: Page, view: str) -> None:
    await page.get_by_role("link", name=view.title()).click()
    await page.locator(f"#{view}-title").wait_for()


async def use(page: Page) -> None:
    """Do something in every view, so that there is something to see."""
    await page.get_by_label("Text").fill("A sentence to look at. And then another one, a little longer.")
    await page.get_by_role("button", name="Speak").click()
    await expect(page.locator("#speak-state")).to_have_text("Speaking")
    await page.wait_for_function("() => document.querySelectorAll('#frames tr').length > 10")
    await go_to(page, "watch")
    await expect(page.locator("#tile-utterances")).to_have_text(re.compile(r"\d"))
    await page.get_by_label("Admin key").fill(ADMIN_KEY)
    await page.get_by_role("button", name="Show keys").click()
    await expect(page.locator("#keys-state")).to_contain_text("key")


async def photograph(page: Page, folder: Path, name: str) -> None:
    """Take a picture, and look for what sticks out at the side."""
    await page.screenshot(path=folder / f"{name}.png", full_page=True)
    wider = await page.evaluate("() => document.documentElement.scrollWidth - innerWidth")
    assert wider <= 0, f"{name} is {wider} px too wide"


@pytest.mark.parametrize("theme", ["light", "dark"])
async def test_pictures_and_axe(watched_server: RunningServer, tmp_path: Path, theme: str) -> None:
    """Set VOXGATE_PICTURES to a folder to keep the pictures."""
    folder = Path(os.environ.get("VOXGATE_PICTURES") or tmp_path)
    said = write_microphone(tmp_path / "silence.wav", bytes(3200))
    async with open_browser(microphone=said) as browser:
        page = await browser.new_page(color_scheme="dark" if theme == "dark" else "light")
        complaints = Complaints(page)
        axe, found = Axe(), []
        await page.goto(watched_server.url)
        for width_name, width in WIDTHS.items():
            await page.set_viewport_size({"width": width, "height": 860})
            await photograph(page, folder, f"{theme}-{width_name}-key")
        found.append((await axe.run(page)).response["violations"])
        await sign_in(page, watched_server.url, watched_server.key)
        found.append((await axe.run(page)).response["violations"])
        await use(page)
        for view in VIEWS:
            await go_to(page, view)
            if view == "talk":
                await page.get_by_role("button", name="Start talking").click()
                await expect(
                    page.get_by_role("log", name="Transcript").locator(".said").first
                ).to_be_visible()
            for width_name, width in WIDTHS.items():
                await page.set_viewport_size({"width": width, "height": 860})
                await photograph(page, folder, f"{theme}-{width_name}-{view}")
                if width_name != "tablet":
                    found.append((await axe.run(page)).response["violations"])
        await go_to(page, "speak")
        await page.get_by_role("combobox", name="Voice").click()
        await page.screenshot(path=folder / f"{theme}-desk-voices.png")
        found.append((await axe.run(page)).response["violations"])
        told = {
            f"{each['id']}: {node['html']}"
            for violations in found
            for each in violations
            for node in each["nodes"]
        }
        assert not told, "\n".join(sorted(told))
        assert complaints == []


async def tab_to(page: Page, selector: str) -> None:
    """Press Tab until something has the focus, and see that it shows it."""
    for _ in range(MAX_STEPS):
        await page.keyboard.press("Tab")
        if await page.evaluate("(selector) => document.activeElement?.matches(selector)", selector):
            outline = "() => getComputedStyle(document.activeElement).outlineStyle"
            assert await page.evaluate(outline) != "none", f"{selector} does not show its focus"
            return
    raise AssertionError(f"{selector} cannot be reached with Tab")


async def test_everything_by_keyboard_alone(watched_server: RunningServer, tmp_path: Path) -> None:
    said = write_microphone(tmp_path / "silence.wav", bytes(3200))
    async with open_browser(microphone=said) as browser:
        page = await browser.new_page()
        press = page.keyboard.press
        await page.goto(watched_server.url)
        await expect(page.get_by_label("API key")).to_be_focused()
        await page.keyboard.type(watched_server.key)
        await press("Enter")
        await page.locator("#speak-title").wait_for()

        await tab_to(page, "#text")
        await press("Control+A")
        await page.keyboard.type("Typed with a keyboard, and nothing else. " * 3)
        await tab_to(page, "#voice")
        await page.keyboard.type("local.espeak.de")
        await press("ArrowDown")
        await press("Enter")
        await expect(page.locator("#voice")).to_have_value("Local.Espeak.de")
        await tab_to(page, "#format")
        await press("m")
        await expect(page.locator("#format")).to_have_value("mp3")
        await tab_to(page, "#word-by-word")
        await press("Space")
        await expect(page.locator("#word-by-word")).to_be_checked()
        await press("Control+Enter")
        await expect(page.locator("#speak-state")).to_have_text("Speaking")
        await tab_to(page, "#interrupt")
        await press("Enter")
        await expect(page.locator("#speak-state")).to_contain_text("Interrupted:")
        await expect(page.locator("#speak")).to_be_focused()
        await press("Enter")
        await expect(page.locator("#speak-state")).to_have_text("Speaking")
        await press("Escape")
        await expect(page.locator("#speak-state")).to_contain_text("Interrupted:")
        await tab_to(page, "#frames-scroll")

        await page.reload()  # which forgets the key
        await page.keyboard.type(watched_server.key)
        await press("Enter")
        await page.locator("#speak-title").wait_for()
        await press("Tab")
        await tab_to(page, ".views [href='#talk']")
        await press("Enter")
        await expect(page.locator("#talk-title")).to_be_focused()
        await tab_to(page, "#call-start")
        await press("Enter")
        await expect(page.locator("#call-end")).to_be_focused()
        await expect(page.get_by_role("log", name="Transcript").locator(".said").first).to_be_visible()
        await tab_to(page, "#call-mute")
        await press("Space")
        await expect(page.locator("#call-mute")).to_have_attribute("aria-pressed", "true")
        await press("Shift+Tab")
        await press("Enter")
        await expect(page.locator("#call-state")).to_have_text("Not connected")
        await expect(page.locator("#call-start")).to_be_focused()

        await tab_to(page, ".skip")
        await press("Enter")
        await expect(page.locator("#main")).to_be_focused()
        await tab_to(page, ".views [href='#watch']")
        await press("Enter")
        await expect(page.locator("#tile-utterances")).to_have_text(re.compile(r"\d"))
        await tab_to(page, "#admin-key")
        await page.keyboard.type(ADMIN_KEY)
        await press("Enter")
        await expect(page.locator("#keys-state")).to_contain_text("since the server started")
        await tab_to(page, "#theme")
        await press("Enter")
        await press("Enter")
        await expect(page.locator("html")).to_have_attribute("data-theme", "dark")
        await press("Shift+Tab")
        await press("Enter")
        await expect(page.get_by_label("API key")).to_be_focused()
        await expect(page.locator("#keys tr")).to_have_count(0)


async def test_less_motion_and_the_chosen_theme(watched_server: RunningServer) -> None:
    async with open_browser() as browser:
        context = await browser.new_context(reduced_motion="reduce", color_scheme="dark")
        page = await context.new_page()
        await sign_in(page, watched_server.url, watched_server.key, "talk")
        ring = page.locator(".orb .ring")
        assert await ring.evaluate("(ring) => getComputedStyle(ring).transform") == "none"
        background = "() => getComputedStyle(document.documentElement).backgroundColor"
        dark = await page.evaluate(background)
        theme = page.get_by_role("button", name="Colours: automatic")
        await theme.click()
        assert await page.evaluate(background) != dark
        await page.reload()  # the theme is kept, the key is not
        await expect(page.get_by_role("button", name="Colours: light")).to_be_visible()
        await expect(page.get_by_label("API key")).to_have_value("")
        assert await page.evaluate(background) != dark
