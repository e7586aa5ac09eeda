"""The console talks: a microphone that hears speech, an agent that answers, and who interrupts whom."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

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
    write_microphone,
)
from tests.support.server import RunningServer
from tests.support.speech import local_voice, say

ANSWER = "Thank you for calling and have a nice day."
AGENTS = """
[agents.default]
persona = "{persona}"
"""
PERSONA = f"""
name = "Test"
not_understood = ["Read me the latest news."]

[[intents]]
phrases = ["what is the weather tomorrow"]
answers = ["{ANSWER}"]

[[intents]]
phrases = ["tell me a story about a dragon"]
answers = ["{"Once there was a ship that sailed, and sailed, and sailed, over every sea. " * 6}"]
"""
MS = bytes(32)
"""A millisecond of silence at 16 kHz."""


@asynccontextmanager
async def agent(folder: Path) -> AsyncIterator[RunningServer]:
    """Run a server whose agent says little, and waits to be spoken to."""
    persona, agents = folder / "persona.toml", folder / "agents.toml"
    persona.write_text(PERSONA)
    agents.write_text(AGENTS.format(persona=persona))
    with RunningServer(folder, environment={"VOXGATE_AGENTS__PROFILES": str(agents)}) as server:
        yield server


async def microphone(folder: Path, *parts: str | int) -> Path:
    """Write what is said: texts, and milliseconds of silence."""
    async with local_voice() as voice:
        pcm = [MS * part if isinstance(part, int) else await say(voice, part) for part in parts]
    return write_microphone(folder / "microphone.wav", b"".join(pcm))


async def start(page: Page, server: RunningServer) -> None:
    await listen_to(page)
    await sign_in(page, server.url, server.key, "talk")
    await page.get_by_role("button", name="Start talking").click()


@pytest.mark.speech
async def test_a_spoken_question_is_heard_and_answered(tmp_path: Path) -> None:
    said = await microphone(tmp_path, 4000, "what is the weather tomorrow", 6000)
    async with agent(tmp_path) as server, open_browser(microphone=said) as browser:
        page = await browser.new_page()
        complaints = Complaints(page)
        await start(page, server)
        state = page.locator("#call-state")
        await expect(state).to_have_text("Listening")
        await expect(page.get_by_role("link", name="Talk")).to_have_class("on-air")
        await expect(state).to_have_text("Hearing you")
        level = page.get_by_role("meter", name="Microphone")
        assert int(await level.get_attribute("aria-valuenow") or 0) >= 0
        transcript = page.get_by_role("log", name="Transcript")
        await expect(transcript.locator(".caller .said")).to_have_text("what is the weather tomorrow")
        await expect(transcript.locator(".agent .said")).to_have_text(ANSWER)
        await expect(state).to_have_text("Speaking")
        await expect(state).to_have_text("Listening")
        assert await words_heard(page) == "thank you for calling and have a nice day"
        (turn,) = await page.locator("#turns tr").all()
        times = [int(cell.replace(",", "")) for cell in await turn.locator(".number").all_inner_texts()]
        assert len(times) == 4
        assert all(time >= 0 for time in times)
        assert times[3] == max(times)
        await page.get_by_role("button", name="Hang up").click()
        await expect(page.locator("#call-about")).to_have_text("You hung up.")
        await expect(page.get_by_role("button", name="Start talking")).to_be_focused()
        assert complaints == []


@pytest.mark.speech
async def test_speaking_up_stops_the_agent(tmp_path: Path) -> None:
    said = await microphone(
        tmp_path, 4000, "tell me a story about a dragon", 5000, "what is the weather tomorrow", 6000
    )
    async with agent(tmp_path) as server, open_browser(microphone=said) as browser:
        page = await browser.new_page()
        await start(page, server)
        answers = page.get_by_role("log", name="Transcript").locator(".agent .said")
        await expect(answers).to_contain_text("Once there was a ship")
        await expect(page.locator("#call-state")).to_have_text("Speaking")
        await until_heard(page)
        await expect(answers.first).to_contain_text("— interrupted")
        await forget_heard(page)
        # What is heard from now on is the next answer, and nothing of the story.
        await expect(answers.nth(1)).to_have_text(ANSWER)
        await expect(page.locator("#call-state")).to_have_text("Listening")
        assert await words_heard(page) == "thank you for calling and have a nice day"


async def test_mute_and_another_call(tmp_path: Path) -> None:
    said = await microphone(tmp_path, 3000)
    async with agent(tmp_path) as server, open_browser(microphone=said) as browser:
        page = await browser.new_page()
        await start(page, server)
        state = page.locator("#call-state")
        await expect(state).to_have_text("Listening")
        mute = page.get_by_role("button", name="Mute")
        await mute.click()
        await expect(mute).to_have_attribute("aria-pressed", "true")
        await expect(state).to_have_text("Listening (muted)")
        await mute.click()
        await expect(state).to_have_text("Listening")
        await page.get_by_role("button", name="Hang up").click()
        await expect(state).to_have_text("Not connected")
        await page.get_by_role("button", name="Start talking").click()
        await expect(state).to_have_text("Listening")
        # The call goes on while something else is looked at, and ends with the key.
        await page.get_by_role("link", name="Watch").click()
        await expect(page.locator("#tile-sessions")).to_have_text("1")
        await page.get_by_role("button", name="Forget key").click()
        await expect(page.get_by_label("API key")).to_be_focused()
        await sign_in(page, server.url, server.key, "watch")
        await expect(page.locator("#tile-sessions")).to_have_text("0")
