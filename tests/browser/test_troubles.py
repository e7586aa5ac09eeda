"""What can go wrong in a browser is explained where it goes wrong, and mended there when it can be."""

from __future__ import annotations

import asyncio
from pathlib import Path

import numpy as np
from playwright.async_api import expect

from tests.support.browser import open_browser, sign_in, write_microphone
from tests.support.server import RunningServer

# A page that plays without having been touched: it signs in and speaks all by itself, and says when it shows
# trouble. To look at the page from outside would count as touching it.
_BY_ITSELF = """
addEventListener("load", () => setTimeout(() => {
  const note = document.getElementById("speak-trouble");
  new MutationObserver(() => console.log("trouble")).observe(note, { childList: true });
  document.getElementById("key").value = "%s";
  document.getElementById("key-form").requestSubmit();
  const waiting = setInterval(() => {
    if (document.getElementById("view-speak").hidden) return;
    clearInterval(waiting);
    document.getElementById("speak-form").requestSubmit();
  }, 50);
}, 100));
"""


async def test_a_microphone_that_is_not_allowed(shared_server: RunningServer, tmp_path: Path) -> None:
    noise = np.random.default_rng(1).normal(0, 200, 160_000).astype("<i2").tobytes()
    said = write_microphone(tmp_path / "noise.wav", noise)
    async with open_browser(microphone=said, allow_microphone=False) as browser:
        page = await browser.new_page()
        await sign_in(page, shared_server.url, shared_server.key, "talk")
        await page.get_by_role("button", name="Start talking").click()
        note = page.get_by_role("alert").filter(has_text="The microphone is not allowed.")
        await expect(note).to_contain_text("site settings")
        await expect(page.locator("#call-state")).to_have_text("Not connected")
        # Allowed now, the button in the note is enough.
        await page.context.grant_permissions(["microphone"])
        await note.get_by_role("button", name="Try again").click()
        await expect(page.locator("#call-state")).to_have_text("Listening")
        await expect(page.locator("#talk-trouble")).to_be_hidden()
        await page.get_by_role("button", name="Hang up").click()


async def test_no_microphone(shared_server: RunningServer) -> None:
    async with open_browser() as browser:
        page = await browser.new_page()
        await sign_in(page, shared_server.url, shared_server.key, "talk")
        await page.get_by_role("button", name="Start talking").click()
        await expect(page.get_by_role("alert").filter(has_text="No microphone.")).to_be_visible()


async def test_a_microphone_that_gives_nothing(shared_server: RunningServer, tmp_path: Path) -> None:
    said = write_microphone(tmp_path / "silence.wav", bytes(320_000))
    async with open_browser(microphone=said) as browser:
        page = await browser.new_page()
        await sign_in(page, shared_server.url, shared_server.key, "talk")
        await page.get_by_role("button", name="Start talking").click()
        note = page.get_by_role("alert").filter(has_text="Nothing is heard.")
        await expect(note).to_be_visible()
        await page.get_by_role("button", name="Hang up").click()


async def test_sound_that_the_browser_holds_back(shared_server: RunningServer) -> None:
    async with open_browser(arguments=["--autoplay-policy=document-user-activation-required"]) as browser:
        page = await browser.new_page()
        await page.add_init_script(_BY_ITSELF % shared_server.key)
        async with page.expect_console_message(lambda message: message.text == "trouble"):
            await page.goto(shared_server.url)
        note = page.get_by_role("alert").filter(has_text="The browser is holding the sound back.")
        await note.get_by_role("button", name="Turn the sound on").click()
        await expect(page.locator("#speak-trouble")).to_be_hidden()
        await expect(page.locator("#speak-state")).to_contain_text("Finished")


async def test_a_page_that_is_not_secure(shared_server: RunningServer) -> None:
    elsewhere = "--host-resolver-rules=MAP plain.example 127.0.0.1"
    async with open_browser(arguments=[elsewhere]) as browser:
        page = await browser.new_page()
        url = shared_server.url.replace("127.0.0.1", "plain.example")
        await sign_in(page, url, shared_server.key, "talk")
        note = page.get_by_role("alert").filter(has_text="This page has no access to sound.")
        await expect(note).to_contain_text(url)
        await page.get_by_role("link", name="Speak").click()
        await page.get_by_role("button", name="Speak").click()
        await expect(page.get_by_role("alert").filter(has_text="https://")).to_be_visible()


async def test_a_wrong_key(shared_server: RunningServer) -> None:
    async with open_browser() as browser:
        page = await browser.new_page()
        await page.goto(shared_server.url)
        key = page.get_by_label("API key")
        await expect(key).to_be_focused()
        await key.fill("vg_wrong")
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("alert").filter(has_text="does not know this key")).to_be_visible()
        await expect(key).to_be_focused()
        kept = await page.evaluate("() => [{...localStorage}, {...sessionStorage}, document.cookie]")
        assert kept == [{}, {}, ""]


async def test_a_server_that_goes_away(tmp_path: Path) -> None:
    at_once = {"VOXGATE_SERVER__DRAIN_DEADLINE_S": "0"}
    async with open_browser() as browser:
        with RunningServer(tmp_path, environment=at_once) as server:
            page = await browser.new_page()
            await sign_in(page, server.url, server.key)
            await page.get_by_role("combobox", name="Voice").fill("Local.Test.paced")
            await page.keyboard.press("Escape")
            await page.get_by_label("Text").fill("Something that takes a while, and is cut off. " * 20)
            await page.get_by_role("button", name="Speak").click()
            await expect(page.locator("#speak-state")).to_have_text("Speaking")
            server.signal()
            await expect(page.get_by_role("alert").filter(has_text="The connection broke.")).to_be_visible()
            await asyncio.to_thread(server.wait)
            await page.get_by_role("link", name="Watch").click()
            await expect(page.get_by_role("alert").filter(has_text="No connection.")).to_be_visible()
