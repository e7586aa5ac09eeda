"""The emulator of OpenAI's speech endpoint and its dialects, by OpenAI's own client and a raw WebSocket."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import openai
import pytest

from tests.support.emulated import deserted
from tests.support.listening import decode, seconds
from voxgate.testing.emulators.base import Faults
from voxgate.testing.emulators.openai import Dialect, OpenAIEmulator
from voxgate.testing.scripted import read_back, tones

pytestmark = pytest.mark.virtual_time

TEXT = "Sixty characters make two point four seconds of these tones."
SPEECH = {"model": "tts-1", "voice": "alloy", "input": TEXT}
MEDIA_TYPES = {
    "mp3": "audio/mpeg",
    "opus": "audio/opus",
    "aac": "audio/aac",
    "flac": "audio/flac",
    "wav": "audio/wav",
    "pcm": "audio/pcm",
}


@asynccontextmanager
async def client_of(emulator: OpenAIEmulator, key: str = "") -> AsyncIterator[openai.AsyncOpenAI]:
    base_url = f"{emulator.base_url}/v1"
    async with openai.AsyncOpenAI(api_key=key or emulator.key, base_url=base_url, max_retries=0) as client:
        yield client


async def create(
    emulator: OpenAIEmulator, **fields: Any
) -> openai._legacy_response.HttpxBinaryResponseContent:
    async with client_of(emulator) as client:
        known = {"model", "voice", "input", "response_format", "speed", "stream_format", "instructions"}
        wanted = {**SPEECH, **fields}
        extra = {name: wanted.pop(name) for name in list(wanted) if name not in known}
        return await client.audio.speech.create(**wanted, extra_body=extra)


def events_of(body: bytes) -> list[dict[str, Any]]:
    lines = [line for line in body.decode().split("\n") if line.startswith("data: ")]
    return [json.loads(line.removeprefix("data: ")) for line in lines]


def audio_of(events: list[dict[str, Any]]) -> bytes:
    return b"".join(base64.b64decode(event["audio"], validate=True) for event in events[:-1])


@pytest.mark.parametrize("coding", MEDIA_TYPES)
async def test_every_format(coding: str) -> None:
    async with OpenAIEmulator() as emulator:
        answer = await create(emulator, response_format=coding)
        assert answer.response.headers["content-type"] == MEDIA_TYPES[coding]
        assert answer.response.headers["x-request-id"] == "req_emulated"
        assert "content-length" not in answer.response.headers
        (asked,) = emulator.asked
        assert (asked.text, asked.voice, asked.model, asked.format, asked.done) == (
            TEXT,
            "alloy",
            "tts-1",
            coding,
            True,
        )
    if coding == "pcm":
        assert answer.content == tones(TEXT)
    elif coding in ("mp3", "opus", "aac"):  # whose coders begin with some silence of their own
        kind = "audio/ogg" if coding == "opus" else MEDIA_TYPES[coding]
        assert seconds(answer.content, kind) == pytest.approx(len(TEXT) * 0.04, rel=0.05)
    else:
        assert read_back(decode(answer.content, MEDIA_TYPES[coding]), rate_hz=16_000) == TEXT
    if coding == "wav":
        assert answer.content[4:8] == answer.content[40:44] == b"\xff" * 4


async def test_streams_while_it_speaks_and_notices_a_client_that_leaves() -> None:
    async with OpenAIEmulator(faults=Faults(piece_s=1.0)) as emulator, client_of(emulator) as client:
        create_ = client.audio.speech.with_streaming_response.create
        async with create_(model="tts-1", voice="alloy", input=TEXT, response_format="pcm") as answer:
            async for _ in answer.iter_bytes(4800):
                break
        await deserted(emulator)
        assert emulator.asked[0].cancelled


@pytest.mark.parametrize("dialect", [Dialect.OPENAI, Dialect.SPEACHES, Dialect.VLLM])
async def test_events(dialect: Dialect) -> None:
    model = "gpt-4o-mini-tts" if dialect is Dialect.OPENAI else "tts-1"
    async with OpenAIEmulator(dialect=dialect) as emulator:
        body = (await create(emulator, model=model, stream_format="sse", response_format="pcm")).content
    events = events_of(body)
    assert {event["type"] for event in events[:-1]} == {"speech.audio.delta"}
    assert audio_of(events) == tones(TEXT)
    assert events[-1]["type"] == "speech.audio.done"
    usage = events[-1]["token_usage" if dialect is Dialect.SPEACHES else "usage"]
    assert usage.keys() == {"input_tokens", "output_tokens", "total_tokens"}
    assert (b"event: speech.audio.delta\n" in body) is (dialect is Dialect.VLLM)


async def test_speaches_sends_bare_samples_in_events_whatever_was_asked() -> None:
    async with OpenAIEmulator(dialect=Dialect.SPEACHES) as emulator:
        body = (await create(emulator, stream_format="sse", response_format="mp3", sample_rate=8000)).content
    assert audio_of(events_of(body)) == tones(TEXT, rate_hz=24_000)


async def test_speaches_resamples_and_its_events_are_not_for_whoever_names_no_format() -> None:
    async with OpenAIEmulator(dialect=Dialect.SPEACHES) as emulator:
        answer = await create(emulator, response_format="pcm", sample_rate=8000)
    assert read_back(answer.content, rate_hz=8000) == TEXT


async def test_vllm_sends_a_whole_wav_unless_told_otherwise() -> None:
    async with OpenAIEmulator(dialect=Dialect.VLLM) as emulator:
        whole = await create(emulator)
        events = await create(emulator, response_format="pcm", stream=True)
        chunked = await create(emulator, response_format="wav", stream_format="audio")
    assert (whole.response.headers["content-type"], whole.content[:4]) == ("audio/wav", b"RIFF")
    assert int.from_bytes(whole.content[40:44], "little") == len(tones(TEXT))
    assert int(whole.response.headers["content-length"]) == len(tones(TEXT)) + 44
    assert events.response.headers["content-type"] == "text/event-stream"
    assert (chunked.content[40:44], chunked.content[44:]) == (b"\xff" * 4, tones(TEXT))


async def test_vllm_says_in_an_event_that_it_failed() -> None:
    async with OpenAIEmulator(dialect=Dialect.VLLM, faults=Faults(error_after=9600)) as emulator:
        body = (await create(emulator, stream_format="sse", response_format="pcm")).content
    assert [event["type"] for event in events_of(body)] == ["speech.audio.delta"] * 2 + ["speech.audio.error"]


async def test_localai_makes_wav_of_what_it_does_not_know() -> None:
    async with OpenAIEmulator(dialect=Dialect.LOCALAI) as emulator:
        whole = await create(emulator, response_format="pcm")
        streamed = await create(emulator, response_format="mp3", stream=True)
    assert whole.response.headers["content-type"] == "audio/wav"
    assert int.from_bytes(whole.content[24:28], "little") == 22_050
    assert (streamed.content[:4], streamed.content[40:44]) == (b"RIFF", b"\xff" * 4)
    assert read_back(streamed.content[44:], rate_hz=22_050) == TEXT


async def test_kokoro_mixes_voices_and_needs_no_key() -> None:
    async with OpenAIEmulator(dialect=Dialect.KOKORO) as emulator, client_of(emulator, "any") as client:
        answer = await client.audio.speech.create(
            model="kokoro", voice="af_sky(2) + af_bella", input=TEXT, response_format="pcm"
        )
        assert answer.content == tones(TEXT)
        assert "content-length" not in answer.response.headers
        with pytest.raises(openai.BadRequestError):
            await client.audio.speech.create(model="kokoro", voice="af_sky+", input=TEXT)
        names = await client.get("/audio/voices", cast_to=dict[str, Any])
        assert {"id": "af_sky", "name": "af_sky"} in names["voices"]


@pytest.mark.parametrize(
    ("dialect", "fields", "status"),
    [
        (Dialect.OPENAI, {"voice": "nobody"}, 400),
        (Dialect.OPENAI, {"voice": "marin"}, 400),
        (Dialect.OPENAI, {"model": "tts-9"}, 404),
        (Dialect.OPENAI, {"response_format": "amr"}, 400),
        (Dialect.OPENAI, {"speed": 5.0}, 400),
        (Dialect.OPENAI, {"input": "x" * 4097}, 400),
        (Dialect.OPENAI, {"input": ""}, 400),
        (Dialect.OPENAI, {"sample_rate": 8000}, 400),
        (Dialect.OPENAI, {"stream_format": "sse"}, 400),
        (Dialect.KOKORO, {"voice": "nobody"}, 400),
        (Dialect.KOKORO, {"model": "tts-9"}, 400),
        (Dialect.KOKORO, {"speed": 5.0}, 422),
        (Dialect.SPEACHES, {"voice": "nobody"}, 422),
        (Dialect.SPEACHES, {"model": "tts-9"}, 404),
        (Dialect.SPEACHES, {"sample_rate": 7999}, 422),
        (Dialect.VLLM, {"voice": "nobody"}, 400),
        (Dialect.VLLM, {"model": "tts-9"}, 404),
        (Dialect.VLLM, {"response_format": "aac"}, 400),
        (Dialect.VLLM, {"response_format": "mp3", "stream": True}, 400),
        (Dialect.VLLM, {"stream": True, "speed": 1.5}, 400),
        (Dialect.LOCALAI, {"voice": "nobody"}, 500),
        (Dialect.LOCALAI, {"model": "tts-9"}, 404),
    ],
)
async def test_refusals(dialect: Dialect, fields: dict[str, Any], status: int) -> None:
    async with OpenAIEmulator(dialect=dialect) as emulator:
        with pytest.raises(openai.APIStatusError) as refused:
            await create(emulator, **fields)
        assert refused.value.status_code == status
        assert emulator.asked == []
        if dialect is Dialect.OPENAI:
            assert refused.value.type == "invalid_request_error"
            assert refused.value.code
            assert refused.value.request_id == "req_emulated"
        elif dialect in (Dialect.KOKORO, Dialect.SPEACHES):
            assert "detail" in refused.value.response.json()


@pytest.mark.parametrize(
    ("dialect", "error"),
    [
        (Dialect.OPENAI, openai.AuthenticationError),
        (Dialect.SPEACHES, openai.PermissionDeniedError),
        (Dialect.VLLM, openai.AuthenticationError),
        (Dialect.LOCALAI, openai.AuthenticationError),
    ],
)
async def test_a_wrong_key(dialect: Dialect, error: type[openai.APIStatusError]) -> None:
    async with OpenAIEmulator(dialect=dialect) as emulator, client_of(emulator, "wrong") as client:
        with pytest.raises(error):
            await client.audio.speech.create(model="tts-1", voice="alloy", input=TEXT)
        with pytest.raises(error):
            await client.models.list()


async def test_a_limit() -> None:
    async with OpenAIEmulator(faults=Faults(refuse_status=429)) as emulator:
        with pytest.raises(openai.RateLimitError) as refused:
            await create(emulator)
    assert (refused.value.code, refused.value.response.headers["retry-after"]) == ("rate_limit_exceeded", "1")


@pytest.mark.parametrize("dialect", Dialect)
async def test_every_dialect_speaks_with_one_voice_and_lists_its_models(dialect: Dialect) -> None:
    async with OpenAIEmulator(dialect=dialect) as emulator, client_of(emulator) as client:
        await create(emulator)
        assert "tts-1" in [model.id async for model in client.models.list()]
        assert emulator.asked[0].voice == "alloy"


@pytest.mark.parametrize(
    "body", [b"{", b"[]", b'{"model": "tts-1"}', b'{"model": 1, "input": "", "voice": {}}']
)
async def test_bodies_that_are_no_request(body: bytes) -> None:
    headers = {"Authorization": "Bearer emulated-key"}
    async with OpenAIEmulator() as emulator, aiohttp.ClientSession(headers=headers) as http:
        async with http.post(f"{emulator.base_url}/v1/audio/speech", data=body) as answer:
            assert answer.status == 400
            assert (await answer.json())["error"].keys() == {"message", "type", "param", "code"}


class VllmClient:
    """What vLLM-Omni's own example client does on its WebSocket."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket

    async def send(self, kind: str, **fields: Any) -> None:
        await self.socket.send_str(json.dumps({"type": kind, **fields}))

    async def until(self, *kinds: str) -> tuple[list[dict[str, Any]], bytes]:
        """Return messages up to one of these kinds, and the audio between them."""
        messages: list[dict[str, Any]] = []
        audio = b""
        while not messages or messages[-1]["type"] not in kinds:
            frame = await self.socket.receive()
            if frame.type is aiohttp.WSMsgType.BINARY:
                audio += frame.data
            else:
                messages.append(json.loads(frame.data))
        return messages, audio

    async def closed(self) -> None:
        assert (await self.socket.receive()).type in (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED)


@asynccontextmanager
async def vllm(faults: Faults | None = None) -> AsyncIterator[tuple[OpenAIEmulator, VllmClient]]:
    headers = {"Authorization": "Bearer emulated-key"}
    async with (
        OpenAIEmulator(dialect=Dialect.VLLM, faults=faults or Faults()) as emulator,
        aiohttp.ClientSession(headers=headers) as http,
        http.ws_connect(f"{emulator.ws_url}/v1/audio/speech/stream") as socket,
    ):
        yield emulator, VllmClient(socket)


STREAMED = {"model": "tts-1", "voice": "alloy", "response_format": "pcm", "stream_audio": True}


async def test_vllm_socket_speaks_several_utterances() -> None:
    async with vllm() as (emulator, client):
        await client.send("session.config", **STREAMED)
        for number, text in enumerate(["One and two.", "Three."]):
            for piece in text:
                await client.send("input.text", text=piece)
            await client.send("input.done")
            messages, audio = await client.until("session.done")
            assert [message["type"] for message in messages] == ["audio.start", "audio.done", "session.done"]
            assert {message["utterance_index"] for message in messages} == {number}
            assert messages[0]["sample_rate"] == 24_000
            assert (messages[1]["total_bytes"], messages[1]["error"]) == (len(audio), False)
            assert audio == tones(text)
        await client.send("session.close")
        await client.closed()
        assert [asked.done for asked in emulator.asked] == [True, True]


async def test_vllm_socket_speaks_sentences_before_the_end() -> None:
    async with vllm() as (_, client):
        await client.send("session.config", **STREAMED, split_granularity="sentence")
        await client.send("input.text", text="One. Two! Thr")
        _, audio = await client.until("audio.done")
        assert audio == tones("One.")
        await client.send("input.text", text="ee")
        await client.send("input.done")
        messages, audio = await client.until("session.done")
        assert audio == tones("Two!Three")
        assert messages[-1]["total_sentences"] == 3


async def test_vllm_socket_sends_a_whole_wav_when_it_does_not_stream() -> None:
    async with vllm() as (_, client):
        await client.send("session.config", voice="vivian")
        await client.send("input.text", text=TEXT)
        await client.send("input.done")
        messages, audio = await client.until("session.done")
        assert messages[0]["format"] == "wav"
        assert audio[44:] == tones(TEXT)


@pytest.mark.parametrize(
    "config",
    [
        {"response_format": "aac"},
        {"stream_audio": True},
        {**STREAMED, "speed": 2.0},
        {**STREAMED, "model": "tts-9"},
        {**STREAMED, "split_granularity": "word"},
    ],
)
async def test_vllm_socket_refuses_a_configuration(config: dict[str, Any]) -> None:
    async with vllm() as (_, client):
        await client.send("session.config", **config)
        await client.until("error")
        await client.closed()


async def test_vllm_socket_wants_its_configuration_first_and_in_time() -> None:
    async with vllm() as (_, client):
        await client.send("input.text", text=TEXT)
        await client.until("error")
        await client.closed()
    async with vllm() as (_, client):
        began_s = asyncio.get_running_loop().time()
        await client.until("error")
        assert asyncio.get_running_loop().time() - began_s == pytest.approx(10, abs=0.1)
        await client.closed()


async def test_vllm_socket_closes_when_nothing_is_said_for_half_a_minute() -> None:
    async with vllm() as (_, client):
        await client.send("session.config", **STREAMED)
        began_s = asyncio.get_running_loop().time()
        await client.until("error")
        assert asyncio.get_running_loop().time() - began_s == pytest.approx(30, abs=0.1)
        await client.closed()


async def test_vllm_socket_goes_on_after_an_unknown_message_and_a_failure() -> None:
    async with vllm(Faults(error_after=9600)) as (emulator, client):
        await client.send("session.config", **STREAMED)
        await client.send("input.dance")
        await client.until("error")
        await client.send("input.text", text=TEXT)
        await client.send("session.config", **STREAMED)
        await client.until("error")
        await client.send("input.done")
        messages, audio = await client.until("session.done")
        assert [message["type"] for message in messages] == [
            "audio.start",
            "error",
            "audio.done",
            "session.done",
        ]
        assert messages[1]["action"] == "discard"
        assert messages[2]["error"]
        assert len(audio) == 9600
        emulator.faults = Faults()
        await client.send("input.text", text=TEXT)
        await client.send("input.done")
        assert (await client.until("session.done"))[1] == tones(TEXT)


async def test_vllm_socket_fails_an_utterance_whose_voice_it_does_not_know() -> None:
    async with vllm() as (_, client):
        await client.send("session.config", **{**STREAMED, "voice": "nobody"})
        await client.send("input.text", text=TEXT)
        await client.send("input.done")
        messages, audio = await client.until("session.done")
        assert [message["type"] for message in messages] == [
            "audio.start",
            "error",
            "audio.done",
            "session.done",
        ]
        assert not audio


async def test_vllm_socket_stops_when_it_is_closed() -> None:
    async with vllm(Faults(piece_s=1.0)) as (emulator, client):
        await client.send("session.config", **STREAMED)
        await client.send("input.text", text=TEXT)
        await client.send("input.done")
        await client.until("audio.start")
        await client.socket.close()
        await deserted(emulator)
        assert emulator.asked[0].cancelled


async def test_vllm_socket_refuses_a_wrong_key() -> None:
    async with OpenAIEmulator(dialect=Dialect.VLLM) as emulator, aiohttp.ClientSession() as http:
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await http.ws_connect(f"{emulator.ws_url}/v1/audio/speech/stream")
        assert refused.value.status == 401
