"""docs/how-to/web.md, step by step: its files, as they stand there, on another origin than voxgate's."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.async_api import expect

from tests.browser.test_talk import ANSWER, agent, microphone
from tests.support.browser import Complaints, forget_heard, listen_to, open_browser, words_heard
from tests.support.server import RunningServer

GUIDE = Path(__file__).parents[2] / "docs" / "how-to" / "web.md"
ADDRESS = "https://voice.example.com"
FILE = re.compile(r"<!-- file: (?P<name>\S+) -->\n```\w+\n(?P<text>.*?)^```$", re.DOTALL | re.MULTILINE)
START_S = 60.0


def write_files(folder: Path, server: RunningServer) -> set[str]:
    """Write the guide's files, with the real address for the made-up one."""
    texts: dict[str, str] = {}
    for found in FILE.finditer(GUIDE.read_text(encoding="utf-8")):
        texts[found["name"]] = texts.get(found["name"], "") + found["text"].replace(ADDRESS, server.url)
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    return set(texts)


@contextmanager
def pages_server(folder: Path, server: RunningServer) -> Iterator[str]:
    """Run the guide's own server, as the guide says."""
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    environment = {
        **os.environ,
        "PORT": str(port),
        "VOXGATE_URL": server.url,
        "VOXGATE_API_KEY": server.key,
    }
    with (folder / "log.txt").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "server.py"], cwd=folder, env=environment, stdout=log, stderr=log
        )
    try:
        until_s = time.monotonic() + START_S
        while True:
            try:
                socket.create_connection(("localhost", port), timeout=1).close()
                break
            except OSError:
                assert process.poll() is None, (folder / "log.txt").read_text()
                assert time.monotonic() < until_s
                time.sleep(0.02)
        yield f"http://localhost:{port}"
    finally:
        process.terminate()
        process.wait()


@pytest.mark.speech
async def test_the_guide_works_as_it_stands(tmp_path: Path) -> None:
    pages, data = tmp_path / "pages", tmp_path / "voxgate"
    pages.mkdir()
    data.mkdir()
    said = await microphone(tmp_path, 3000, "what is the weather tomorrow", 5000)
    async with agent(data) as server, open_browser(microphone=said) as browser:
        assert write_files(pages, server) == {"server.py", "index.html", "app.js"}
        with pages_server(pages, server) as origin:
            page = await browser.new_page()
            complaints = Complaints(page)
            await listen_to(page)
            await page.goto(origin)
            state = page.get_by_role("status")
            await page.get_by_role("button", name="Read it aloud").click()
            await expect(state).to_contain_text("Done; the first sound came after")
            assert await words_heard(page) == "turn on the kitchen light"

            await page.get_by_label("Text").fill("This goes on for a while. " * 20)
            await page.get_by_role("button", name="Read it aloud").click()
            await expect(state).to_have_text("Speaking")
            await page.get_by_role("button", name="Stop").click()
            await expect(state).to_have_text("Stopped")

            await forget_heard(page)
            await page.get_by_role("button", name="Talk").click()
            await expect(page.get_by_role("listitem").nth(0)).to_have_text(
                "You: what is the weather tomorrow"
            )
            await expect(page.get_by_role("listitem").nth(1)).to_have_text(f"Agent: {ANSWER}")
            await expect(state).to_have_text("listening")
            assert await words_heard(page) == "thank you for calling and have a nice day"
            await page.get_by_role("button", name="Hang up").click()
            await expect(state).to_have_text("Hung up")
            assert complaints == []
        log = server.log()
    assert server.key not in log
    assert "token=" not in log
