"""ElevenLabs' own client against the emulator of its server, over HTTP."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from elevenlabs import AsyncElevenLabs
from elevenlabs.core.api_error import ApiError
from elevenlabs.types import (
    HttpValidationError,
    VoiceSettings,
)

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
