"""Uplift's REST API against a started server, by a client written from the vendor's documentation and SDK.

The SDK itself is on no registry; what it sends and reads is done here with a plain HTTP client.
"""

from __future__ import annotations

import asyncio
import io
import wave
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from tests.support.listening import decode, seconds
from tests.support.recognizer import PHRASES, understand
from tests.support.server import RunningServer
from voxgate.access.keys import PEPPER_FILE, KeyStore
from voxgate.clock import LoopClock
from voxgate.storage.database import open_database
from voxgate.storage.files import kept_secret

FORMATS = {
    "PCM_22050_16": ("audio/pcm", 22_050),
    "WAV_22050_16": ("audio/wav", 22_050),
    "WAV_22050_32": ("audio/wav", 22_050),
    "MP3_22050_32": ("audio/mpeg", 22_050),
    "MP3_22050_64": ("audio/mpeg", 22_050),
    "MP3_22050_128": ("audio/mpeg", 22_050),
    "OGG_22050_16": ("audio/ogg", 22_050),
    "ULAW_8000_8": ("audio/x-mulaw", 8000),
}
ENGLISH = "Local.Espeak.en-us"
CONFIG = "/v1/synthesis/phrase-replacement-config"


@dataclass(frozen=True)
class Audio:
    """What the SDK gives its user.

    Attributes:
        data: the file.
        metadata: from the headers, as the SDK reads them.
    """

    data: bytes
    metadata: dict[str, Any]


class UpliftClient:
    """The SDK's ``tts`` and ``phraseReplacements``, as far as they go over HTTP."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self.http = http

    async def create(self, **fields: Any) -> Audio:
        answer = await self.http.post("/v1/synthesis/text-to-speech", json=fields)
        return _audio(answer, answer.content)

    async def create_stream(self, **fields: Any) -> Audio:
        async with self.http.stream("POST", "/v1/synthesis/text-to-speech/stream", json=fields) as answer:
            return _audio(answer, b"".join([piece async for piece in answer.aiter_bytes()]))

    async def enqueue(self, path: str = "text-to-speech-async", **fields: Any) -> dict[str, str]:
        answer = await self.http.post(f"/v1/synthesis/{path}", json=fields)
        answer.raise_for_status()
        media: dict[str, str] = answer.json()
        return media

    async def retrieve(self, media_id: str) -> Audio:
        answer = await self.http.get(f"/v1/synthesis/stream-audio/{media_id}")
        return _audio(answer, answer.content)

    async def replacements(self, *pairs: tuple[str, str]) -> str:
        body = {"phraseReplacements": [{"phrase": a, "replacement": b} for a, b in pairs]}
        answer = await self.http.post(CONFIG, json=body)
        answer.raise_for_status()
        return str(answer.json()["configId"])


def _audio(answer: httpx.Response, data: bytes) -> Audio:
    answer.raise_for_status()
    headers = answer.headers
    return Audio(
        data,
        {
            "request_id": headers["x-uplift-ai-request-id"],
            "duration": float(headers.get("x-uplift-ai-audio-duration", 0)),
            "content_type": headers["content-type"],
            "sample_rate": int(headers["x-uplift-ai-sample-rate"]),
            "bit_rate": int(headers.get("x-uplift-ai-bit-rate", 0)),
        },
    )


def client_of(server: RunningServer, secret: str) -> httpx.AsyncClient:
    headers = {"Authorization": f"Bearer {secret}"}
    return httpx.AsyncClient(base_url=server.url, headers=headers, timeout=30)


@pytest.fixture
async def uplift(shared_server: RunningServer) -> AsyncIterator[UpliftClient]:
    async with client_of(shared_server, shared_server.key) as http:
        yield UpliftClient(http)


@pytest.fixture
async def other_tenant(shared_server: RunningServer) -> AsyncIterator[UpliftClient]:
    async with open_database(shared_server.data_dir) as database:
        pepper = kept_secret(shared_server.data_dir / PEPPER_FILE)
        _, secret = await KeyStore(database, LoopClock(), pepper).create("another tenant's")
    async with client_of(shared_server, secret) as http:
        yield UpliftClient(http)


def phrase_in(audio: Audio, name: str = "MP3_22050_64") -> str | None:
    media_type, rate_hz = FORMATS[name]
    return understand(decode(audio.data, media_type, rate_hz))


@pytest.mark.speech
@pytest.mark.parametrize("name", [name for name in FORMATS if name != "ULAW_8000_8"])
async def test_what_was_asked_for_is_understood_in_every_format(uplift: UpliftClient, name: str) -> None:
    phrase = PHRASES[2]
    fields = {"text": f"{phrase}.", "voiceId": ENGLISH, "outputFormat": name}
    whole, streamed = await uplift.create(**fields), await uplift.create_stream(**fields)
    for audio in (whole, streamed):
        assert audio.metadata["content_type"] == FORMATS[name][0]
        assert audio.metadata["sample_rate"] == FORMATS[name][1]
        assert phrase_in(audio, name) == phrase
    duration_s = seconds(whole.data, *FORMATS[name])
    assert whole.metadata["duration"] / 1000 == pytest.approx(duration_s, abs=0.12)
    assert streamed.metadata["duration"] == 0


async def test_over_the_telephone_the_length_is_right(uplift: UpliftClient) -> None:
    audio = await uplift.create(text="Hello there.", voiceId=ENGLISH, outputFormat="ULAW_8000_8")
    assert len(audio.data) / 8 == pytest.approx(audio.metadata["duration"], abs=2)


@pytest.mark.speech
async def test_audio_is_fetched_by_its_id_in_either_way(uplift: UpliftClient) -> None:
    phrase = PHRASES[5]
    for path in ("text-to-speech-async", "text-to-speech/stream-async"):
        media = await uplift.enqueue(path, text=f"{phrase}.", voiceId=ENGLISH, outputFormat="MP3_22050_64")
        assert phrase_in(await uplift.retrieve(media["mediaId"])) == phrase
        async with httpx.AsyncClient(base_url=str(uplift.http.base_url)) as anybody:
            address = f"/v1/synthesis/stream-audio/{media['mediaId']}"
            answer = await anybody.get(address, params={"token": media["token"]})
            assert phrase_in(_audio(answer, answer.content)) == phrase
            assert (await anybody.get(address)).status_code == 401
            assert (await anybody.get(address, params={"token": "forged"})).status_code == 401


async def test_the_documented_voices_speak_by_stand_ins_that_are_named(uplift: UpliftClient) -> None:
    for voice, language in (("v_meklc281", "ur"), ("v_sd0kl3m9", "sd"), ("v_bl0ab8c4", "ur")):
        answer = await uplift.http.post(
            "/v1/synthesis/text-to-speech",
            json={"text": "آپ کیسے ہیں؟", "voiceId": voice, "outputFormat": "WAV_22050_16"},
        )
        assert answer.status_code == 200
        assert answer.headers["x-voxgate-voice"].startswith(f"Local.Espeak.{language}")
        with wave.open(io.BytesIO(answer.content)) as file:
            assert file.getnframes() > 22_050 // 2


@pytest.mark.speech
async def test_a_replaced_phrase_is_what_is_heard(uplift: UpliftClient) -> None:
    config = await uplift.replacements(("XQ7 report", PHRASES[2]), ("XQ7", PHRASES[0]))
    fields = {"voiceId": ENGLISH, "outputFormat": "MP3_22050_64"}
    for text, phrase in (("XQ7 report.", PHRASES[2]), ("xq7.", PHRASES[0])):
        plain = await uplift.create(text=text, **fields)
        replaced = await uplift.create(text=text, phraseReplacementConfigId=config, **fields)
        assert phrase_in(plain) is None
        assert phrase_in(replaced) == phrase
    body = {"phraseReplacements": [{"phrase": "XQ7", "replacement": PHRASES[8]}]}
    (await uplift.http.post(f"{CONFIG}/{config}", json=body)).raise_for_status()
    changed = await uplift.create_stream(text="XQ7.", phraseReplacementConfigId=config, **fields)
    assert phrase_in(changed) == PHRASES[8]


async def test_tenants_never_meet(uplift: UpliftClient, other_tenant: UpliftClient) -> None:
    config = await uplift.replacements(("XQ7", "secret"))
    media = await uplift.enqueue(text="Hello.", voiceId=ENGLISH)
    assert (await other_tenant.http.get(CONFIG)).json() == []
    for method, path in (
        ("GET", f"{CONFIG}/{config}"),
        ("DELETE", f"{CONFIG}/{config}"),
        ("GET", f"/v1/synthesis/stream-audio/{media['mediaId']}"),
    ):
        assert (await other_tenant.http.request(method, path)).status_code == 404
    answer = await other_tenant.http.post(
        "/v1/synthesis/text-to-speech", json={"text": "XQ7", "phraseReplacementConfigId": config}
    )
    assert answer.status_code == 400
    assert (await uplift.http.get(f"{CONFIG}/{config}")).status_code == 200


async def test_refusals_are_in_the_vendor_s_shape(uplift: UpliftClient) -> None:
    for fields in ({"voiceId": "v_nobody"}, {"outputFormat": "MP3_22050_96"}, {"text": ""}):
        answer = await uplift.http.post("/v1/synthesis/text-to-speech", json={"text": "Hello.", **fields})
        assert answer.status_code == answer.json()["statusCode"] == 400
        assert answer.json()["message"]
        assert answer.headers["x-uplift-ai-request-id"]
    async with httpx.AsyncClient(base_url=str(uplift.http.base_url)) as nobody:
        answer = await nobody.post("/v1/synthesis/text-to-speech", json={"text": "Hello."})
    assert (answer.status_code, answer.json()["message"]) == (401, "invalid authorization")


@pytest.mark.speech
async def test_many_at_once_each_gets_its_own(uplift: UpliftClient) -> None:
    phrases = PHRASES[:8]
    spoken = await asyncio.gather(
        *(uplift.create(text=f"{each}.", voiceId=ENGLISH, outputFormat="MP3_22050_64") for each in phrases)
    )
    assert [phrase_in(audio) for audio in spoken] == list(phrases)


@pytest.mark.speech
async def test_what_was_spoken_is_transcribed(uplift: UpliftClient) -> None:
    audio = await uplift.create(
        text="What is the weather tomorrow?", voiceId=ENGLISH, outputFormat="MP3_22050_128"
    )
    answer = await uplift.http.post(
        "/v1/transcribe/speech-to-text",
        files={"file": ("speech.mp3", audio.data, "audio/mpeg")},
        data={"model": "scribe-mini", "language": "en"},
    )
    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert told["transcript"] == told["text"]
    assert "weather" in told["text"]
    refused = await uplift.http.post(
        "/v1/transcribe/speech-to-text",
        files={"file": ("speech.mp3", audio.data, "audio/mpeg")},
        data={"language": "ur"},
    )
    assert refused.status_code == 400
    assert "English only" in refused.json()["message"]
