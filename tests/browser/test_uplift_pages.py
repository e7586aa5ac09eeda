"""A page of another origin posts straight to Uplift's REST API, as public front ends do."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web
from playwright.async_api import Page

from tests.support.browser import open_browser
from tests.support.server import RunningServer

_ASK = """
async ([url, key, path, body]) => {
  const headers = { "Content-Type": "application/json", Authorization: `Bearer ${key}` };
  const answer = await fetch(url + path, { method: "POST", headers, body: JSON.stringify(body) });
  const told = Object.fromEntries(answer.headers);
  const type = answer.headers.get("content-type");
  const content = type.startsWith("audio/") ? (await answer.arrayBuffer()).byteLength : await answer.json();
  return [answer.status, told, content];
}
"""
_PLAY = """
async (source) => {
  const audio = new Audio(source);
  await new Promise((resolve, reject) => { audio.oncanplaythrough = resolve; audio.onerror = reject; });
  return audio.duration;
}
"""


@asynccontextmanager
async def foreign_page() -> AsyncIterator[Page]:
    """Stand on a page of another origin, on this machine too: others need a leave of their own for that."""

    async def answer(request: web.Request) -> web.Response:
        return web.Response(text="<!doctype html><title>app</title>", content_type="text/html")

    app = web.Application()
    app.router.add_get("/", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        async with open_browser() as browser:
            page = await browser.new_page()
            await page.goto(f"http://localhost:{runner.addresses[0][1]}/")
            yield page
    finally:
        await runner.cleanup()


async def test_it_reads_audio_headers_and_refusals(shared_server: RunningServer) -> None:
    body = {"text": "Hello there.", "voiceId": "Local.Test.plain", "outputFormat": "MP3_22050_64"}
    async with foreign_page() as page:

        async def ask(path: str, sent: object, key: str = shared_server.key) -> list[object]:
            answer: list[object] = await page.evaluate(_ASK, [shared_server.url, key, path, sent])
            return answer

        status, told, size = await ask("/v1/synthesis/text-to-speech", body)
        assert status == 200
        assert isinstance(size, int)
        assert size > 1000
        assert isinstance(told, dict)
        assert float(told["x-uplift-ai-audio-duration"]) > 400
        assert told["x-uplift-ai-request-id"]
        status, _, problem = await ask("/v1/synthesis/text-to-speech", {"text": ""})
        assert (status, isinstance(problem, dict) and problem["statusCode"]) == (400, 400)
        status, _, problem = await ask("/v1/synthesis/text-to-speech", body, key="wrong")
        assert status == 401


async def test_it_plays_audio_by_its_address(shared_server: RunningServer) -> None:
    body = {"text": "Hello there.", "voiceId": "Local.Test.plain", "outputFormat": "MP3_22050_64"}
    async with foreign_page() as page:
        _, _, media = await page.evaluate(
            _ASK, [shared_server.url, shared_server.key, "/v1/synthesis/text-to-speech-async", body]
        )
        source = f"{shared_server.url}/v1/synthesis/stream-audio/{media['mediaId']}?token={media['token']}"
        assert 0.4 < await page.evaluate(_PLAY, source) < 0.7
