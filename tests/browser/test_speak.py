"""The console speaks: what comes out of the loudspeaker, what is shown, and how it is interrupted."""

from __future__ import annotations

import pytest
from playwright.async_api import Page, expect

from tests.support.browser import (
    Complaints,
    forget_heard,
    listen_to,
    open_browser,
    sign_in,
    until_heard,
    words_heard,
)
from tests.support.recognizer import PHRASES
from tests.support.server import RunningServer

LONG = "This sentence goes on and on, so that there is time to speak up in the middle of it. " * 8


async def choose_voice(page: Page, name: str) -> None:
    """Type a voice's name."""
    await page.get_by_role("combobox", name="Voice").fill(name)
    await page.keyboard.press("Escape")


async def speak(page: Page, text: str, **choices: str) -> None:
    """Fill the form in and press the button."""
    await page.get_by_label("Text").fill(text)
    for label, value in choices.items():
        await page.get_by_label(label).select_option(value)
    await page.get_by_role("button", name="Speak").click()


@pytest.mark.speech
async def test_every_format_is_heard(shared_server: RunningServer) -> None:
    formats = {
        "linear16": "24000",
        "mp3": "24000",
        "wav": "22050",
        "mulaw": "16000",
        "alaw": "16000",
        "ogg_vorbis": "44100",
    }
    async with open_browser() as browser:
        page = await browser.new_page()
        complaints = Complaints(page)
        await listen_to(page)
        await sign_in(page, shared_server.url, shared_server.key)
        for phrase, (audio_format, rate) in zip(PHRASES[3:], formats.items(), strict=False):
            await forget_heard(page)
            await speak(page, f"{phrase}.", Format=audio_format, Rate=rate)
            await expect(page.locator("#speak-state")).to_contain_text("Finished")
            assert await words_heard(page) == phrase, audio_format
        assert complaints == []


async def test_figures_waveform_and_frames(shared_server: RunningServer) -> None:
    async with open_browser() as browser:
        page = await browser.new_page()
        await sign_in(page, shared_server.url, shared_server.key)
        await expect(page.locator("#wave-empty")).to_be_visible()
        before = await page.locator("#wave").screenshot()
        await page.get_by_label("word by word").check()
        await speak(page, "One sentence here. Another one there.")
        await expect(page.locator("#speak-state")).to_contain_text("Finished")
        for figure in ("first", "server", "heard", "audio"):
            await expect(page.locator(f"#figure-{figure}")).to_contain_text("s")
        await expect(page.locator("#figure-gaps")).to_have_text("0")
        await expect(page.locator("#figure-silent")).not_to_contain_text("ms")
        assert await page.locator("#wave").screenshot() != before
        rows = await page.locator("#frames tr").all_inner_texts()
        sent = [row for row in rows if "sent" in row]
        assert [row for row in sent if '"One "' in row]  # a word is a frame of its own
        assert '{"text":" "}' in sent[0]
        assert '{"text":""}' in sent[-1]
        assert '"isFinal":true' in rows[-1]
        spoken = [row for row in rows if "Another one there." in row]
        assert len(spoken) == 1


async def test_an_interruption_is_silence(shared_server: RunningServer) -> None:
    async with open_browser() as browser:
        page = await browser.new_page()
        await listen_to(page)
        await sign_in(page, shared_server.url, shared_server.key)
        interrupt = page.get_by_role("button", name="Interrupt")
        await expect(interrupt).to_be_disabled()
        await choose_voice(page, "Local.Test.paced")  # made in real time: there is much left to be stopped
        await speak(page, LONG)
        await expect(page.locator("#speak-state")).to_have_text("Speaking")
        await until_heard(page)
        await interrupt.click()
        await expect(page.locator("#speak-state")).to_contain_text("Interrupted:")
        await expect(page.locator("#figure-silent")).to_contain_text("ms")
        await expect(interrupt).to_be_disabled()
        frames = await page.locator("#frames tr").all_inner_texts()
        assert any('{"force":true}' in row for row in frames)
        # It can speak again, and nothing of before is heard.
        await forget_heard(page)
        await choose_voice(page, "Telnyx.NaturalHD.astra")
        await speak(page, f"{PHRASES[0]}.")
        await expect(page.locator("#speak-state")).to_contain_text("Finished")
        assert await words_heard(page) == PHRASES[0]


async def test_speaking_anew_stops_what_is_being_spoken(shared_server: RunningServer) -> None:
    async with open_browser() as browser:
        page = await browser.new_page()
        await sign_in(page, shared_server.url, shared_server.key)
        await speak(page, LONG)
        await expect(page.locator("#speak-state")).to_have_text("Speaking")
        await speak(page, "Short.")
        await expect(page.locator("#speak-state")).to_contain_text("Finished")


async def test_a_voice_is_found_by_words(shared_server: RunningServer) -> None:
    async with open_browser() as browser:
        page = await browser.new_page()
        await sign_in(page, shared_server.url, shared_server.key)
        voice = page.get_by_role("combobox", name="Voice")
        await expect(voice).to_have_value("Telnyx.NaturalHD.astra")
        await voice.fill("urdu sukhan")
        options = page.get_by_role("option")
        await expect(options.first).to_contain_text("Telnyx.Sukhan.")
        await voice.press("ArrowDown")
        await expect(voice).to_have_attribute("aria-activedescendant", "voice-list-0")
        await voice.press("Enter")
        assert (await voice.input_value()).startswith("Telnyx.Sukhan.")
        await expect(page.locator("#voice-about")).to_contain_text("Urdu")
        await choose_voice(page, "Local.Test.plain")
        await speak(page, "abc")
        await expect(page.locator("#speak-state")).to_contain_text("Finished")


@pytest.mark.parametrize(
    ("voice", "told"),
    [
        ("Telnyx.Ultra.Clara", "is not available over WebSocket"),
        ("Telnyx.NaturalHD.nobody", "It cannot be spoken like that."),
        ("Telnyx.Sukhan.urdu-professor", "it makes 22050"),
        ("Local.Test.fail-3", "Speech failed."),
    ],
)
async def test_failures_are_told_in_place(shared_server: RunningServer, voice: str, told: str) -> None:
    async with open_browser() as browser:
        page = await browser.new_page()
        await sign_in(page, shared_server.url, shared_server.key)
        await choose_voice(page, voice)
        await speak(page, "Hello there.")
        await expect(page.get_by_role("alert").filter(has_text=told)).to_be_visible()
        await expect(page.locator("#speak-state")).to_have_text("Failed")
        await choose_voice(page, "Local.Test.plain")
        await speak(page, "Hello there.")
        await expect(page.locator("#speak-state")).to_contain_text("Finished")
        await expect(page.locator("#speak-trouble")).to_be_hidden()
