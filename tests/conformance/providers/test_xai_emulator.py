"""xAI's emulator against its documents: a raw client, since the vendor has none for speech.

What the socket says is checked against schemas that follow xAI's own description of it.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

import aiohttp
import jsonschema_rs
import pytest

from tests.support.decoding import decoded
from tests.support.emulated import deserted
from voxgate.audio import g711
from voxgate.testing.emulators.base import Faults
from voxgate.testing.emulators.xai import XaiEmulator
from voxgate.testing.scripted import CHARACTER_MS, read_back

pytestmark = pytest.mark.virtual_time

TEXT = "Sixty characters make two point four seconds of these tones."


def message(name: str, required: list[str], **properties: Any) -> jsonschema_rs.Validator:
    fields = {"type": {"const": name}, **properties}
    return jsonschema_rs.validator_for(
        {
            "type": "object",
            "required": ["type", *required],
            "properties": fields,
            "additionalProperties": False,
        }
    )


STRING, NUMBER = {"type": "string"}, {"type": "number"}
TIMES = {
    "type": "object",
    "required": ["graph_chars", "graph_times"],
    "properties": {
        "graph_chars": {"type": "array", "items": STRING},
        "graph_times": {
            "type": "array",
            "items": {"type": "array", "items": NUMBER, "minItems": 2, "maxItems": 2},
        },
    },
}
SERVER = {
    "audio.delta": message(
        "audio.delta", ["delta"], delta=STRING, audio_timestamps=TIMES, audio_duration=NUMBER
    ),
    "audio.done": message("audio.done", ["trace_id"], trace_id=STRING),
    "audio.clear": message("audio.clear", []),
    "error": message("error", ["message"], message=STRING),
}


class Client:
    """Follows the description: text, its end, and then audio up to its end."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket

    async def send(self, name: str, **fields: Any) -> None:
        await self.socket.send_json({"type": name, **fields})

    async def get(self) -> dict[str, Any]:
        event: dict[str, Any] = await self.socket.receive_json(timeout=600)
        SERVER[event["type"]].validate(event)
        return event

    async def until(self, name: str = "audio.done") -> list[dict[str, Any]]:
        events = [await self.get()]
        while events[-1]["type"] != name:
            events.append(await self.get())
        return events

    async def say(self, *deltas: str) -> list[dict[str, Any]]:
        for delta in deltas:
            await self.send("text.delta", delta=delta)
        await self.send("text.done")
        return await self.until()


def sound(events: list[dict[str, Any]]) -> bytes:
    return b"".join(base64.b64decode(event.get("delta", ""), validate=True) for event in events)


@pytest.fixture
async def xai() -> AsyncIterator[XaiEmulator]:
    async with XaiEmulator() as emulator:
        yield emulator


@asynccontextmanager
async def connected(xai: XaiEmulator, key: str | None = None, **query: str) -> AsyncIterator[Client]:
    chosen = {"voice": "eve", "language": "en", "codec": "pcm", "sample_rate": "24000", **query}
    url = f"{xai.ws_url}/v1/tts?{urlencode({k: v for k, v in chosen.items() if v})}"
    headers = {"Authorization": f"Bearer {key or xai.key}"}
    async with aiohttp.ClientSession() as session, session.ws_connect(url, headers=headers) as socket:
        yield Client(socket)


@asynccontextmanager
async def http(xai: XaiEmulator, key: str | None = None) -> AsyncIterator[aiohttp.ClientSession]:
    headers = {"Authorization": f"Bearer {key or xai.key}"}
    async with aiohttp.ClientSession(base_url=xai.base_url, headers=headers) as session:
        yield session


async def test_a_socket_speaks_one_utterance_after_the_other(xai: XaiEmulator) -> None:
    async with connected(xai, speed="1.25", voice="ARA") as client:
        first = await client.say("Sixty characters ", "make two point four ", "seconds of these tones.")
        second = await client.say("And again.")
    assert read_back(sound(first), speed=1.25) == TEXT
    assert read_back(sound(second), speed=1.25) == "And again."
    assert UUID(first[-1]["trace_id"]) != UUID(second[-1]["trace_id"])
    assert [(a.text, a.voice, a.done) for a in xai.asked] == [
        (TEXT, "ara", True),
        ("And again.", "ara", True),
    ]


async def test_speech_begins_while_text_still_comes(xai: XaiEmulator) -> None:
    async with connected(xai) as client:
        await client.send("text.delta", delta="One is done. Two")
        first = await client.get()
        rest = await client.say(" is not.")
        assert read_back(sound([first, *rest])) == "One is done. Two is not."
        await client.send("text.delta", delta="no end " * 15)
        assert (await client.get())["type"] == "audio.delta"


async def test_text_before_the_end_of_the_last_utterance_is_an_error(xai: XaiEmulator) -> None:
    xai.faults = Faults(piece_s=0.05)
    async with connected(xai) as client:
        await client.send("text.delta", delta=TEXT)
        await client.send("text.done")
        await client.send("text.delta", delta="Too early.")
        events = await client.until()
        assert [event["type"] for event in events].count("error") == 1
        assert read_back(sound(events)) == TEXT
        assert read_back(sound(await client.say("Now."))) == "Now."


async def test_an_end_without_text_is_done_at_once(xai: XaiEmulator) -> None:
    async with connected(xai) as client:
        assert [event["type"] for event in await client.say()] == ["audio.done"]


@pytest.mark.parametrize("done", [False, True])
async def test_clear_stops_at_once_and_says_so(xai: XaiEmulator, *, done: bool) -> None:
    xai.faults = Faults(silent_after=4800)
    async with connected(xai) as client:
        await client.send("text.delta", delta=TEXT)
        if done:
            await client.send("text.done")
        await client.get()
        await client.send("text.clear")
        assert (await client.get())["type"] == "audio.clear"
        xai.faults = Faults()
        assert read_back(sound(await client.say("Something else."))) == "Something else."
        await client.send("text.clear")
        assert (await client.get())["type"] == "audio.clear"
    assert [(a.cancelled, a.done) for a in xai.asked] == [(True, False), (False, True)]


async def test_a_stray_end_may_come_before_the_clearing_is_confirmed(xai: XaiEmulator) -> None:
    xai.faults = Faults(silent_after=4800, audio_after_end=True)
    async with connected(xai) as client:
        await client.send("text.delta", delta=TEXT)
        await client.get()
        await client.send("text.clear")
        events = await client.until("audio.clear")
    assert [event["type"] for event in events] == ["audio.delta", "audio.done", "audio.clear"]


async def test_timestamps_tell_when_each_character_is_heard(xai: XaiEmulator) -> None:
    async with connected(xai, with_timestamps="true", speed="0.8") as client:
        await client.send("text.delta", delta="Hello. ")
        await asyncio.sleep(1)
        events = await client.say("You there.")
    deltas = [event for event in events if event["type"] == "audio.delta"]
    assert all({"audio_timestamps", "audio_duration"} <= event.keys() for event in deltas)
    characters = [c for event in deltas for c in event["audio_timestamps"]["graph_chars"]]
    times = [t for event in deltas for t in event["audio_timestamps"]["graph_times"]]
    width_s = CHARACTER_MS / 1000 / 0.8
    assert "".join(characters) == "Hello. You there."
    assert times == [pytest.approx([n * width_s, (n + 1) * width_s]) for n in range(len(times))]


@pytest.mark.parametrize(
    ("query", "key", "status"),
    [
        ({}, "wrong", 400),
        ({"language": ""}, None, 400),
        ({"language": "not a language"}, None, 400),
        ({"voice": "nobody"}, None, 404),
        ({"codec": "opus"}, None, 400),
        ({"codec": "PCM"}, None, 400),
        ({"sample_rate": "32000"}, None, 400),
        ({"bit_rate": "100000"}, None, 400),
        ({"speed": "0.69"}, None, 400),
        ({"speed": "1.51"}, None, 400),
        ({"optimize_streaming_latency": "2"}, None, 400),
        ({"text_normalization": "True"}, None, 400),
        ({"with_timestamps": "1"}, None, 400),
    ],
)
async def test_a_socket_is_refused_before_it_opens(
    xai: XaiEmulator, query: dict[str, str], key: str | None, status: int
) -> None:
    with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
        async with connected(xai, key, **query):
            pass
    assert caught.value.status == status


async def test_no_key_is_another_refusal_than_a_wrong_one(xai: XaiEmulator) -> None:
    async with aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
            await session.ws_connect(f"{xai.ws_url}/v1/tts?language=en")
        assert caught.value.status == 401


@pytest.mark.parametrize(
    "bad",
    [
        "no json",
        '{"type": "text.delta"}',
        '{"type": "text.delta", "delta": 1}',
        '{"type": "text.stop"}',
        '{"type": "text.delta", "delta": "' + "x" * 15_001 + '"}',
    ],
)
async def test_a_bad_message_is_an_error_and_no_end(xai: XaiEmulator, bad: str) -> None:
    async with connected(xai) as client:
        await client.socket.send_str(bad)
        assert (await client.get())["type"] == "error"
        assert read_back(sound(await client.say("Goes on."))) == "Goes on."


async def test_a_failed_synthesis_is_told_and_ends_the_socket(xai: XaiEmulator) -> None:
    xai.faults = Faults(error_after=9600)
    async with connected(xai) as client:
        await client.send("text.delta", delta=TEXT)
        await client.send("text.done")
        events = await client.until("error")
        assert len(sound(events)) == 9600
        assert (await client.socket.receive()).type is aiohttp.WSMsgType.CLOSE


async def test_a_client_that_goes_away_cancels(xai: XaiEmulator) -> None:
    xai.faults = Faults(silent_after=4800)
    async with connected(xai) as client:
        await client.send("text.delta", delta=TEXT)
        await client.get()
    await deserted(xai)
    assert xai.asked[0].cancelled


@pytest.mark.parametrize("codec", ["mp3", "wav", "pcm", "mulaw", "alaw"])
@pytest.mark.parametrize("rate_hz", [8000, 22050, 24000, 48000])
async def test_every_format_sounds_on_both_transports(xai: XaiEmulator, codec: str, rate_hz: int) -> None:
    async with connected(xai, codec=codec, sample_rate=str(rate_hz), bit_rate="192000") as client:
        streamed = sound(await client.say("All of it. ", "And more."))
    output = {"codec": codec, "sample_rate": rate_hz, "bit_rate": 192_000}
    asked = {"text": "All of it. And more.", "language": "en", "output_format": output}
    async with http(xai) as session, session.post("/v1/tts", json=asked) as answer:
        assert answer.status == 200
        whole, media_type = await answer.read(), answer.content_type
    kinds = {"mp3": "audio/mpeg", "mulaw": "audio/basic"}
    assert media_type == kinds.get(codec, f"audio/{codec}")
    for audio in (streamed, whole):
        match codec:
            case "pcm":
                pcm, made_hz = audio, rate_hz
            case "mulaw":
                pcm, made_hz = g711.decode_mulaw(audio), rate_hz
            case "alaw":
                pcm, made_hz = g711.decode_alaw(audio), rate_hz
            case _:
                pcm, made_hz = decoded(audio, codec)
        assert made_hz == rate_hz
        assert read_back(pcm, rate_hz=rate_hz).startswith("All of it. And more.")


async def test_http_speaks_in_mp3_by_default(xai: XaiEmulator) -> None:
    asked = {"text": TEXT, "language": "auto", "speed": 0.7, "text_normalization": True}
    async with http(xai) as session, session.post("/v1/tts", json=asked) as answer:
        pcm, rate_hz = decoded(await answer.read(), "mp3")
    assert rate_hz == 24_000
    assert read_back(pcm, speed=0.7).startswith(TEXT)
    assert (xai.asked[0].voice, xai.asked[0].format) == ("eve", "mp3")


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"text": None}, 400),
        ({"text": "x" * 15_001}, 400),
        ({"language": None}, 400),
        ({"voice_id": "nobody"}, 404),
        ({"output_format": {"sample_rate": 8000}}, 400),
        ({"output_format": {"codec": "aac"}}, 400),
        ({"speed": "fast"}, 400),
        ({"optimize_streaming_latency": 3}, 400),
    ],
)
async def test_http_refuses(xai: XaiEmulator, change: dict[str, Any], status: int) -> None:
    asked = {"text": TEXT, "language": "en", **change}
    async with http(xai) as session, session.post("/v1/tts", json=asked) as answer:
        assert answer.status == status
        assert (await answer.json()).keys() == {"code", "error"}


async def test_voices_are_listed_and_found(xai: XaiEmulator) -> None:
    async with http(xai) as session:
        async with session.get("/v1/tts/voices") as answer:
            voices = (await answer.json())["voices"]
        async with session.get("/v1/tts/voices/REX") as answer:
            assert await answer.json() == {"voice_id": "rex", "name": "Rex", "language": "en"}
        async with session.get("/v1/tts/voices/nobody") as answer:
            assert answer.status == 404
    assert {"eve", "ara", "leo", "rex", "sal"} < {voice["voice_id"] for voice in voices}
    async with http(xai, "wrong") as session, session.get("/v1/tts/voices") as answer:
        assert answer.status == 400
