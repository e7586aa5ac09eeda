"""Telnyx's own client against the emulator of its server, over REST."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

import telnyx
from tests.support.listening import seconds
from voxgate.testing.emulators.base import Faults
from voxgate.testing.emulators.telnyx import Telnyx
from voxgate.testing.scripted import CHARACTER_MS, tones

pytestmark = pytest.mark.virtual_time

TEXT = "Sixty characters make two point four seconds of these tones."


@pytest.fixture
async def server() -> AsyncIterator[Telnyx]:
    async with Telnyx() as running:
        yield running


@asynccontextmanager
async def client_of(server: Telnyx, key: str | None = None) -> AsyncIterator[telnyx.AsyncTelnyx]:
    async with telnyx.AsyncTelnyx(
        api_key=key or server.key, base_url=f"{server.base_url}/v2", max_retries=0
    ) as client:
        yield client


async def fetch(server: Telnyx, voice: str, text: str = TEXT, **fields: Any) -> tuple[bytes, str]:
    async with (
        client_of(server) as client,
        client.text_to_speech.with_streaming_response.generate_speech(
            text=text, voice=voice, **fields
        ) as answer,
    ):
        return await answer.read(), answer.headers["content-type"]


@pytest.mark.parametrize(
    ("voice", "fields", "media_type", "rate_hz"),
    [
        ("Telnyx.NaturalHD.astra", {}, "audio/mpeg", 0),
        ("Telnyx.NaturalHD.astra", {"telnyx": {"response_format": "wav"}}, "audio/wav", 0),
        (
            "Telnyx.Ultra.01eaafa9-308a-4276-a017-6ab0cf061b1f",
            {"telnyx": {"response_format": "pcm", "sampling_rate": 16_000}},
            "audio/pcm",
            16_000,
        ),
        ("Telnyx.Qwen3TTS.Delta", {"telnyx": {"response_format": "mp3"}}, "audio/pcm", 24_000),
        ("Telnyx.KokoroTTS.af_heart", {"telnyx": {"response_format": "pcm"}}, "audio/mpeg", 0),
        ("Telnyx.Bayan.Ahmed", {}, "audio/wav", 0),
        (
            "Telnyx.Bayan.Ahmed",
            {"voice_settings": {"response_format": "pcm", "sampling_rate": 8_000}},
            "audio/pcm",
            8_000,
        ),
    ],
)
async def test_rest_formats(
    server: Telnyx, voice: str, fields: dict[str, Any], media_type: str, rate_hz: int
) -> None:
    audio, told = await fetch(server, voice, **fields)
    assert told == media_type
    length_s = seconds(audio, media_type, *([rate_hz] if rate_hz else []))
    assert length_s == pytest.approx(len(TEXT) * CHARACTER_MS / 1000, rel=0.05)


async def test_rest_applies_speed_and_volume(server: Telnyx) -> None:
    settings = {"response_format": "pcm", "voice_speed": 1.5, "volume": 0.5, "unheard_of": 1}
    audio, _ = await fetch(server, "Telnyx.Ultra.01eaafa9-308a-4276-a017-6ab0cf061b1f", telnyx=settings)
    assert audio == tones(TEXT, speed=1.5, volume=0.5)
    assert server.asked[0].done


async def test_rest_gives_base64_or_an_address(server: Telnyx) -> None:
    async with client_of(server) as client:
        answer = await client.text_to_speech.generate_speech(
            text=TEXT, voice="Telnyx.Qwen3TTS.Delta", output_type="base64_output"
        )
        assert base64.b64decode(answer.base64_audio or "") == tones(TEXT)
        raw = await client.text_to_speech.with_raw_response.generate_speech(
            text=TEXT, voice="Telnyx.Qwen3TTS.Delta", extra_body={"output_type": "audio_id"}
        )
    headers = {"Authorization": f"Bearer {server.key}"}
    async with httpx.AsyncClient(headers=headers) as plain:
        fetched = await plain.get(raw.http_response.json()["audio_url"])
        assert fetched.content == tones(TEXT)
        assert (await plain.get(f"{server.base_url}/v2/text-to-speech/speech/nothing")).status_code == 404
        assert (await plain.get(f"{server.base_url}/v2/text-to-speech/speech")).status_code == 400


@pytest.mark.parametrize(
    ("fields", "status", "code"),
    [
        ({"voice": "Telnyx.NaturalHD.nobody"}, 400, "90103"),
        ({"voice": "astra"}, 400, "10015"),
        ({"voice": "Telnyx.Qwen3TTS.some-clone"}, 403, "10038"),
        ({"text": " "}, 422, "10004"),
        ({"telnyx": {"voice_speed": 3.0}}, 400, "90103"),
        ({"telnyx": {"sampling_rate": 11_025}}, 400, "10015"),
        ({"extra_body": {"output_type": "carrier_pigeon"}}, 422, "10032"),
        ({"extra_body": {"telnyx": "fast"}}, 422, "10015"),
        ({"key": "another"}, 401, "10009"),
    ],
)
async def test_rest_refusals(server: Telnyx, fields: dict[str, Any], status: int, code: str) -> None:
    fields = {"text": TEXT, "voice": "Telnyx.NaturalHD.astra"} | fields
    async with client_of(server, fields.pop("key", None)) as client:
        with pytest.raises(telnyx.APIStatusError) as refused:
            await client.text_to_speech.generate_speech(**fields)
    assert refused.value.status_code == status
    assert refused.value.response.json()["errors"][0]["code"] == code


async def test_refusals_by_status(server: Telnyx) -> None:
    server.faults = Faults(refuse_status=429)
    async with client_of(server) as client:
        with pytest.raises(telnyx.RateLimitError) as refused:
            await client.text_to_speech.generate_speech(text=TEXT, voice="Telnyx.NaturalHD.astra")
    assert refused.value.response.json()["errors"][0]["code"] == "10011"


async def test_voices_are_listed(server: Telnyx) -> None:
    async with client_of(server) as client:
        listed = (await client.text_to_speech.list_voices(provider="telnyx")).voices or []
        others = (await client.text_to_speech.list_voices(provider="aws")).voices
    found = {(voice.model_extra or {})["id"]: voice for voice in listed}
    assert found["Telnyx.NaturalHD.astra"].gender == "female"
    assert found["Telnyx.NaturalHD.astra"].voice_id == "astra"
    assert all(voice.hosted for voice in listed)
    assert others == []
