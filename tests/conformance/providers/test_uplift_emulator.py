"""The emulator of Uplift, by a client written from the vendor's pages and SDK, and by voxgate's own.

The SDK is on no registry; the plugin of a voice framework speaks Socket.IO only. voxgate's client was written
against voxgate's own door, by the same pages.
"""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest

from tests.support.emulated import deserted
from tests.support.listening import decode, seconds
from voxgate.client import uplift as voxgate_client
from voxgate.testing.emulators.base import Faults
from voxgate.testing.emulators.uplift import UpliftEmulator
from voxgate.testing.scripted import read_back, tones

pytestmark = pytest.mark.virtual_time

TEXT = "Sixty characters make two point four seconds of these tones."
PCM = tones(TEXT, rate_hz=22_050)
FORMATS = {
    "PCM_22050_16": "audio/pcm",
    "WAV_22050_16": "audio/wav",
    "WAV_22050_32": "audio/wav",
    "MP3_22050_32": "audio/mpeg",
    "MP3_22050_64": "audio/mpeg",
    "MP3_22050_128": "audio/mpeg",
    "OGG_22050_16": "audio/ogg",
    "ULAW_8000_8": "audio/x-mulaw",
}
PATH = "/v1/text-to-speech/multi-stream"
SPEECH = "/v1/synthesis/text-to-speech"


class Client:
    """One connection; messages are sorted by request."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket

    async def synthesize(self, request_id: str, text: str = TEXT, **fields: Any) -> None:
        await self.send(type="synthesize", requestId=request_id, text=text, **fields)

    async def send(self, **fields: Any) -> None:
        await self.socket.send_str(json.dumps(fields))

    async def next(self) -> dict[str, Any]:
        frame = await self.socket.receive()
        assert frame.type is aiohttp.WSMsgType.TEXT, frame
        message: dict[str, Any] = json.loads(frame.data)
        return message

    async def collect(self, *request_ids: str) -> dict[str, bytes]:
        """Wait for the end of requests, whose messages must be in order; return their audio."""
        audio: dict[str, bytes] = {}
        sequences = dict.fromkeys(request_ids, 0)
        left = set(request_ids)
        while left:
            message = await self.next()
            request_id = message["requestId"]
            match message:
                case {"type": "audio_start", "timestamp": int()}:
                    assert request_id not in audio
                    audio[request_id] = b""
                case {"type": "audio", "audio": str(piece), "sequence": int(sequence)}:
                    assert sequence == sequences[request_id]
                    sequences[request_id] += 1
                    audio[request_id] += base64.b64decode(piece, validate=True)
                case {"type": "audio_end", "timestamp": int()}:
                    left.remove(request_id)
                case _:
                    raise AssertionError(message)
        return audio

    async def error(self, request_id: str | None = None) -> str:
        """Return the code of the next message, an error."""
        message = await self.next()
        assert message.keys() == {"type", "code", "message"} | ({"requestId"} if request_id else set())
        assert (message["type"], message.get("requestId")) == ("error", request_id)
        code: str = message["code"]
        return code


@asynccontextmanager
async def connected(
    faults: Faults | None = None, **options: Any
) -> AsyncIterator[tuple[UpliftEmulator, Client]]:
    async with (
        UpliftEmulator(faults=faults or Faults(), **options) as emulator,
        aiohttp.ClientSession(headers={"Authorization": f"Bearer {emulator.key}"}) as http,
        http.ws_connect(emulator.ws_url + PATH) as socket,
    ):
        client = Client(socket)
        ready = await client.next()
        assert ready.keys() == {"type", "sessionId"}
        yield emulator, client


@pytest.mark.parametrize("name", FORMATS)
async def test_every_format_is_a_file_of_its_own(name: str) -> None:
    async with connected() as (emulator, client):
        await client.synthesize("one", outputFormat=name, voiceId="v_meklc281")
        audio = (await client.collect("one"))["one"]
        (asked,) = emulator.asked
        assert (asked.text, asked.voice, asked.format, asked.done) == (TEXT, "v_meklc281", name, True)
    raw_hz = 8000 if name == "ULAW_8000_8" else 22_050
    assert seconds(audio, FORMATS[name], raw_hz) == pytest.approx(len(TEXT) * 0.04, rel=0.05)
    if name.startswith("WAV"):
        assert (audio[36:40], audio[20:22]) == (b"data", b"\x01\x00")
        assert read_back(decode(audio, "audio/wav"), rate_hz=16_000) == TEXT


async def test_requests_run_at_the_same_time() -> None:
    async with connected(Faults(piece_s=0.1)) as (_, client):
        await client.synthesize("one")
        await client.synthesize("two", "Short.")
        first = [(await client.next())["requestId"] for _ in range(4)]
        assert sorted(first) == ["one", "one", "two", "two"]
    async with connected() as (_, client):
        await client.synthesize("one")
        await client.synthesize("two", "Short.")
        assert await client.collect("one", "two") == {"one": PCM, "two": tones("Short.", rate_hz=22_050)}


async def test_a_cancelled_request_is_never_heard_of_again() -> None:
    async with connected(Faults(piece_s=1.0)) as (emulator, client):
        await client.synthesize("one")
        assert (await client.next())["type"] == "audio_start"
        await client.send(type="cancel", requestId="one")
        await client.send(type="cancel", requestId="unknown")
        await client.synthesize("two", "Short.")
        while (message := await client.next())["requestId"] == "one":
            assert message["type"] == "audio"
        assert message["type"] == "audio_start"
        while message["type"] != "audio_end":
            message = await client.next()
            assert message["requestId"] == "two"
        assert [asked.cancelled for asked in emulator.asked] == [True, False]


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"text": ""}, "synthesis_failed"),
        ({"text": None}, "synthesis_failed"),
        ({"text": "x" * 10_001}, "text_too_long"),
        ({"outputFormat": "MP3_22050_96"}, "synthesis_failed"),
        ({"voiceId": "v_nobody00"}, "synthesis_failed"),
        ({"speed": 9}, "synthesis_failed"),
    ],
)
async def test_a_request_that_is_refused(fields: dict[str, Any], code: str) -> None:
    async with connected() as (emulator, client):
        await client.synthesize("one", **{"text": TEXT, **fields})
        assert await client.error("one") == code
        await client.synthesize("two", "Short.")
        assert (await client.collect("two"))["two"]
        assert len(emulator.asked) == 1


async def test_an_unknown_voice_may_be_passed_over_in_silence() -> None:
    async with connected(silent=True) as (_, client):
        await client.synthesize("one", voiceId="v_nobody00")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(100):
                await client.next()


async def test_an_id_is_used_once() -> None:
    async with connected() as (_, client):
        await client.synthesize("one", "Short.")
        await client.collect("one")
        await client.synthesize("one")
        assert await client.error("one") == "duplicate_request"


async def test_what_is_no_message() -> None:
    async with connected() as (_, client):
        for text in ("{", "[]", "{}", '{"type": "dance", "requestId": 1}'):
            await client.socket.send_str(text)
            assert await client.error() == "synthesis_failed"
        await client.send(type="dance", requestId="one")
        assert await client.error("one") == "synthesis_failed"


async def test_limits_of_a_connection() -> None:
    async with connected() as (_, client):
        names = [f"request-{number}" for number in range(60)]
        for name in names:
            await client.synthesize(name, "x")
        await client.collect(*names)
        await client.synthesize("more", "x")
        assert await client.error("more") == "rate_limit_exceeded"
        for _ in range(101):
            await client.send(type="cancel", requestId="none")
        assert await client.error("none") == "rate_limit_exceeded"
        await asyncio.sleep(61)
        await client.synthesize("later", "x")
        await client.collect("later")


async def test_a_failure_ends_its_request_alone() -> None:
    async with connected(Faults(error_after=9600)) as (emulator, client):
        await client.synthesize("one")
        kinds = [(await client.next())["type"] for _ in range(3)]
        assert kinds == ["audio_start", "audio", "audio"]
        assert await client.error("one") == "synthesis_failed"
        emulator.faults = Faults()
        await client.synthesize("two", "Short.")
        await client.collect("two")


async def test_a_client_that_leaves_is_noticed() -> None:
    async with connected(Faults(piece_s=1.0)) as (emulator, client):
        await client.synthesize("one")
        await client.next()
        await client.socket.close()
        await deserted(emulator)
        assert emulator.asked[0].cancelled


async def test_a_wrong_key_is_refused_before_the_upgrade() -> None:
    async with UpliftEmulator() as emulator, aiohttp.ClientSession() as http:
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await http.ws_connect(emulator.ws_url + PATH, headers={"Authorization": "Bearer wrong"})
        assert refused.value.status == 401
        async with http.post(emulator.base_url + SPEECH, json={}) as answer:
            assert answer.status == 401
            assert (await answer.json()).keys() == {"statusCode", "message"}
            assert answer.headers["x-uplift-ai-request-id"]


@asynccontextmanager
async def asking(emulator: UpliftEmulator) -> AsyncIterator[aiohttp.ClientSession]:
    headers = {"Authorization": f"Bearer {emulator.key}"}
    async with aiohttp.ClientSession(emulator.base_url, headers=headers) as http:
        yield http


@pytest.mark.parametrize("name", FORMATS)
async def test_rest_in_every_format(name: str) -> None:
    async with UpliftEmulator() as emulator, asking(emulator) as http:
        async with http.post(
            SPEECH, json={"text": TEXT, "outputFormat": name, "voiceId": "helpdesk-agent"}
        ) as answer:
            audio = await answer.read()
            assert (answer.status, answer.content_type) == (200, FORMATS[name])
            assert answer.headers["x-uplift-ai-audio-duration"] == str(len(TEXT) * 40)
        rate_hz = int(answer.headers["x-uplift-ai-sample-rate"])
        assert seconds(audio, FORMATS[name], rate_hz) == pytest.approx(len(TEXT) * 0.04, rel=0.05)


async def test_rest_streams() -> None:
    async with UpliftEmulator(faults=Faults(piece_s=1.0)) as emulator, asking(emulator) as http:
        async with http.post(
            f"{SPEECH}/stream", json={"text": TEXT, "outputFormat": "PCM_22050_16"}
        ) as answer:
            assert "x-uplift-ai-audio-duration" not in answer.headers
            assert await answer.content.readexactly(4800) == PCM[:4800]
        await deserted(emulator)
        assert emulator.asked[0].cancelled


@pytest.mark.parametrize("path", [f"{SPEECH}-async", f"{SPEECH}/stream-async"])
async def test_rest_keeps_audio_to_be_fetched(path: str) -> None:
    async with UpliftEmulator() as emulator, asking(emulator) as http, aiohttp.ClientSession() as stranger:
        async with http.post(path, json={"text": TEXT, "outputFormat": "PCM_22050_16"}) as answer:
            media = await answer.json()
        url = f"{emulator.base_url}/v1/synthesis/stream-audio/{media['mediaId']}"
        async with stranger.get(url, params={"token": media["token"]}) as answer:
            assert await answer.read() == PCM
        async with http.get(f"/v1/synthesis/stream-audio/{media['mediaId']}") as answer:
            assert await answer.read() == PCM
        async with stranger.get(url, params={"token": "wrong"}) as answer:
            assert answer.status == 401


@pytest.mark.parametrize(
    "fields",
    [
        {"text": TEXT},
        {"outputFormat": "PCM_22050_16"},
        {"text": TEXT, "outputFormat": "PCM_22050_16", "voiceId": "v_nobody00"},
        {"text": "x" * 10_001, "outputFormat": "PCM_22050_16"},
        [],
    ],
)
async def test_rest_refuses(fields: Any) -> None:
    async with UpliftEmulator() as emulator, asking(emulator) as http:
        async with http.post(SPEECH, json=fields) as answer:
            assert (answer.status, (await answer.json())["statusCode"]) == (400, 400)
        assert emulator.asked == []


async def test_rest_takes_150_requests_a_minute() -> None:
    async with UpliftEmulator() as emulator, asking(emulator) as http:
        statuses = []
        for _ in range(151):
            async with http.post(SPEECH, json={"text": "x", "outputFormat": "ULAW_8000_8"}) as answer:
                await answer.read()
                statuses.append(answer.status)
        assert statuses == [200] * 150 + [429]
        assert answer.headers["Retry-After"] == "60"


async def test_voxgates_own_client() -> None:
    async with (
        UpliftEmulator() as emulator,
        voxgate_client.connect(emulator.base_url, emulator.key) as connection,
    ):
        speech = await connection.speak(TEXT)
        audio = b"".join([event.data async for event in speech if isinstance(event, voxgate_client.Audio)])
        assert audio == PCM
