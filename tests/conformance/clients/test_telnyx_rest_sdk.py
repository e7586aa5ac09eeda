"""Telnyx's own client against the REST endpoints, with nothing changed but the address."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any, cast

import httpx
import numpy as np
import pytest

import telnyx
from tests.support.listening import decode, seconds
from tests.support.recognizer import PHRASES, understand
from tests.support.server import RunningServer
from voxgate.testing.scripted import CHARACTER_MS

TEXT = "Sixty characters make two point four seconds of these tones."
TEXT_S = len(TEXT) * CHARACTER_MS / 1000


@pytest.fixture
def client(shared_server: RunningServer) -> Iterator[telnyx.Telnyx]:
    with telnyx.Telnyx(base_url=f"{shared_server.url}/v2", api_key=shared_server.key, max_retries=0) as made:
        yield made


def speak(client: telnyx.Telnyx, voice: str, text: str = TEXT, **fields: Any) -> tuple[bytes, str]:
    """Return a file and its media type."""
    with client.text_to_speech.with_streaming_response.generate_speech(
        text=text, voice=voice, **fields
    ) as answer:
        return answer.read(), answer.headers["content-type"]


def test_binary_output_arrives_while_it_is_made(client: telnyx.Telnyx) -> None:
    # Fifty chunks are made, and the rest never: what is read here was sent before the last was made.
    with client.text_to_speech.with_streaming_response.generate_speech(
        text=TEXT, voice="Local.Test.hang-50", output_type="binary_output"
    ) as answer:
        assert answer.headers["transfer-encoding"] == "chunked"
        assert next(answer.iter_bytes())[:2] == b"\xff\xf3"


def test_binary_output_is_the_whole(client: telnyx.Telnyx) -> None:
    file, media_type = speak(client, "Local.Test.plain")
    assert media_type == "audio/mpeg"
    assert seconds(file, media_type) == pytest.approx(TEXT_S, rel=0.05)


def test_base64_output_is_read_by_the_client(client: telnyx.Telnyx) -> None:
    answer = client.text_to_speech.generate_speech(
        text=TEXT, voice="Local.Test.plain", output_type="base64_output"
    )
    assert answer.base64_audio is not None
    file = base64.b64decode(answer.base64_audio, validate=True)
    assert seconds(file, "audio/mpeg") == pytest.approx(TEXT_S, rel=0.05)


def test_audio_by_id_is_fetched_while_it_is_made(client: telnyx.Telnyx, shared_server: RunningServer) -> None:
    told = ask_for_id(client, "Local.Test.hang-50")
    assert told["audio_url"] == f"{shared_server.url}/v2/text-to-speech/speech/{told['audio_id']}"
    headers = {"Authorization": f"Bearer {shared_server.key}"}
    with httpx.stream("GET", told["audio_url"], headers=headers) as fetched:
        assert next(fetched.iter_raw())[:2] == b"\xff\xf3"


def test_audio_by_id_can_be_fetched_again(client: telnyx.Telnyx, shared_server: RunningServer) -> None:
    url = ask_for_id(client, "Local.Test.plain")["audio_url"]
    headers = {"Authorization": f"Bearer {shared_server.key}"}
    first, again = httpx.get(url, headers=headers), httpx.get(url, headers=headers)
    assert seconds(first.content, first.headers["content-type"]) == pytest.approx(TEXT_S, rel=0.05)
    assert again.content == first.content
    assert int(again.headers["content-length"]) == len(first.content)
    assert httpx.get(url).status_code == 401


def ask_for_id(client: telnyx.Telnyx, voice: str) -> dict[str, str]:
    answer = client.text_to_speech.with_raw_response.generate_speech(
        text=TEXT, voice=voice, extra_body={"output_type": "audio_id"}
    )
    told = answer.http_response.json()
    assert set(told) == {"audio_id", "audio_url"}
    return cast(dict[str, str], told)


ASKED: list[tuple[str, dict[str, Any], str, int]] = [
    ("Telnyx.NaturalHD.astra", {}, "audio/mpeg", 24_000),
    (
        "Telnyx.Ultra.Callie",
        {"telnyx": {"response_format": "pcm", "sampling_rate": 16_000}},
        "audio/pcm",
        16_000,
    ),
    ("Telnyx.Bayan.Ahmed", {}, "audio/wav", 16_000),
    ("aws.Polly.Generative.Lucia", {"aws": {"output_format": "ogg_vorbis"}}, "audio/ogg", 24_000),
    (
        "azure.en-US-AvaMultilingualNeural",
        {"azure": {"output_format": "raw-8khz-8bit-mono-mulaw"}},
        "audio/x-mulaw",
        8_000,
    ),
    ("Inworld.Mini.Ashley", {"voice_settings": {"encoding": "OGG_OPUS"}}, "audio/ogg", 24_000),
    ("Inworld.Mini.Ashley", {"voice_settings": {"encoding": "FLAC"}}, "audio/flac", 24_000),
    (
        "Resemble.Turbo.Aaron_en-US",
        {"resemble": {"format": "wav", "precision": "PCM_32"}},
        "audio/wav",
        48_000,
    ),
    (
        "xAI.eve",
        {"xai": {"voice_id": "eve", "output_format": "alaw", "sample_rate": 8_000}},
        "audio/x-alaw",
        8_000,
    ),
    ("soniox.tts-rt-v2.Maya", {"soniox": {"voice_id": "Maya", "audio_format": "wav"}}, "audio/wav", 24_000),
    (
        "Minimax.speech-2.8-turbo.English_CalmWoman",
        {"minimax": {"response_format": "pcm"}},
        "audio/pcm",
        24_000,
    ),
]


@pytest.mark.parametrize(("voice", "fields", "media_type", "rate_hz"), ASKED)
def test_every_providers_format_decodes_to_its_length(
    client: telnyx.Telnyx, voice: str, fields: dict[str, Any], media_type: str, rate_hz: int
) -> None:
    file, told = speak(client, voice, **fields)
    assert told == media_type
    # The same voice as it is made, at its own rate, tells how long it should be.
    reference, _ = speak(client, voice, extra_body={"output_type": "base64_output"}, **fields)
    assert reference.startswith(b'{"base64_audio":')
    length_s = seconds(file, media_type, rate_hz)
    whole = base64.b64decode(reference[17:-2], validate=True)
    assert length_s == pytest.approx(seconds(whole, media_type, rate_hz), rel=0.01)
    assert 2.0 < length_s < 8.0


@pytest.mark.speech
def test_what_it_says_is_understood(client: telnyx.Telnyx) -> None:
    for phrase in PHRASES[:4]:
        file, media_type = speak(client, "Telnyx.NaturalHD.astra", f"{phrase}.")
        assert understand(decode(file, media_type)) == phrase


def test_pace_and_level_are_applied(client: telnyx.Telnyx) -> None:
    def pcm(**settings: float) -> bytes:
        options: Any = {"response_format": "pcm", **settings}
        return speak(client, "Telnyx.Ultra.Callie", telnyx=options)[0]

    plain = pcm()
    assert len(pcm(voice_speed=1.5)) == pytest.approx(len(plain) / 1.5, rel=0.1)
    assert level(pcm(volume=0.5)) == pytest.approx(level(plain) / 2, rel=0.1)


def level(pcm: bytes) -> float:
    """Root mean square: the voice's breath differs from one time to the next, and peaks with it."""
    samples = np.frombuffer(pcm, "<i2").astype(np.float64)
    return float(np.sqrt(np.mean(samples**2)))


def test_voices_are_listed_as_the_client_reads_them(client: telnyx.Telnyx) -> None:
    found = client.text_to_speech.list_voices(provider="telnyx").voices or []
    astra = next(voice for voice in found if voice.voice_id == "astra")
    assert (astra.provider, astra.language, astra.gender, astra.hosted) == (
        "telnyx",
        "en-US",
        "female",
        False,
    )
    assert {voice.provider for voice in found} == {"telnyx"}


def test_errors_are_the_clients_own(client: telnyx.Telnyx, shared_server: RunningServer) -> None:
    ask = client.text_to_speech.generate_speech
    with pytest.raises(telnyx.BadRequestError) as engine:
        ask(text="Hello.", voice="Telnyx.Ultra.Callie", telnyx={"voice_speed": 9.0})
    assert error(engine.value) == ("90103", {"pointer": "/telnyx/voice_speed"})
    with pytest.raises(telnyx.UnprocessableEntityError) as fields:
        ask(text="Hello.", voice="Local.Test.plain", output_type="vinyl")  # type: ignore[arg-type]
    assert error(fields.value) == ("10032", {"pointer": "/output_type"})
    with pytest.raises(telnyx.UnprocessableEntityError) as missing:
        ask(voice="Local.Test.plain")
    assert error(missing.value) == ("10004", {"pointer": "/text"})
    with pytest.raises(telnyx.BadRequestError) as unknown:
        ask(text="Hello.", voice="Telnyx.NaturalHD.nobody")
    assert error(unknown.value)[1] == {"pointer": "/voice"}
    with pytest.raises(telnyx.BadRequestError) as ssml:
        ask(text="<speak>Hello", voice="azure.en-US-AvaNeural", text_type="ssml")
    assert error(ssml.value)[1] == {"pointer": "/text"}
    with pytest.raises(telnyx.PermissionDeniedError):
        ask(text="Hello.", voice="Telnyx.Qwen3TTS.d9348e0d-1111-2222-3333-444455556666")
    with pytest.raises(telnyx.InternalServerError) as failed:
        ask(text="Hello.", voice="Local.Test.fail-0")
    assert (failed.value.status_code, error(failed.value)[0]) == (502, "90103")
    with pytest.raises(telnyx.APIStatusError) as upgrade:
        client.text_to_speech.retrieve_speech()
    assert upgrade.value.status_code == 426
    stranger = telnyx.Telnyx(base_url=f"{shared_server.url}/v2", api_key="wrong", max_retries=0)
    with stranger, pytest.raises(telnyx.AuthenticationError) as denied:
        stranger.text_to_speech.list_voices()
    assert error(denied.value)[0] == "10009"


def error(raised: telnyx.APIStatusError) -> tuple[str, dict[str, str] | None]:
    """Code and source of the first error, as the client keeps them."""
    told = raised.response.json()["errors"][0]
    return told["code"], told.get("source")
