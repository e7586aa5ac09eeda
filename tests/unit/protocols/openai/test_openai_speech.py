"""OpenAI's endpoints, in process and over the scripted voice."""

from __future__ import annotations

import base64
import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.support.rest_app import Answer, RestApp, rest_app
from voxgate.protocols.openai.rest_models import ErrorAnswer, Model, ModelList
from voxgate.rest.voices import VoiceList
from voxgate.testing.scripted import CHARACTER_MS, read_back, tones

SPEECH = "/v1/audio/speech"
VOICE = "Local.Test.plain"

pytestmark = pytest.mark.virtual_time


async def speak(app: RestApp, path: str = SPEECH, **fields: Any) -> Answer:
    body = {"model": "tts-1", "voice": VOICE, "input": "Hello.", "response_format": "pcm"}
    return await app.ask("POST", path, body | fields)


def error(answer: Answer) -> tuple[str | None, str | None]:
    """The field and the code of an error, after checking its shape."""
    assert set(answer.json()["error"]) == {"message", "type", "param", "code"}
    told = ErrorAnswer.model_validate(answer.json()).error
    assert told.type in ("invalid_request_error", "rate_limit_error", "server_error")
    return told.param, told.code


def events(answer: Answer) -> list[dict[str, Any]]:
    """Read server-sent events, each a line and an empty one."""
    blocks = answer.body.decode().split("\n\n")
    assert blocks.pop() == ""
    assert all(block.startswith("data: ") and "\n" not in block for block in blocks)
    return [json.loads(block.removeprefix("data: ")) for block in blocks]


@pytest.mark.parametrize("path", [SPEECH, "/v2/audio/speech"])
async def test_speech_is_audio(path: str, tmp_path: Path) -> None:
    async with rest_app(tmp_path) as app:
        answer = await speak(app, path)
        assert (answer.status, answer.headers["content-type"]) == (200, "audio/pcm")
        assert answer.body == tones("Hello.")


async def test_each_format_says_what_it_is(tmp_path: Path) -> None:
    expected = {
        None: ("audio/mpeg", b"\xff\xf3"),
        "mp3": ("audio/mpeg", b"\xff\xf3"),
        "opus": ("audio/ogg", b"OggS"),
        "aac": ("audio/aac", b"\xff\xf1"),
        "flac": ("audio/flac", b"fLaC"),
        "wav": ("audio/wav", b"RIFF\xff\xff\xff\xff"),
    }
    async with rest_app(tmp_path) as app:
        for name, (media_type, start) in expected.items():
            answer = await speak(app, response_format=name)
            assert answer.headers["content-type"] == media_type
            assert answer.body.startswith(start)


async def test_another_rate_can_be_asked_for(tmp_path: Path) -> None:
    async with rest_app(tmp_path) as app:
        answer = await speak(app, sample_rate=16_000)
        assert read_back(answer.body, rate_hz=16_000) == "Hello."
        refused = await speak(app, response_format="opus", sample_rate=44_100)
        assert (refused.status, error(refused)) == (400, ("sample_rate", "unsupported_format"))


@pytest.mark.parametrize("speed", [0.25, 0.4, 0.7, 1.0, 2.5, 4.0])
async def test_speed_divides_the_duration(speed: float, tmp_path: Path) -> None:
    async with rest_app(tmp_path) as app:
        answer = await speak(app, speed=speed, input="Hello there.")
        seconds = len(answer.body) / 2 / 24_000
        assert seconds == pytest.approx(12 * CHARACTER_MS / 1000 / speed, rel=0.02)


async def test_events_bear_the_same_audio_and_say_how_much_it_was(tmp_path: Path) -> None:
    async with rest_app(tmp_path) as app:
        answer = await speak(app, stream_format="sse", voice="Local.Test.paced", input="Hello there.")
        assert answer.headers["content-type"].startswith("text/event-stream")
        *deltas, done = events(answer)
        assert {delta["type"] for delta in deltas} == {"speech.audio.delta"}
        assert b"".join(base64.b64decode(delta["audio"]) for delta in deltas) == tones("Hello there.")
        assert done == {
            "type": "speech.audio.done",
            "usage": {"input_tokens": 12, "output_tokens": 10, "total_tokens": 22},
        }
        assert len(answer.pieces) > 5
        assert all(before.at_s <= after.at_s for before, after in pairwise(answer.pieces))


async def test_events_tell_of_a_failure_in_mid_speech(tmp_path: Path) -> None:
    async with rest_app(tmp_path) as app:
        answer = await speak(app, stream_format="sse", voice="Local.Test.fail-5")
        assert answer.complete
        *deltas, last = events(answer)
        assert deltas
        assert last["type"] == "speech.audio.error"
        assert last["error"]["code"] == "provider_unavailable"


async def test_events_that_fail_before_audio_have_a_status(tmp_path: Path) -> None:
    async with rest_app(tmp_path) as app:
        answer = await speak(app, stream_format="sse", voice="Local.Test.fail-0")
        assert (answer.status, error(answer)) == (502, (None, "provider_unavailable"))


async def test_instructions_are_for_the_vendors_engine(tmp_path: Path) -> None:
    async with rest_app(tmp_path) as app:
        assert (await speak(app, instructions="Whisper.")).body == tones("Hello.")
        refused = await speak(app, instructions="x" * 4097)
        assert (refused.status, error(refused)) == (400, ("instructions", "invalid_string_length"))


async def test_models_that_openai_has_and_bare_telnyx_ids_speak(tmp_path: Path) -> None:
    asked = [
        (SPEECH, "tts-1", "alloy", "OpenAI.tts-1.alloy"),
        (SPEECH, "gpt-4o-mini-tts", {"id": "voice_1234"}, "OpenAI.gpt-4o-mini-tts.voice_1234"),
        ("/v2/audio/speech", "tts-1-hd", "astra", "Telnyx.NaturalHD.astra"),
        (SPEECH, "tts-1", "nova", "OpenAI.tts-1.nova"),
        ("/v2/audio/speech", "tts-1", "nova", "Telnyx.NaturalHD.nova"),
    ]
    async with rest_app(tmp_path) as app:
        for path, model, voice, name in asked:
            answer = await speak(app, path, model=model, voice=voice)
            assert answer.status == 200
            assert answer.headers["x-voxgate-voice"] == VOICE
            assert app.receipts[-1].voice == name


async def test_more_than_openai_takes_is_taken_up_to_the_rest_limit(tmp_path: Path) -> None:
    async with rest_app(tmp_path) as app:
        text = "".join(f"Sentence {number}. " for number in range(900))[:9_999] + "."
        answer = await speak(app, input=text)
        assert len(answer.body) == len(tones("x")) * 10_000
        refused = await speak(app, input=text + ".")
        assert (refused.status, error(refused)) == (400, ("input", "string_above_max_length"))


async def test_markdown_is_not_spoken(tmp_path: Path) -> None:
    async with rest_app(tmp_path) as app:
        assert (await speak(app, input="# **Hello** _there_")).body == tones("Hello there")


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"model": ""}, ("model", "invalid_string_length")),
        ({"model": 1}, ("model", "invalid_type")),
        ({"model": "gpt-5", "voice": "alloy"}, ("model", "model_not_found")),
        ({"input": ""}, ("input", "invalid_string_length")),
        ({"input": " \n "}, ("input", "invalid_request")),
        ({"input": "!!!"}, ("input", "invalid_request")),
        ({"input": ["Hello"]}, ("input", "invalid_type")),
        ({"input": None}, ("input", "invalid_type")),
        ({"voice": ""}, ("voice", "invalid_string_length")),
        ({"voice": 3}, ("voice", "invalid_type")),
        ({"voice": {}}, ("voice", "invalid_type")),
        ({"voice": {"id": 3}}, ("voice", "invalid_type")),
        ({"voice": "nobody"}, ("voice", "invalid_voice")),
        ({"voice": "Nobody.Model.voice"}, ("voice", "invalid_voice")),
        ({"voice": "Telnyx.NaturalHD.nobody"}, ("voice", "invalid_voice")),
        ({"response_format": "midi"}, ("response_format", "invalid_value")),
        ({"response_format": 3}, ("response_format", "invalid_value")),
        ({"speed": 0.2}, ("speed", "invalid_value")),
        ({"speed": 4.1}, ("speed", "invalid_value")),
        ({"speed": "fast"}, ("speed", "invalid_type")),
        ({"speed": True}, ("speed", "invalid_type")),
        ({"stream_format": "vinyl"}, ("stream_format", "invalid_value")),
        ({"sample_rate": 12_345}, ("sample_rate", "unsupported_format")),
        ({"sample_rate": -1}, ("sample_rate", "invalid_value")),
        ({"language": "no tag!"}, ("language", "invalid_request")),
        ({"instructions": 3}, ("instructions", "invalid_type")),
    ],
)
async def test_every_wrong_field_is_named(
    fields: dict[str, Any], expected: tuple[str, str], tmp_path: Path
) -> None:
    async with rest_app(tmp_path) as app:
        answer = await speak(app, **fields)
        assert (answer.status, error(answer)) == (400, expected)
        assert app.provider.spoken == []


async def test_a_missing_field_and_a_speed_that_is_no_number_are_named(tmp_path: Path) -> None:
    async with rest_app(tmp_path) as app:
        missing = await app.ask("POST", SPEECH, b'{"model": "tts-1", "input": "Hello."}')
        assert (missing.status, error(missing)) == (400, ("voice", "missing_required_parameter"))
        for number in (b"NaN", b"Infinity", b"1e999"):
            body = b'{"model": "tts-1", "input": "a", "voice": "Local.Test.plain", "speed": %s}' % number
            answer = await app.ask("POST", SPEECH, body)
            assert (answer.status, error(answer)) == (400, ("speed", "invalid_value"))


async def test_unknown_fields_are_ignored(tmp_path: Path) -> None:
    async with rest_app(tmp_path) as app:
        assert (await speak(app, stream=True, lang_code="a", seed=7)).status == 200


async def test_models_are_listed_and_each_one_described(tmp_path: Path) -> None:
    async with rest_app(tmp_path) as app:
        listed = ModelList.model_validate((await app.ask("GET", "/v1/models")).json()).data
        names = [model.id for model in listed]
        assert len(names) == len(set(names))
        assert {"tts-1", "tts-1-hd", "gpt-4o-mini-tts", "Telnyx.NaturalHD", "xAI"} <= set(names)
        for name in ("tts-1", "MiniMax.speech-2.8-turbo"):
            one = Model.model_validate((await app.ask("GET", f"/v1/models/{name}")).json())
            assert one in listed
        unknown = await app.ask("GET", "/v1/models/gpt-5")
        assert (unknown.status, error(unknown)) == (404, (None, "not_found"))


async def test_voices_are_the_same_records_as_telnyx_lists(tmp_path: Path) -> None:
    async with rest_app(tmp_path) as app:
        query = "?provider=openai&language=en"
        ours = await app.ask("GET", f"/v1/audio/voices{query}")
        theirs = await app.ask("GET", f"/v2/text-to-speech/voices{query}")
        assert ours.body == theirs.body
        assert len(VoiceList.model_validate(ours.json()).voices) == 3 * 13
        wrong = await app.ask("GET", "/v1/audio/voices?provider=nobody")
        assert (wrong.status, error(wrong)) == (400, ("provider", "invalid_request"))
        wrong = await app.ask("GET", "/v1/audio/voices?gender=robot")
        assert (wrong.status, error(wrong)) == (400, ("gender", "invalid_value"))
