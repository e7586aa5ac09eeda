"""OpenAI's own client against the server, with nothing changed but the address."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator
from typing import Any

import openai
import pytest

from tests.support.listening import decode, seconds
from tests.support.recognizer import PHRASES, understand
from tests.support.server import RunningServer
from voxgate.testing.scripted import CHARACTER_MS, tones

TEXT = "Sixty characters make two point four seconds of these tones."
TEXT_S = len(TEXT) * CHARACTER_MS / 1000
FORMATS = {
    "mp3": "audio/mpeg",
    "opus": "audio/ogg",
    "aac": "audio/aac",
    "flac": "audio/flac",
    "wav": "audio/wav",
    "pcm": "audio/pcm",
}


@pytest.fixture
def client(shared_server: RunningServer) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{shared_server.url}/v1", api_key=shared_server.key, max_retries=0) as made:
        yield made


@pytest.fixture
def at_telnyx(shared_server: RunningServer) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{shared_server.url}/v2", api_key=shared_server.key, max_retries=0) as made:
        yield made


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_decodes_to_its_length(client: openai.OpenAI, name: str) -> None:
    answer = client.audio.speech.create(
        model="tts-1",
        voice="Local.Test.plain",
        input=TEXT,
        response_format=name,  # type: ignore[arg-type]  # the parameter's words, one by one
    )
    assert answer.response.headers["content-type"] == FORMATS[name]
    assert seconds(answer.content, FORMATS[name]) == pytest.approx(TEXT_S, rel=0.05)


@pytest.mark.speech
@pytest.mark.parametrize("name", FORMATS)
def test_every_format_is_understood(client: openai.OpenAI, name: str) -> None:
    phrase = PHRASES[list(FORMATS).index(name)]
    answer = client.audio.speech.create(
        model="tts-1-hd",
        voice="astra",
        input=f"{phrase}.",
        response_format=name,  # type: ignore[arg-type]
    )
    assert understand(decode(answer.content, FORMATS[name])) == phrase


@pytest.mark.parametrize("speed", [0.25, 0.5, 0.8, 2.0, 4.0])
def test_speed_divides_the_length_of_real_speech(client: openai.OpenAI, speed: float) -> None:
    lengths = [
        seconds(
            client.audio.speech.create(
                model="tts-1", voice="Local.Espeak.en-us", input=TEXT, response_format="pcm", speed=each
            ).content,
            "audio/pcm",
        )
        for each in (1.0, speed)
    ]
    assert lengths[1] == pytest.approx(lengths[0] / speed, rel=0.1)


def test_audio_arrives_while_it_is_made(client: openai.OpenAI) -> None:
    # Fifty chunks are made, and the rest never: what is read here was sent before the last was made.
    made = tones(TEXT)[: 50 * 960]
    heard = b""
    with client.audio.speech.with_streaming_response.create(
        model="tts-1", voice="Local.Test.hang-50", input=TEXT, response_format="pcm"
    ) as answer:
        pieces = answer.iter_bytes()
        while len(heard) < len(made):
            heard += next(pieces)
    assert heard == made


def test_events_bear_the_audio(client: openai.OpenAI) -> None:
    with client.audio.speech.with_streaming_response.create(
        model="gpt-4o-mini-tts",
        voice="Local.Test.plain",
        input=TEXT,
        instructions="Calmly.",
        response_format="pcm",
        stream_format="sse",
    ) as answer:
        lines = [line.removeprefix("data: ") for line in answer.iter_lines() if line]
    *deltas, done = (json.loads(line) for line in lines)
    assert b"".join(base64.b64decode(delta["audio"]) for delta in deltas) == tones(TEXT)
    assert done["type"] == "speech.audio.done"
    assert done["usage"]["input_tokens"] == len(TEXT)


def test_names_mean_what_their_address_says(client: openai.OpenAI, at_telnyx: openai.OpenAI) -> None:
    for asked, model, voice in (
        (client, "tts-1", "alloy"),
        (client, "gpt-4o-mini-tts", "verse"),
        (at_telnyx, "tts-1-hd", "astra"),
        (at_telnyx, "gpt-4o-mini-tts", "Jennifer"),
    ):
        answer = asked.audio.speech.create(model=model, voice=voice, input="Hello.")
        assert answer.response.headers["x-voxgate-voice"].startswith("Local.Espeak.")
        assert seconds(answer.content, "audio/mpeg") > 0.2


def test_models_are_listed(client: openai.OpenAI) -> None:
    names = [model.id for model in client.models.list()]
    assert {"tts-1", "tts-1-hd", "gpt-4o-mini-tts", "Telnyx.NaturalHD"} <= set(names)
    assert client.models.retrieve("Telnyx.Ultra").owned_by == "telnyx"


def test_errors_are_the_clients_own(client: openai.OpenAI, shared_server: RunningServer) -> None:
    def speak(asked: openai.OpenAI = client, voice: str = "Local.Test.plain", **fields: object) -> None:
        asked.audio.speech.create(model="tts-1", voice=voice, input="Hello.", extra_body=fields, timeout=20)

    with pytest.raises(openai.BadRequestError) as wrong:
        speak(speed=9)
    assert (wrong.value.param, wrong.value.code) == ("speed", "invalid_value")
    assert wrong.value.type == "invalid_request_error"
    with pytest.raises(openai.BadRequestError) as unknown:
        speak(voice="nobody")
    assert (unknown.value.param, unknown.value.code) == ("voice", "invalid_voice")
    with pytest.raises(openai.BadRequestError) as broken:
        speak(input="")
    assert broken.value.param == "input"
    stranger = openai.OpenAI(base_url=f"{shared_server.url}/v1", api_key="wrong", max_retries=0)
    with stranger, pytest.raises(openai.AuthenticationError) as denied:
        speak(stranger)
    assert denied.value.code == "invalid_api_key"
    with pytest.raises(openai.PermissionDeniedError):
        speak(voice="Telnyx.Qwen3TTS.d9348e0d-1111-2222-3333-444455556666")
    with pytest.raises(openai.InternalServerError) as failed:
        speak(voice="Local.Test.fail-0")
    assert failed.value.status_code == 502
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("gpt-5")


def test_a_used_up_limit_is_the_clients_own_error(tmp_path_factory: pytest.TempPathFactory) -> None:
    limit = {"VOXGATE_LIMITS__REQUESTS_PER_MINUTE": "1"}
    with RunningServer(tmp_path_factory.mktemp("limited"), environment=limit) as server:
        with openai.OpenAI(base_url=f"{server.url}/v1", api_key=server.key, max_retries=0) as client:
            client.models.list()
            with pytest.raises(openai.RateLimitError) as limited:
                client.models.list()
            assert limited.value.code == "rate_limit_exceeded"
            assert int(limited.value.response.headers["retry-after"]) > 0


def test_speech_that_fails_half_way_is_no_whole_answer(client: openai.OpenAI) -> None:
    with pytest.raises(openai.APIConnectionError):
        client.audio.speech.create(model="tts-1", voice="Local.Test.fail-9", input=TEXT)


def test_a_client_that_goes_away_stops_its_synthesis(server: RunningServer) -> None:
    with openai.OpenAI(base_url=f"{server.url}/v1", api_key=server.key, max_retries=0) as client:
        with client.audio.speech.with_streaming_response.create(
            model="tts-1", voice="Local.Test.paced", input=TEXT * 20
        ) as answer:
            next(answer.iter_bytes())
    receipt = wait_for_receipt(server)
    assert receipt["outcome"] == "cancelled"
    assert receipt["audio_made_s"] < TEXT_S


def wait_for_receipt(server: RunningServer) -> dict[str, Any]:
    """Return the log's line of the only utterance, once it is there."""
    until_s = time.monotonic() + 10
    while time.monotonic() < until_s:
        for line in server.log().splitlines():
            if line.startswith("{") and (told := json.loads(line)).get("event") == "utterance":
                assert isinstance(told, dict)
                return told
        time.sleep(0.01)
    raise AssertionError("no receipt came")
