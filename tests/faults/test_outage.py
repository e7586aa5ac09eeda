"""A vendor goes down in mid-speech, stays down, comes back: what callers hear, and what is written down."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosedError

from tests.support.server import RunningServer
from tests.support.telnyx_client import audio_of
from voxgate.testing.emulators._openai_dialects import Dialect
from voxgate.testing.emulators.base import NO_FAULTS, Faults
from voxgate.testing.emulators.openai import OpenAIEmulator
from voxgate.testing.scripted import read_back, tones

TEXT = "The caller must hear this."
LONGER = "This is what is said for a while, and then it breaks."
HEARD_FIRST = 24_000
"""Bytes of PCM that come before it breaks: half a second."""


class Gateway:
    """A server with a vendor, another that steps in, and the local stand-in behind both."""

    def __init__(self, folder: Path, first: OpenAIEmulator, spare: OpenAIEmulator) -> None:
        self.first, self.spare = first, spare
        config = folder / "voxgate.toml"
        config.write_text(
            f"""
            [routing]
            fallbacks = ["spare.kokoro.af_bella", "stand-in"]
            [providers.openai]
            api_key = "{first.key}"
            base_url = "{first.base_url}"
            [providers.spare]
            kind = "openai"
            dialect = "kokoro"
            base_url = "{spare.base_url}"
            """
        )
        self.server = RunningServer(folder, environment={"VOXGATE_CONFIG": str(config)})

    async def hear(self, text: str = TEXT, voice: str = "OpenAI.tts-1.alloy") -> list[dict[str, Any]]:
        query = f"voice={voice}&audio_format=linear16&sample_rate=24000&disable_cache=true"
        url = f"{self.server.ws_url}/v2/text-to-speech/speech?{query}"
        headers = {"Authorization": f"Bearer {self.server.key}"}
        frames: list[dict[str, Any]] = []
        with suppress(ConnectionClosedError):  # how a session ends that failed
            async with connect(url, additional_headers=headers) as socket:
                for frame in (" ", text, ""):
                    await socket.send(json.dumps({"text": frame}))
                async for message in socket:
                    frames.append(json.loads(message))
        return frames

    async def figures(self, path: str) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {self.server.key}"}
        async with (
            aiohttp.ClientSession() as http,
            http.get(self.server.url + path, headers=headers) as answer,
        ):
            found: dict[str, Any] = await answer.json()
            return found

    async def waits_s(self) -> float:
        rows = (await self.figures("/v1/capabilities"))["providers"]
        return next(float(row["waits_s"]) for row in rows if row["provider"] == "OpenAI")

    def receipts(self) -> list[dict[str, Any]]:
        lines = (json.loads(line) for line in self.server.log().splitlines() if line.startswith("{"))
        return [line for line in lines if line.get("event") == "utterance"]


@pytest.fixture
async def gateway(tmp_path: Path) -> AsyncIterator[Gateway]:
    async with AsyncExitStack() as stack:
        first = await stack.enter_async_context(OpenAIEmulator())
        spare = await stack.enter_async_context(OpenAIEmulator.suited({"dialect": Dialect.KOKORO}))
        made = Gateway(tmp_path, first, spare)
        await asyncio.to_thread(made.server.__enter__)
        stack.push_async_callback(asyncio.to_thread, made.server.__exit__, None, None, None)
        yield made


def heard(frames: list[dict[str, Any]]) -> str:
    return read_back(audio_of(frames))


async def test_an_outage_from_its_begin_to_its_end(gateway: Gateway) -> None:
    assert heard(await gateway.hear()) == TEXT
    assert (len(gateway.first.asked), len(gateway.spare.asked)) == (1, 0)

    # It breaks off in mid-speech: the caller hears the begin once, and is told; nobody starts from the top.
    gateway.first.faults = Faults(reset_after=HEARD_FIRST)
    frames = await gateway.hear(LONGER)
    said = audio_of(frames)
    assert 0 < len(said) <= HEARD_FIRST
    assert tones(LONGER).startswith(said)
    assert "error" in frames[-1]
    assert not gateway.spare.asked
    assert gateway.receipts()[-1]["outcome"] == "failed"
    assert gateway.receipts()[-1]["error_code"] == "incomplete_audio"

    # It is down: every caller hears all of it, from the other vendor, and after three failures in a row the
    # first is not even asked.
    gateway.first.faults = Faults(refuse_status=500)
    for _ in range(4):
        assert heard(await gateway.hear()) == TEXT
    assert len(gateway.spare.asked) == 4
    assert {receipt["provider"] for receipt in gateway.receipts()[-4:]} == {"spare"}
    assert {receipt["spoken_by"] for receipt in gateway.receipts()[-4:]} == {"spare.kokoro.af_bella"}
    assert await gateway.waits_s() > 0

    # Both are down: the stand-in speaks.
    gateway.spare.faults = Faults(refuse_status=500)
    assert audio_of(await gateway.hear())
    assert gateway.receipts()[-1]["provider"] == "Local.Espeak"

    # It comes back: when the wait is over it is asked again, and speaks.
    gateway.first.faults = gateway.spare.faults = NO_FAULTS
    await asyncio.sleep(await gateway.waits_s())
    assert await gateway.waits_s() == 0
    assert heard(await gateway.hear()) == TEXT
    assert gateway.receipts()[-1]["provider"] == "OpenAI"
    assert (await gateway.figures("/v1/figures"))["outcomes"]["failed"] == 1
    for secret in (gateway.first.key, TEXT, LONGER):
        assert secret not in gateway.server.log()


async def test_over_rest_the_answer_names_who_spoke(gateway: Gateway) -> None:
    gateway.first.faults = Faults(silent_after=0, refuse_status=503)
    body = {"model": "tts-1", "voice": "alloy", "input": TEXT, "response_format": "pcm"}
    headers = {"Authorization": f"Bearer {gateway.server.key}"}
    url = f"{gateway.server.url}/v1/audio/speech"
    async with aiohttp.ClientSession() as http, http.post(url, json=body, headers=headers) as answer:
        assert answer.status == 200
        assert answer.headers["X-Voxgate-Voice"] == "spare.kokoro.af_bella"
        assert read_back(await answer.read()) == TEXT
