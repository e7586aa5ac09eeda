"""Telnyx's REST endpoints, in process and over the scripted voice."""

from __future__ import annotations

import asyncio
import base64
from pathlib import Path
from typing import Any

import pytest

from tests.support.rest_app import Answer, RestApp, rest_app
from voxgate.audio.wav import HEADER_BYTES, header
from voxgate.config import RestSettings, ServerSettings
from voxgate.protocols.telnyx.rest_models import AudioIdAnswer, Base64Answer, ErrorEnvelope
from voxgate.rest.voices import VoiceList
from voxgate.testing.scripted import tones

SPEECH = "/v2/text-to-speech/speech"
VOICE = "Local.Test.plain"
# Local voices have no field for the format; a vendor's voice, stood in for, has.
AS_PCM: dict[str, Any] = {"voice": "Telnyx.NaturalHD.astra", "telnyx": {"response_format": "pcm"}}

pytestmark = pytest.mark.virtual_time


def errors(answer: Answer) -> list[tuple[str, str | None]]:
    """Code and place of each error, after checking the envelope's shape."""
    told = ErrorEnvelope.model_validate(answer.json())
    return [(error.code, error.source.pointer if error.source else None) for error in told.errors]


async def speak(app: RestApp, **fields: Any) -> Answer:
    return await app.ask("POST", SPEECH, {"text": "Hello.", "voice": VOICE, **fields})


@pytest.mark.parametrize("path", [SPEECH, "/v2/text-to-speech"])
async def test_speech_is_audio_by_default(path: str, tmp_path: Path) -> None:
    async with rest_app(tmp_path) as app:
        answer = await app.ask("POST", path, {"text": "Hello.", **AS_PCM})
        assert answer.status == 200
        assert answer.headers["content-type"] == "audio/pcm"
        assert answer.body == tones("Hello.")
        mp3 = await app.ask("POST", path, {"text": "Hello.", "voice": VOICE, "output_type": "binary_output"})
        assert mp3.headers["content-type"] == "audio/mpeg"


async def test_base64_is_json_with_all_of_the_audio(tmp_path: Path) -> None:
    async with rest_app(tmp_path) as app:
        answer = await speak(app, output_type="base64_output", **AS_PCM)
        assert answer.headers["content-type"] == "application/json"
        assert answer.headers["x-voxgate-voice"] == VOICE
        assert list(answer.json()) == ["base64_audio"]
        file = base64.b64decode(Base64Answer.model_validate(answer.json()).base64_audio, validate=True)
        assert file == tones("Hello.")


async def test_wav_has_exact_sizes_when_it_is_whole_and_none_when_it_streams(tmp_path: Path) -> None:
    wav = AS_PCM | {"telnyx": {"response_format": "wav"}}
    async with rest_app(tmp_path) as app:
        whole = await speak(app, output_type="base64_output", **wav)
        file = base64.b64decode(whole.json()["base64_audio"])
        assert file[:HEADER_BYTES] == header(24_000, 16, len(tones("Hello.")))
        streamed = await speak(app, **wav)
        assert streamed.headers["content-type"] == "audio/wav"
        assert streamed.body[:HEADER_BYTES] == header(24_000, 16)
        assert streamed.body[HEADER_BYTES:] == file[HEADER_BYTES:] == tones("Hello.")


async def test_base64_that_fails_in_mid_speech_is_an_error_not_half_a_file(tmp_path: Path) -> None:
    async with rest_app(tmp_path) as app:
        answer = await speak(app, voice="Local.Test.fail-5", output_type="base64_output")
        assert answer.status == 502
        assert errors(answer) == [("90103", None)]


async def test_a_client_that_leaves_while_base64_is_made_stops_it(tmp_path: Path) -> None:
    async with rest_app(tmp_path) as app:
        body = {"text": "Hello.", "voice": "Local.Test.paced", "output_type": "base64_output"}
        call = app.call("POST", SPEECH, body)
        running = asyncio.create_task(call.run())
        await asyncio.sleep(0.1)
        call.go_away()
        await running
        assert call.answer.status == 0
        assert [receipt.outcome.value for receipt in app.receipts] == ["cancelled"]


async def test_audio_by_id_can_be_fetched_at_once_and_streams(tmp_path: Path) -> None:
    async with rest_app(tmp_path) as app:
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        answer = await speak(app, voice="Local.Test.paced", output_type="audio_id", text="A text that lasts.")
        assert answer.status == 200
        assert loop.time() == began_s, "answered before anything was made"
        told = AudioIdAnswer.model_validate(answer.json())
        assert told.audio_url == f"http://testserver{SPEECH}/{told.audio_id}"
        path = f"{SPEECH}/{told.audio_id}"
        first, second = await asyncio.gather(app.ask("GET", path), app.ask("GET", path))
        assert first.body == second.body
        assert first.pieces[0].at_s - began_s < 0.2 < 0.6 < loop.time() - began_s
        assert "content-length" not in first.headers
        later = await app.ask("GET", path)
        assert later.body == first.body
        assert later.headers["content-length"] == str(len(first.body))
        assert later.headers["content-type"] == "audio/mpeg"


async def test_the_address_given_out_is_the_public_one(tmp_path: Path) -> None:
    settings = ServerSettings(public_url="https://voice.example.com/")
    async with rest_app(tmp_path, server=settings) as app:
        answer = await speak(app, output_type="audio_id")
        assert answer.json()["audio_url"].startswith(f"https://voice.example.com{SPEECH}/")
        await app.ask("GET", f"{SPEECH}/{answer.json()['audio_id']}")


async def test_audio_by_id_is_its_tenants_only_and_not_for_ever(tmp_path: Path) -> None:
    async with rest_app(tmp_path, rest=RestSettings(audio_ttl_s=60)) as app:
        path = f"{SPEECH}/{(await speak(app, output_type='audio_id')).json()['audio_id']}"
        _, secret = await app.services.keys.create("somebody else")
        stranger = await app.ask("GET", path, authorization=f"Bearer {secret}")
        assert (stranger.status, errors(stranger)) == (404, [("10005", None)])
        assert (await app.ask("GET", path)).status == 200
        await asyncio.sleep(61)
        assert (await app.ask("GET", path)).status == 404


async def test_audio_by_id_that_failed_says_why(tmp_path: Path) -> None:
    async with rest_app(tmp_path) as app:
        made = await speak(app, voice="Local.Test.fail-0", output_type="audio_id")
        answer = await app.ask("GET", f"{SPEECH}/{made.json()['audio_id']}")
        assert (answer.status, errors(answer)) == (502, [("90103", None)])


async def test_a_stand_in_is_named_even_where_the_audio_is_not_there_yet(tmp_path: Path) -> None:
    async with rest_app(tmp_path) as app:
        made = await speak(app, voice="Telnyx.Ultra.Jennifer", output_type="audio_id")
        fetched = await app.ask("GET", f"{SPEECH}/{made.json()['audio_id']}")
        assert made.headers["x-voxgate-voice"] == fetched.headers["x-voxgate-voice"] == VOICE


async def test_the_cache_answers_unless_it_may_not(tmp_path: Path) -> None:
    async with rest_app(tmp_path) as app:
        for disable_cache in (False, False, True):
            await speak(app, disable_cache=disable_cache)
        assert [receipt.cached for receipt in app.receipts] == [False, True, False]


@pytest.mark.parametrize("voice", ["Telnyx.Ultra.Jennifer", "xAI.eve"])
async def test_voices_that_the_websocket_refuses_speak_here(voice: str, tmp_path: Path) -> None:
    async with rest_app(tmp_path) as app:
        assert (await speak(app, voice=voice)).status == 200


async def test_pace_is_applied(tmp_path: Path) -> None:
    async with rest_app(tmp_path) as app:
        answer = await speak(app, **AS_PCM | {"telnyx": {"response_format": "pcm", "voice_speed": 2.0}})
        assert answer.body == tones("Hello.", speed=2.0)


@pytest.mark.parametrize(
    ("fields", "status", "expected"),
    [
        ({"text": None}, 422, [("10015", "/text")]),
        ({"text": ""}, 422, [("10033", "/text")]),
        ({"text": "  \n"}, 400, [("10015", "/text")]),
        ({"text": "x" * 10_001}, 400, [("10033", "/text")]),
        ({"text": 7}, 422, [("10015", "/text")]),
        ({"voice": ["Telnyx"]}, 422, [("10015", "/voice")]),
        ({"voice": ""}, 422, [("10033", "/voice")]),
        ({"voice": "astra"}, 400, [("10015", "/voice")]),
        ({"voice": "Nobody.Model.voice"}, 400, [("10015", "/voice")]),
        ({"voice": "Telnyx.NaturalHD.nobody"}, 400, [("10015", "/voice")]),
        ({"voice": None}, 422, [("10004", "/voice")]),
        ({"voice": None, "provider": "nobody"}, 400, [("10015", "/provider")]),
        ({"voice": None, "provider": "aws"}, 400, [("10015", "/voice")]),
        ({"output_type": "vinyl"}, 422, [("10032", "/output_type")]),
        ({"text_type": "html"}, 422, [("10032", "/text_type")]),
        ({"disable_cache": "yes"}, 422, [("10015", "/disable_cache")]),
        ({"language": "no tag!"}, 400, [("10015", "/language")]),
        ({"voice_settings": [1]}, 422, [("10015", "/voice_settings")]),
        ({"telnyx": "fast"}, 422, [("10015", "/telnyx")]),
        ({"aws": {"sample_rate": [1]}}, 422, [("10015", "/aws/sample_rate")]),
        (
            {"minimax": {"pitch": "high", "vol": "low"}},
            422,
            [("10015", "/minimax/pitch"), ("10015", "/minimax/vol")],
        ),
        (
            {"voice": "Telnyx.Ultra.Jennifer", "telnyx": {"voice_speed": 9}},
            400,
            [("90103", "/telnyx/voice_speed")],
        ),
        (
            {"voice": "Telnyx.Ultra.Jennifer", "telnyx": {"sampling_rate": 1}},
            400,
            [("10032", "/telnyx/sampling_rate")],
        ),
    ],
)
async def test_every_wrong_field_is_named(
    fields: dict[str, Any], status: int, expected: list[tuple[str, str]], tmp_path: Path
) -> None:
    async with rest_app(tmp_path) as app:
        answer = await speak(app, **fields)
        assert (answer.status, errors(answer)) == (status, expected)
        assert app.provider.spoken == []


async def test_a_missing_text_and_a_speed_that_is_no_number_are_named(tmp_path: Path) -> None:
    async with rest_app(tmp_path) as app:
        missing = await app.ask("POST", SPEECH, b'{"voice": "Local.Test.plain"}')
        assert (missing.status, errors(missing)) == (422, [("10004", "/text")])
        nan = await app.ask(
            "POST",
            SPEECH,
            b'{"text": "a", "voice": "Telnyx.Ultra.Jennifer", "telnyx": {"voice_speed": NaN}}',
        )
        assert nan.status in (400, 422)
        assert errors(nan)[0][1] == "/telnyx/voice_speed"


async def test_unknown_fields_are_ignored(tmp_path: Path) -> None:
    async with rest_app(tmp_path) as app:
        assert (await speak(app, colour="red", telnyx={"colour": "red"})).status == 200


@pytest.mark.parametrize("path", ["/v2/text-to-speech/voices", "/v2/ai/tts/voices"])
async def test_voices_are_listed_and_filtered(path: str, tmp_path: Path) -> None:
    async with rest_app(tmp_path) as app:
        every = VoiceList.model_validate((await app.ask("GET", path)).json()).voices
        assert len(every) > 3000
        some = (
            await app.ask("GET", f"{path}?provider=TELNYX&model=NaturalHD&language=fr&gender=female")
        ).json()
        found = VoiceList.model_validate(some).voices
        assert found
        assert {(voice.provider, voice.model_id, voice.gender) for voice in found} == {
            ("telnyx", "NaturalHD", "female")
        }
        assert not any(voice.hosted for voice in found)
        one = next(voice for voice in every if voice.id == "Telnyx.NaturalHD.astra")
        assert (one.voice_id, one.name, one.label) == ("astra", "Astra", "Astra")
        assert (await speak(app, voice=found[0].id)).status == 200


async def test_a_wrong_filter_is_named(tmp_path: Path) -> None:
    path = "/v2/text-to-speech/voices"
    async with rest_app(tmp_path) as app:
        unknown = await app.ask("GET", f"{path}?provider=nobody")
        assert unknown.status == 400
        assert unknown.json()["errors"][0]["source"] == {"parameter": "provider"}
        wrong = await app.ask("GET", f"{path}?hosted=perhaps")
        assert wrong.status == 422
        assert wrong.json()["errors"][0]["source"] == {"parameter": "hosted"}


@pytest.mark.parametrize("path", [SPEECH, "/v2/text-to-speech"])
async def test_get_without_an_upgrade_is_told_what_to_do(path: str, tmp_path: Path) -> None:
    async with rest_app(tmp_path) as app:
        answer = await app.ask("GET", path)
        assert answer.status == 426
        assert answer.headers["upgrade"] == "websocket"
        assert "upgrade" in ErrorEnvelope.model_validate(answer.json()).errors[0].detail


async def test_designs_and_clones_are_501(tmp_path: Path) -> None:
    asked = [
        ("POST", "/v2/voice_designs"),
        ("GET", "/v2/voice_designs/d1/sample"),
        ("DELETE", "/v2/voice_designs/d1/versions/2"),
        ("POST", "/v2/voice_clones/from_upload"),
        ("PATCH", "/v2/voice_clones/c1"),
    ]
    async with rest_app(tmp_path) as app:
        for method, path in asked:
            answer = await app.ask(method, path, b"--x", content_type="multipart/form-data; boundary=x")
            assert answer.status == 501
            assert len(errors(answer)) == 1
