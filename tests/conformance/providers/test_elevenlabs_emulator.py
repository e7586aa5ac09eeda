"""ElevenLabs' own client and message types against the emulator of its server."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlencode

import aiohttp
import pytest
from elevenlabs import AsyncElevenLabs
from elevenlabs.core.api_error import ApiError
from elevenlabs.types import (
    AudioOutputMulti,
    CloseContext,
    CloseSocket,
    FinalOutputMulti,
    FlushContext,
    HttpValidationError,
    InitializeConnectionMulti,
    KeepContextAlive,
    RealtimeVoiceSettings,
    SendTextMulti,
    VoiceSettings,
)
from pydantic import BaseModel, ConfigDict
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.support.listening import decode, seconds
from voxgate.testing.emulators.base import Faults
from voxgate.testing.emulators.elevenlabs import ElevenLabs
from voxgate.testing.scripted import CHARACTER_MS, read_back, tones

pytestmark = pytest.mark.virtual_time

TEXT = "Sixty characters make two point four seconds of these tones."
VOICE = "JBFqnCBsd6RMkjVDRZzb"
FLASH = "eleven_flash_v2_5"


@pytest.fixture
async def server() -> AsyncIterator[ElevenLabs]:
    async with ElevenLabs() as running:
        yield running


@asynccontextmanager
async def client_of(server: ElevenLabs, key: str | None = None) -> AsyncIterator[AsyncElevenLabs]:
    client = AsyncElevenLabs(base_url=server.base_url, api_key=key or server.key)
    try:
        yield client
    finally:
        await client._client_wrapper.httpx_client.httpx_client.aclose()


async def speak(server: ElevenLabs, text: str = TEXT, **how: Any) -> bytes:
    options = {"voice_id": VOICE, "model_id": FLASH, "output_format": "pcm_24000"} | how
    async with client_of(server) as client:
        return b"".join([piece async for piece in client.text_to_speech.stream(text=text, **options)])


async def refusal_of(server: ElevenLabs, text: str = TEXT, key: str | None = None, **how: Any) -> ApiError:
    options = {"voice_id": VOICE, "model_id": FLASH, "output_format": "pcm_24000"} | how
    async with client_of(server, key) as client:
        with pytest.raises(ApiError) as refused:
            _ = [piece async for piece in client.text_to_speech.stream(text=text, **options)]
    return refused.value


# Speech over HTTP


async def test_the_client_hears_the_text(server: ElevenLabs) -> None:
    assert await speak(server) == tones(TEXT)
    [asked] = server.asked
    assert (asked.text, asked.voice, asked.model, asked.format) == (TEXT, VOICE, FLASH, "pcm_24000")
    assert asked.done
    assert not asked.cancelled


async def test_facts_are_in_headers(server: ElevenLabs) -> None:
    async with client_of(server) as client:
        raw = client.text_to_speech.with_raw_response
        async with raw.stream(
            voice_id=VOICE, text=TEXT, model_id=FLASH, output_format="pcm_24000"
        ) as response:
            headers = response.headers
            assert b"".join([piece async for piece in response.data]) == tones(TEXT)
    assert headers["content-type"] == "audio/pcm"
    assert headers["character-cost"] == str(len(TEXT) // 2)
    assert headers["request-id"]
    assert headers["maximum-concurrent-requests"] == "30"


@pytest.mark.parametrize(
    ("word", "media_type", "rate_hz"),
    [
        ("mp3_22050_32", "audio/mpeg", 0),
        ("mp3_44100_128", "audio/mpeg", 0),
        ("opus_48000_64", "audio/ogg", 0),
        ("ulaw_8000", "audio/x-mulaw", 8_000),
        ("alaw_8000", "audio/x-alaw", 8_000),
        ("pcm_16000", "audio/pcm", 16_000),
        ("pcm_48000", "audio/pcm", 48_000),
    ],
)
async def test_formats_decode_to_their_length(
    server: ElevenLabs, word: str, media_type: str, rate_hz: int
) -> None:
    audio = await speak(server, output_format=word)
    length_s = seconds(audio, media_type, rate_hz) if rate_hz else seconds(audio, media_type)
    assert length_s == pytest.approx(len(TEXT) * CHARACTER_MS / 1000, rel=0.05)


async def test_whole_files_may_be_wav(server: ElevenLabs) -> None:
    async with client_of(server) as client:
        pieces = client.text_to_speech.convert(VOICE, text=TEXT, output_format="wav_16000", model_id=FLASH)
        file = b"".join([piece async for piece in pieces])
    assert read_back(decode(file, "audio/wav"), rate_hz=16_000) == TEXT
    assert (await refusal_of(server, output_format="wav_16000")).status_code == 422


async def test_speed_is_applied(server: ElevenLabs) -> None:
    audio = await speak(
        server, voice_settings=VoiceSettings(speed=1.2, stability=0.3, use_speaker_boost=True)
    )
    assert audio == tones(TEXT, speed=1.2)
    assert server.asked[0].settings == {"speed": 1.2, "stability": 0.3, "use_speaker_boost": True}


async def test_lines_tell_when_characters_are_heard(server: ElevenLabs) -> None:
    async with client_of(server) as client:
        lines = [
            line
            async for line in client.text_to_speech.stream_with_timestamps(
                voice_id=VOICE, text=TEXT, model_id=FLASH, output_format="pcm_24000"
            )
        ]
    assert b"".join(base64.b64decode(line.audio_base_64) for line in lines) == tones(TEXT)
    told = [line.alignment for line in lines if line.alignment is not None]
    assert "".join(character for each in told for character in each.characters) == TEXT
    starts = [start for each in told for start in each.character_start_times_seconds]
    assert starts == pytest.approx([number * CHARACTER_MS / 1000 for number in range(len(TEXT))])


async def test_who_leaves_is_noted(server: ElevenLabs) -> None:
    server.faults = Faults(pause_after=9_600, pause_s=60)
    async with client_of(server) as client:
        pieces = client.text_to_speech.stream(
            voice_id=VOICE, text=TEXT, model_id=FLASH, output_format="pcm_24000"
        )
        async for _ in pieces:
            break
        await pieces.aclose()
    await asyncio.sleep(1)
    assert server.asked[0].cancelled
    assert not server.asked[0].done
    assert server.connections == 0


@pytest.mark.parametrize(
    ("how", "status", "code"),
    [
        ({"key": "another"}, 401, "invalid_api_key"),
        ({"voice_id": "nobodyHasThisVoice00"}, 404, "voice_not_found"),
        ({"model_id": "eleven_nothing"}, 400, "model_not_found"),
        ({"language_code": "tlh"}, 400, "unsupported_language"),
        ({"language_code": "de", "model_id": "eleven_multilingual_v2"}, 400, "unsupported_language"),
        ({"voice_settings": VoiceSettings(speed=1.3)}, 400, "invalid_voice_settings"),
        ({"voice_settings": VoiceSettings(stability=-0.1)}, 400, "invalid_voice_settings"),
        ({"text": " "}, 400, "input_text_empty"),
        ({"text": "a" * 3_001, "model_id": "eleven_v3"}, 400, "max_character_limit_exceeded"),
        ({"previous_text": "Before.", "model_id": "eleven_v3"}, 400, "unsupported_model"),
        ({"output_format": "pcm_44100"}, 403, "subscription_required"),
    ],
)
async def test_refusals(server: ElevenLabs, how: dict[str, Any], status: int, code: str) -> None:
    error = await refusal_of(server, **how)
    assert error.status_code == status
    assert error.body["detail"]["code"] == error.body["detail"]["status"] == code
    assert error.body["detail"]["message"]
    assert not server.asked


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ({}, ["body", "text"]),
        ({"text": 5}, ["body", "text"]),
        ({"text": "Hi.", "model_id": 5}, ["body", "model_id"]),
        ({"text": "Hi.", "voice_settings": []}, ["body", "voice_settings"]),
        ({"text": "Hi.", "voice_settings": {"speed": "fast"}}, ["body", "voice_settings", "speed"]),
        ([], ["body"]),
    ],
)
async def test_ill_formed_bodies(server: ElevenLabs, body: Any, where: list[str]) -> None:
    async with (
        aiohttp.ClientSession() as session,
        session.post(
            f"{server.base_url}/v1/text-to-speech/{VOICE}/stream",
            data=json.dumps(body),
            headers={"xi-api-key": server.key},
        ) as answer,
    ):
        assert answer.status == 422
        problem = HttpValidationError.model_validate(await answer.json())
    assert problem.detail is not None
    assert problem.detail[0].loc == where


async def test_the_eleventh_at_once_is_refused(server: ElevenLabs) -> None:
    server.faults, server.max_at_once = Faults(late_s=5), 10
    ten = [asyncio.create_task(speak(server, f"Number {number}.")) for number in range(10)]
    await asyncio.sleep(1)
    assert server.speaking == 10
    error = await refusal_of(server)
    assert (error.status_code, error.body["detail"]["code"]) == (429, "too_many_concurrent_requests")
    assert [read_back(audio) for audio in await asyncio.gather(*ten)] == [
        f"Number {number}." for number in range(10)
    ]


async def test_refusals_by_status_are_the_vendors(server: ElevenLabs) -> None:
    for status, code in (
        (401, "invalid_api_key"),
        (429, "too_many_concurrent_requests"),
        (503, "system_busy"),
    ):
        server.faults = Faults(refuse_status=status)
        error = await refusal_of(server)
        assert (error.status_code, error.body["detail"]["code"]) == (status, code)


# Lists


async def test_voices_come_in_pages(server: ElevenLabs) -> None:
    found, token = [], None
    async with client_of(server) as client:
        while True:
            page = await client.voices.search(next_page_token=token, page_size=5)
            assert len(page.voices) <= 5
            found += page.voices
            token = page.next_page_token
            if not page.has_more:
                break
        everybody = await client.voices.get_all()
        [george] = (await client.voices.search(search="george")).voices
    assert token is None
    assert [voice.voice_id for voice in found] == [voice.voice_id for voice in everybody.voices]
    assert len(found) == page.total_count == 13
    assert (george.voice_id, george.labels and george.labels["gender"]) == (VOICE, "male")
    assert george.verified_languages is not None
    assert george.verified_languages[0].locale == "en-GB"


async def test_models_are_listed(server: ElevenLabs) -> None:
    async with client_of(server) as client:
        models = {model.model_id: model for model in await client.models.list()}
    assert models[FLASH].can_do_text_to_speech
    assert models[FLASH].maximum_text_length_per_request == 40_000
    assert models["eleven_v3"].languages


async def test_lists_want_the_key(server: ElevenLabs) -> None:
    async with client_of(server, "another") as client:
        for ask in (client.voices.search, client.voices.get_all, client.models.list):
            with pytest.raises(ApiError) as refused:
                await ask()
            assert refused.value.status_code == 401


# Contexts over a socket


class Audio(AudioOutputMulti):
    model_config = ConfigDict(extra="forbid", strict=True)


class Final(FinalOutputMulti):
    model_config = ConfigDict(extra="forbid", strict=True)


class Error(BaseModel):
    """What the service says before it closes; its client has no type for it."""

    model_config = ConfigDict(extra="forbid", strict=True)
    message: str
    error: str
    code: int


Frame = Audio | Final | Error


class Talk:
    """A socket that sends and reads nothing but the client's own types."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket

    async def send(self, *messages: BaseModel) -> None:
        for message in messages:
            await self.socket.send(message.model_dump_json(exclude_none=True, by_alias=True))

    async def open(self, name: str, *texts: str, **settings: Any) -> None:
        await self.send(
            InitializeConnectionMulti(
                context_id=name, voice_settings=RealtimeVoiceSettings(**settings) if settings else None
            ),
            *(SendTextMulti(text=text, context_id=name) for text in texts),
        )

    async def say(self, name: str, *texts: str) -> None:
        """Speak texts to their end in a context of their own."""
        await self.open(name, *texts)
        await self.send(
            FlushContext(context_id=name, flush=True), CloseContext(context_id=name, close_context=True)
        )

    async def read(self) -> Frame:
        fields = json.loads(await self.socket.recv())
        kind: type[Frame] = Error if "error" in fields else Final if "isFinal" in fields else Audio
        return kind.model_validate(fields)

    async def until_final(self, *names: str) -> dict[str | None, bytes]:
        """Read until each of the contexts has come to its end; return their audio."""
        audio: dict[str | None, bytes] = {}
        open_ = set(names)
        while open_:
            match await self.read():
                case Audio() as chunk:
                    audio[chunk.context_id] = audio.get(chunk.context_id, b"") + base64.b64decode(chunk.audio)
                case Final() as final:
                    assert final.context_id is not None
                    open_.remove(final.context_id)
                case Error() as error:
                    raise AssertionError(error)
        return audio

    async def failure(self) -> tuple[str, int]:
        """Read to the end; return the last error and the close code."""
        error = ""
        while True:
            try:
                frame = await self.read()
            except ConnectionClosed as closed:
                return error, closed.rcvd.code if closed.rcvd else 1006
            error = frame.error if isinstance(frame, Error) else error


@asynccontextmanager
async def talk(
    server: ElevenLabs, key: str | None = None, voice: str = VOICE, **query: str
) -> AsyncIterator[Talk]:
    options = {"model_id": FLASH, "output_format": "pcm_24000"} | query
    async with connect(
        f"{server.ws_url}/v1/text-to-speech/{voice}/multi-stream-input?{urlencode(options)}",
        additional_headers={"xi-api-key": key or server.key},
        ping_interval=None,
    ) as socket:
        yield Talk(socket)


async def test_a_context_speaks_and_ends(server: ElevenLabs) -> None:
    async with talk(server) as socket:
        await socket.say("a", "Hello ", "there. ")
        assert await socket.until_final("a") == {"a": tones("Hello there.")}
    [asked] = server.asked
    assert (asked.text, asked.voice, asked.model, asked.rate_hz) == ("Hello there.", VOICE, FLASH, 24_000)
    assert asked.done


async def test_a_flush_alone_has_no_end(server: ElevenLabs) -> None:
    async with talk(server) as socket:
        await socket.open("a", "Hello there. ")
        await socket.send(FlushContext(context_id="a", flush=True))
        audio = b""
        while audio != tones("Hello there."):
            frame = await socket.read()
            assert isinstance(frame, Audio)
            audio += base64.b64decode(frame.audio)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(10):
                await socket.read()
        await socket.send(CloseContext(context_id="a", close_context=True))
        assert isinstance(await socket.read(), Final)


async def test_contexts_speak_at_once_and_end_each(server: ElevenLabs) -> None:
    server.faults = Faults(piece_s=0.1)
    names = "abcde"
    async with talk(server) as socket:
        for name in names:
            await socket.say(name, f"I am {name}. ")
        assert await socket.until_final(*names) == {name: tones(f"I am {name}.") for name in names}


async def test_the_sixth_context_is_one_too_many(server: ElevenLabs) -> None:
    async with talk(server) as socket:
        for name in "abcdef":
            await socket.open(name)
        assert await socket.failure() == ("max_active_conversations", 1008)


async def test_a_closed_context_counts_until_its_end(server: ElevenLabs) -> None:
    server.faults = Faults(late_s=5)
    async with talk(server) as socket:
        for name in "abcde":
            await socket.say(name, "Hello. ")
        await socket.open("f")
        assert await socket.failure() == ("max_active_conversations", 1008)


async def test_an_id_can_be_used_again(server: ElevenLabs) -> None:
    async with talk(server) as socket:
        for number in range(7):
            await socket.say("a", f"Number {number}. ")
            assert await socket.until_final("a") == {"a": tones(f"Number {number}.")}


async def test_what_was_flushed_is_spoken_after_the_close(server: ElevenLabs) -> None:
    server.faults = Faults(pause_after=9_600, pause_s=1)
    async with talk(server) as socket:
        await socket.say("a", f"{TEXT} ")
        assert await socket.until_final("a") == {"a": tones(TEXT)}


async def test_what_was_not_flushed_ends_with_the_close(server: ElevenLabs) -> None:
    server.faults = Faults(pause_after=9_600, pause_s=1)
    async with talk(server, auto_mode="true") as socket:
        await socket.open("a", f"{TEXT} ")
        await socket.read()
        await socket.send(CloseContext(context_id="a", close_context=True))
        audio = await socket.until_final("a")
    assert len(audio.get("a", b"")) <= 9_600
    assert server.asked[0].cancelled
    assert not server.asked[0].done


async def test_text_waits_for_the_schedule(server: ElevenLabs) -> None:
    text = "x" * 119
    async with talk(server) as socket:
        await socket.open("a", text)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(10):
                await socket.read()
        await socket.send(SendTextMulti(text="y", context_id="a"))
        audio = b""
        while len(audio) < len(tones(text + "y")):
            frame = await socket.read()
            assert isinstance(frame, Audio)
            audio += base64.b64decode(frame.audio)
    assert audio == tones(text + "y")


async def test_settings_are_applied(server: ElevenLabs) -> None:
    async with talk(server) as socket:
        await socket.open("a", "Hello. ", speed=0.8, stability=0.4)
        await socket.send(
            FlushContext(context_id="a", flush=True), CloseContext(context_id="a", close_context=True)
        )
        assert await socket.until_final("a") == {"a": tones("Hello.", speed=0.8)}
    assert server.asked[0].settings == {"speed": 0.8, "stability": 0.4}


async def test_characters_are_told_with_their_times(server: ElevenLabs) -> None:
    async with talk(server, sync_alignment="true") as socket:
        await socket.say("a", f"{TEXT} ")
        begin_ms, starts, characters = 0.0, list[float](), list[str]()
        while isinstance(frame := await socket.read(), Audio):
            if frame.alignment is not None:
                assert frame.alignment.chars
                assert frame.alignment.char_durations_ms == [CHARACTER_MS] * len(frame.alignment.chars)
                characters += frame.alignment.chars
                starts += [begin_ms + start for start in frame.alignment.char_start_times_ms or ()]
            begin_ms += len(base64.b64decode(frame.audio)) / 48
    assert "".join(characters) == TEXT
    assert starts == [number * CHARACTER_MS for number in range(len(TEXT))]


async def test_settings_come_first_or_not_at_all(server: ElevenLabs) -> None:
    async with talk(server) as socket:
        await socket.send(KeepContextAlive(context_id="a"))
        await socket.open("a", speed=1.1)
        assert await socket.failure() == ("invalid_message", 1008)


async def test_a_silent_socket_is_closed(server: ElevenLabs) -> None:
    async with talk(server) as socket:
        await socket.open("a")
        began_s = asyncio.get_running_loop().time()
        assert await socket.failure() == ("input_timeout_exceeded", 1008)
        assert asyncio.get_running_loop().time() - began_s == pytest.approx(20, abs=0.1)


async def test_it_is_kept_alive_by_empty_texts(server: ElevenLabs) -> None:
    async with talk(server, inactivity_timeout="30") as socket:
        await socket.open("a")
        for _ in range(5):
            await asyncio.sleep(25)
            await socket.send(KeepContextAlive(context_id="a"))
        await socket.send(
            SendTextMulti(text="Still here. ", context_id="a", flush=True),
            CloseContext(context_id="a", close_context=True),
        )
        assert await socket.until_final("a") == {"a": tones("Still here.")}


async def test_a_silent_context_is_closed_beside_a_busy_one(server: ElevenLabs) -> None:
    async with talk(server) as socket:
        await socket.open("idle", "Never flushed. ")
        await socket.open("busy")
        await asyncio.sleep(15)
        await socket.send(KeepContextAlive(context_id="busy"))
        assert await socket.until_final("idle") == {}
    assert server.asked[0].cancelled


async def test_speaking_is_not_silence(server: ElevenLabs) -> None:
    server.faults = Faults(pause_after=4_800, pause_s=100)
    async with talk(server) as socket:
        await socket.say("a", "Hello. ")
        assert await socket.until_final("a") == {"a": tones("Hello.")}


async def test_the_socket_is_closed_behind_what_was_flushed(server: ElevenLabs) -> None:
    server.faults = Faults(late_s=1)
    async with talk(server) as socket:
        await socket.open("a", "Spoken. ")
        await socket.send(FlushContext(context_id="a", flush=True))
        await socket.open("b", "Never. ")
        await socket.send(CloseSocket(close_socket=True))
        assert await socket.until_final("a", "b") == {"a": tones("Spoken.")}
        assert await socket.failure() == ("", 1000)


@pytest.mark.parametrize(
    ("how", "error"),
    [
        ({"key": "another"}, "invalid_api_key"),
        ({"voice": "nobodyHasThisVoice00"}, "voice_id_does_not_exist"),
    ],
)
async def test_key_and_voice_are_judged_after_the_upgrade(
    server: ElevenLabs, how: dict[str, str], error: str
) -> None:
    async with talk(server, **how) as socket:
        await socket.open("a", "Hello. ")
        assert await socket.failure() == (error, 1008)


async def test_the_key_may_come_in_the_first_message(server: ElevenLabs) -> None:
    url = f"{server.ws_url}/v1/text-to-speech/{VOICE}/multi-stream-input?output_format=pcm_24000"
    async with connect(url) as raw:
        socket = Talk(raw)
        await socket.send(
            InitializeConnectionMulti(context_id="a", xi_api_key=server.key),
            SendTextMulti(text="Hello. ", context_id="a", flush=True),
            CloseContext(context_id="a", close_context=True),
        )
        assert await socket.until_final("a") == {"a": tones("Hello.")}
    async with connect(url) as raw:
        await Talk(raw).send(InitializeConnectionMulti(context_id="a"))
        assert await Talk(raw).failure() == ("authentication_required", 1008)


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({"model_id": "eleven_v3"}, 400),
        ({"model_id": "eleven_nothing"}, 400),
        ({"language_code": "tlh"}, 400),
        ({"output_format": "wav_24000"}, 403),
        ({"inactivity_timeout": "181"}, 403),
    ],
)
async def test_addresses_are_judged_before_the_upgrade(
    server: ElevenLabs, query: dict[str, str], status: int
) -> None:
    with pytest.raises(InvalidStatus) as refused:
        async with talk(server, **query):
            pass
    assert refused.value.response.status_code == status


@pytest.mark.parametrize("message", ["{", "[]", '{"text": 5}', '{"text": "a", "context_id": 1}'])
async def test_what_is_no_message_ends_it(server: ElevenLabs, message: str) -> None:
    async with talk(server) as socket:
        await socket.socket.send(message)
        assert await socket.failure() == ("invalid_message", 1008)


async def test_its_own_errors_name_no_context(server: ElevenLabs) -> None:
    server.faults = Faults(error_after=9_600)
    async with talk(server) as socket:
        await socket.say("a", f"{TEXT} ")
        assert await socket.failure() == ("unexpected_error", 1008)
    assert not server.asked[0].cancelled
    assert not server.asked[0].done


@pytest.mark.parametrize(
    ("faults", "code"), [(Faults(close_after=9_600), 1000), (Faults(reset_after=9_600), 1006)]
)
async def test_it_can_break_off(server: ElevenLabs, faults: Faults, code: int) -> None:
    server.faults = faults
    async with talk(server) as socket:
        await socket.say("a", f"{TEXT} ")
        assert await socket.failure() == ("", code)


async def test_who_leaves_a_socket_is_noted(server: ElevenLabs) -> None:
    server.faults = Faults(silent_after=9_600)
    async with talk(server) as socket:
        await socket.say("a", f"{TEXT} ")
        await socket.read()
    await asyncio.sleep(1)
    assert server.asked[0].cancelled
    assert server.connections == 0


async def test_a_stale_piece_after_the_end(server: ElevenLabs) -> None:
    server.faults = Faults(audio_after_end=True)
    async with talk(server) as socket:
        await socket.say("a", "Hello. ")
        await socket.until_final("a")
        stale = await socket.read()
    assert isinstance(stale, Audio)
    assert stale.context_id == "a"
