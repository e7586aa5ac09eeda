"""A voice whose vendor takes text as it is written: it gets one text, not one request for each sentence."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect

from tests.support.server import RunningServer
from voxgate.testing.emulators.minimax import EMULATOR
from voxgate.testing.scripted import read_back

VOICE = EMULATOR.voice


@pytest.fixture
async def emulator() -> AsyncIterator[EMULATOR]:
    async with EMULATOR() as running:
        yield running


@asynccontextmanager
async def session(folder: Path, emulator: EMULATOR) -> AsyncIterator[ClientConnection]:
    async with AsyncExitStack() as stack:
        server = RunningServer(
            folder,
            environment={
                "VOXGATE_PROVIDERS__MINIMAX__API_KEY": emulator.key,
                "VOXGATE_PROVIDERS__MINIMAX__BASE_URL": emulator.base_url,
            },
        )
        await asyncio.to_thread(server.__enter__)
        stack.push_async_callback(asyncio.to_thread, server.__exit__, None, None, None)
        url = (
            f"{server.ws_url}/v2/text-to-speech/speech?voice={VOICE}&audio_format=linear16&sample_rate=24000"
        )
        headers = {"Authorization": f"Bearer {server.key}"}
        socket = await stack.enter_async_context(connect(url, additional_headers=headers))
        await socket.send(json.dumps({"text": " "}))
        yield socket


async def until_final(socket: ClientConnection) -> list[dict[str, Any]]:
    frames: list[dict[str, Any]] = []
    while not (frames and frames[-1]["isFinal"]):
        frames.append(json.loads(await socket.recv()))
    return frames


def heard(frames: list[dict[str, Any]]) -> str:
    return read_back(b"".join(base64.b64decode(frame["audio"]) for frame in frames if frame.get("audio")))


async def test_the_vendor_gets_one_text_however_many_sentences_it_has(
    tmp_path: Path, emulator: EMULATOR
) -> None:
    async with session(tmp_path, emulator) as socket:
        for text in ("The qui", "ck brown fox. An", "d then "):
            await socket.send(json.dumps({"text": text}))
        frames = [json.loads(await socket.recv())]  # the second sentence is still written
        assert frames[0]["audio"]
        await socket.send(json.dumps({"text": "it sleeps", "flush": True}))
        frames += await until_final(socket)
        assert heard(frames) == "The quick brown fox. And then it sleeps"
        assert [frame["text"] for frame in frames if frame["text"]] == [heard(frames)]
        assert [asked.text for asked in emulator.asked] == [heard(frames)]

        # The next utterance of the session, and a goodbye that is not flushed.
        for text in ("And then ", "goodbye.", ""):
            await socket.send(json.dumps({"text": text}))
        frames = await until_final(socket)
        assert heard(frames) == "And then goodbye."
        assert len(emulator.asked) == 2


async def test_an_interruption_drops_what_is_still_being_written(tmp_path: Path, emulator: EMULATOR) -> None:
    async with session(tmp_path, emulator) as socket:
        await socket.send(json.dumps({"text": "Nobody wants to hear this any more "}))
        await socket.send(json.dumps({"force": True, "text": "But this."}))
        await socket.send(json.dumps({"text": ""}))
        frames = await until_final(socket)
        assert heard(frames).strip() == "But this."
