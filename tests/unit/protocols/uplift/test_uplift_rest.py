"""Uplift's speech over REST: the four ways to ask, what is told about the audio, and every refusal."""

from __future__ import annotations

import asyncio
import io
import json
import uuid
import wave
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.rest_app import Answer, RestApp, rest_app
from voxgate.audio.decoder import decode
from voxgate.audio.g711 import decode_mulaw
from voxgate.config import LimitSettings, PlanSettings, RestSettings, UpliftSettings
from voxgate.protocols.uplift.formats import FORMATS
from voxgate.protocols.uplift.rest_models import Media
from voxgate.testing.scripted import read_back, tones

PREFIX = "/v1/synthesis"
WHOLE, STREAM = f"{PREFIX}/text-to-speech", f"{PREFIX}/text-to-speech/stream"
ASYNC, STREAM_ASYNC = f"{PREFIX}/text-to-speech-async", f"{PREFIX}/text-to-speech/stream-async"
FETCH = f"{PREFIX}/stream-audio"
NOW, LATER = (WHOLE, STREAM), (ASYNC, STREAM_ASYNC)
HELLO = {"text": "Hello there.", "voiceId": "v_meklc281", "outputFormat": "PCM_22050_16"}
PAGE = "https://app.example"


@pytest.fixture
async def app(tmp_path: Path) -> AsyncIterator[RestApp]:
    async with rest_app(tmp_path) as app:
        yield app


def problem(answer: Answer, status: int) -> dict[str, Any]:
    """Check the shape of a refusal."""
    told: dict[str, Any] = answer.json()
    assert answer.status == status == told["statusCode"], answer.body
    assert isinstance(told["message"], str)
    assert told["error"]
    assert set(told) <= {"statusCode", "message", "error", "detail"}
    uuid.UUID(answer.headers["x-uplift-ai-request-id"])
    assert answer.headers["access-control-allow-origin"] == "*"
    return told


async def fetched(app: RestApp, path: str, body: dict[str, Any]) -> Answer:
    """Ask for audio and fetch it, whichever way it goes."""
    answer = await app.ask("POST", path, body)
    assert answer.status == 200, answer.body
    if path in NOW:
        return answer
    media = Media.model_validate(answer.json())
    return await app.ask("GET", f"{FETCH}/{media.mediaId}?token={media.token}", authorization="")


def heard(answer: Answer, name: str = "PCM_22050_16") -> str:
    """Read the scripted voice back from an answer's audio."""
    target = FORMATS[name]
    if name.startswith("PCM"):
        pcm = answer.body
    elif name.startswith("ULAW"):
        pcm = decode_mulaw(answer.body)
    else:
        pcm = decode(answer.body).pcm
    return read_back(pcm, rate_hz=target.rate_hz)


@pytest.mark.parametrize("path", [*NOW, *LATER])
async def test_what_was_asked_for_is_what_is_heard(app: RestApp, path: str) -> None:
    answer = await fetched(app, path, HELLO)
    assert answer.complete
    assert answer.headers["content-type"] == "audio/pcm"
    assert answer.headers["x-voxgate-voice"] == "Local.Test.plain"
    assert heard(answer) == "Hello there."


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("path", [WHOLE, STREAM, ASYNC])
async def test_every_format_is_one_whole_file_of_the_right_length(app: RestApp, path: str, name: str) -> None:
    answer = await fetched(app, path, {**HELLO, "outputFormat": name})
    assert answer.headers["content-type"] == FORMATS[name].media_type
    assert answer.headers["x-uplift-ai-sample-rate"] == str(FORMATS[name].rate_hz)
    expected_s = len(tones("Hello there.")) / 2 / 24_000
    if name.startswith("PCM"):
        duration_s = len(answer.body) / 2 / 22_050
    elif name.startswith("ULAW"):
        duration_s = len(answer.body) / 8000
    else:
        pcm = decode(answer.body)
        duration_s = len(pcm.pcm) / 2 / pcm.rate_hz
    assert duration_s == pytest.approx(expected_s, abs=0.11)  # MP3 comes in frames, with a delay
    if not name.startswith(("MP3", "ULAW")):
        assert heard(answer, name) == "Hello there."


@pytest.mark.parametrize(
    ("name", "bits_a_second"),
    [
        ("MP3_22050_32", "32000"),
        ("MP3_22050_128", "128000"),
        ("PCM_22050_16", "352800"),
        ("WAV_22050_32", "705600"),
        ("ULAW_8000_8", "64000"),
        ("OGG_22050_16", None),
    ],
)
async def test_bit_rates_are_told_where_there_are_any(
    app: RestApp, name: str, bits_a_second: str | None
) -> None:
    answer = await app.ask("POST", STREAM, {**HELLO, "outputFormat": name})
    assert answer.headers.get("x-uplift-ai-bit-rate") == bits_a_second


async def test_of_a_whole_file_the_duration_is_told_in_milliseconds(app: RestApp) -> None:
    duration_ms = len(tones("Hello there.")) / 2 / 24
    for path in (WHOLE, ASYNC):
        answer = await fetched(app, path, HELLO)
        assert float(answer.headers["x-uplift-ai-audio-duration"]) == pytest.approx(duration_ms, abs=2)
    assert "x-uplift-ai-audio-duration" not in (await app.ask("POST", STREAM, HELLO)).headers


@pytest.mark.parametrize("path", [WHOLE, ASYNC])
@pytest.mark.parametrize(("name", "width"), [("WAV_22050_16", 2), ("WAV_22050_32", 4)])
async def test_a_whole_wav_file_says_how_long_it_is(app: RestApp, path: str, name: str, width: int) -> None:
    answer = await fetched(app, path, {**HELLO, "outputFormat": name})
    with wave.open(io.BytesIO(answer.body)) as file:
        assert (file.getsampwidth(), file.getframerate(), file.getnchannels()) == (width, 22_050, 1)
        assert file.getnframes() * width == len(answer.body) - 44
    assert answer.headers["content-length"] == str(len(answer.body))


async def test_32_bits_can_be_switched_off(tmp_path: Path) -> None:
    async with rest_app(tmp_path, uplift=UpliftSettings(wide_wav_bits=16)) as app:
        answer = await app.ask("POST", WHOLE, {**HELLO, "outputFormat": "WAV_22050_32"})
    with wave.open(io.BytesIO(answer.body)) as file:
        assert file.getsampwidth() == 2


async def test_only_the_text_is_needed(app: RestApp) -> None:
    answer = await app.ask("POST", WHOLE, {"text": "Hello there.", "unheard": "of", "voiceId": None})
    assert answer.headers["content-type"] == "audio/wav"
    assert decode(answer.body).rate_hz == 22_050
    assert app.receipts[-1].voice == "Uplift.v_meklc281"


async def test_any_voice_here_can_be_asked_for_by_its_compound_name(app: RestApp) -> None:
    answer = await app.ask("POST", STREAM, {**HELLO, "voiceId": "Local.Test.plain"})
    assert heard(answer) == "Hello there."
    assert "x-voxgate-voice" not in answer.headers


@pytest.mark.parametrize("speed", [0.5, 1, 2.0])
async def test_the_speed_is_honoured(app: RestApp, speed: float) -> None:
    plain = await app.ask("POST", WHOLE, HELLO)
    other = await app.ask("POST", WHOLE, {**HELLO, "speed": speed})
    assert len(other.body) == pytest.approx(len(plain.body) / speed, rel=0.02)


async def test_a_long_text_comes_as_one_file(app: RestApp) -> None:
    text = "".join(f"This is sentence number {number}. " for number in range(40))
    answer = await app.ask("POST", WHOLE, {**HELLO, "text": text})
    assert len(app.provider.spoken) > 1
    assert "".join(app.provider.spoken) == text
    assert len(answer.body) / 2 / 22_050 == pytest.approx(len(tones(text)) / 2 / 24_000, abs=0.05)


class TestRefusals:
    @pytest.mark.parametrize("path", [*NOW, *LATER])
    @pytest.mark.parametrize(
        ("fields", "hint"),
        [
            ({"text": None}, "text"),
            ({"text": ""}, "text"),
            ({"text": " ?!"}, "text"),
            ({"text": 7}, "text"),
            ({"text": "x" * 10_001}, "10001"),
            ({"voiceId": "v_nobody"}, "v_nobody"),
            ({"voiceId": ""}, "voiceId"),
            ({"voiceId": 7}, "voiceId"),
            ({"voiceId": "No.such.voice"}, "No"),
            ({"outputFormat": "MP3_22050_96"}, "outputFormat"),
            ({"outputFormat": 7}, "outputFormat"),
            ({"speed": 0.1}, "speed"),
            ({"speed": "fast"}, "speed"),
            ({"phraseReplacementConfigId": "nobodys"}, "id"),
            ({"phraseReplacementConfigId": 7}, "phraseReplacementConfigId"),
        ],
    )
    async def test_what_is_wrong_is_told(
        self, app: RestApp, path: str, fields: dict[str, Any], hint: str
    ) -> None:
        told = problem(await app.ask("POST", path, {**HELLO, **fields}), 400)
        assert hint in told["message"]
        assert app.provider.spoken == []

    @pytest.mark.parametrize("body", [b"{no json", b"[]", b"", b'"text"'])
    async def test_a_body_that_is_no_object_is_told(self, app: RestApp, body: bytes) -> None:
        for path in (*NOW, *LATER):
            problem(await app.ask("POST", path, body), 400)

    async def test_without_a_good_key_nothing_is_done(self, app: RestApp) -> None:
        for path in (*NOW, *LATER):
            told = problem(await app.ask("POST", path, HELLO, authorization="Bearer wrong"), 401)
            assert told["message"] == "invalid authorization"
        problem(await app.ask("GET", f"{FETCH}/x", authorization=""), 401)

    async def test_a_used_up_minute_says_when_to_come_back(self, tmp_path: Path) -> None:
        async with rest_app(tmp_path, limits=LimitSettings(requests_per_minute=1)) as app:
            assert (await app.ask("POST", STREAM, HELLO)).status == 200
            answer = await app.ask("POST", STREAM, HELLO)
        assert problem(answer, 429)["message"] == "ThrottlerException: Too Many Requests"
        assert 1 <= int(answer.headers["retry-after"]) <= 60

    async def test_a_large_body_is_not_read(self, tmp_path: Path) -> None:
        async with rest_app(tmp_path, rest=RestSettings(max_body_kib=1)) as app:
            problem(await app.ask("POST", STREAM, {**HELLO, "text": "x" * 2000}), 413)

    async def test_a_method_that_is_not_here_is_told(self, app: RestApp) -> None:
        answer = await app.ask("GET", WHOLE)
        assert answer.status == 405
        assert answer.json()["statusCode"] == 405
        assert answer.headers["allow"]

    @pytest.mark.parametrize("path", [*NOW, *LATER])
    @pytest.mark.parametrize(
        ("script", "status"), [("refuse", 400), ("deny", 502), ("full", 503), ("empty", 502), ("fail-0", 502)]
    )
    async def test_a_voice_that_fails_has_a_status_of_its_own(
        self, app: RestApp, path: str, script: str, status: int
    ) -> None:
        body = {**HELLO, "voiceId": f"Local.Test.{script}"}
        answer = await app.ask("POST", path, body)
        if path in LATER:
            media = answer.json()
            answer = await app.ask("GET", f"{FETCH}/{media['mediaId']}?token={media['token']}")
        problem(answer, status)

    async def test_speech_that_fails_half_way_ends_short(self, app: RestApp) -> None:
        answer = await app.ask("POST", STREAM, {**HELLO, "voiceId": "Local.Test.fail-3"})
        assert answer.status == 200
        assert not answer.complete
        problem(await app.ask("POST", WHOLE, {**HELLO, "voiceId": "Local.Test.fail-3"}), 502)


class TestMedia:
    async def test_the_answer_comes_before_the_audio(self, app: RestApp) -> None:
        for path in LATER:
            answer = await app.ask("POST", path, {**HELLO, "voiceId": "Local.Test.late-30"})
            media = answer.json()
            assert set(media) == {"mediaId", "token"}
            audio = await app.ask("GET", f"{FETCH}/{media['mediaId']}?token={media['token']}")
            assert heard(audio) == "Hello there."

    async def test_one_waits_for_the_whole_and_the_other_streams(self, app: RestApp) -> None:
        body = {**HELLO, "voiceId": "Local.Test.hang-2"}
        for path, first in ((STREAM_ASYNC, True), (ASYNC, False)):
            media = (await app.ask("POST", path, body)).json()
            call = app.call("GET", f"{FETCH}/{media['mediaId']}")
            running = asyncio.create_task(call.run())
            await asyncio.sleep(0.1)
            assert call.first_piece.is_set() is first
            call.go_away()
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

    async def test_the_key_does_as_well_as_the_token(self, app: RestApp) -> None:
        media = (await app.ask("POST", ASYNC, HELLO)).json()
        assert heard(await app.ask("GET", f"{FETCH}/{media['mediaId']}")) == "Hello there."

    async def test_it_can_be_fetched_again(self, app: RestApp) -> None:
        media = (await app.ask("POST", ASYNC, HELLO)).json()
        for _ in range(2):
            audio = await app.ask("GET", f"{FETCH}/{media['mediaId']}?token={media['token']}")
            assert heard(audio) == "Hello there."

    async def test_a_token_opens_nothing_else(self, app: RestApp) -> None:
        one, other = [(await app.ask("POST", ASYNC, HELLO)).json() for _ in range(2)]
        for token in (other["token"], "", "x", "x" * 5000, one["token"] + "x"):
            problem(await app.ask("GET", f"{FETCH}/{one['mediaId']}?token={token}"), 401)
        problem(await app.ask("POST", f"{STREAM}?token={one['token']}", HELLO, authorization=""), 401)

    async def test_what_there_is_none_of_is_not_found(self, app: RestApp) -> None:
        problem(await app.ask("GET", f"{FETCH}/{uuid.uuid4()}"), 404)

    async def test_another_tenant_finds_nothing(self, app: RestApp) -> None:
        media = (await app.ask("POST", ASYNC, HELLO)).json()
        _, secret = await app.services.keys.create("another tenant's")
        problem(await app.ask("GET", f"{FETCH}/{media['mediaId']}", authorization=f"Bearer {secret}"), 404)

    async def test_when_the_store_is_full_nothing_is_paid(self, tmp_path: Path) -> None:
        plans = {"default": PlanSettings(characters_per_day=1000)}
        async with rest_app(tmp_path, plans=plans) as app:
            app.services.audio_store._max_running = 0
            problem(await app.ask("POST", ASYNC, {**HELLO, "text": "x" * 900}), 503)
            assert (await app.ask("POST", STREAM, {**HELLO, "text": "x" * 900})).status == 200


class TestPages:
    async def test_a_page_of_any_origin_may_ask_first(self, app: RestApp) -> None:
        for path in (WHOLE, STREAM, ASYNC, STREAM_ASYNC, f"{FETCH}/some-id"):
            answer = await app.ask(
                "OPTIONS",
                path,
                authorization="",
                origin=PAGE,
                access_control_request_method="POST",
                access_control_request_headers="authorization,content-type",
            )
            assert (answer.status, answer.body) == (204, b"")
            assert answer.headers["access-control-allow-origin"] == "*"
            allowed = answer.headers["access-control-allow-headers"].lower()
            assert {"authorization", "content-type"} <= set(allowed.replace(",", " ").split())
            assert "POST" in answer.headers["access-control-allow-methods"]

    async def test_it_may_read_the_answer_and_its_headers(self, app: RestApp) -> None:
        for path in (*NOW, *LATER):
            answer = await app.ask("POST", path, HELLO, origin=PAGE)
            assert answer.headers["access-control-allow-origin"] == "*"
            exposed = answer.headers["access-control-expose-headers"].lower().replace(",", " ").split()
            told = {name for name in answer.headers if name.startswith("x-uplift-ai-")}
            assert told
            assert told <= set(exposed)

    async def test_every_answer_has_an_id_of_its_own(self, app: RestApp) -> None:
        answers = [await app.ask("POST", WHOLE, HELLO) for _ in range(3)]
        assert len({answer.headers["x-uplift-ai-request-id"] for answer in answers}) == 3


class TestPlans:
    async def test_a_day_s_characters_are_counted(self, tmp_path: Path) -> None:
        plans = {"default": PlanSettings(characters_per_day=20)}
        async with rest_app(tmp_path, plans=plans) as app:
            assert (await app.ask("POST", STREAM, HELLO)).status == 200
            for path in (*NOW, *LATER):
                answer = await app.ask("POST", path, HELLO)
                problem(answer, 429)
                assert int(answer.headers["retry-after"]) > 0

    async def test_what_was_not_heard_is_not_paid(self, tmp_path: Path) -> None:
        plans = {"default": PlanSettings(characters_per_day=20)}
        async with rest_app(tmp_path, plans=plans) as app:
            for path in NOW:
                problem(await app.ask("POST", path, {**HELLO, "voiceId": "Local.Test.deny"}), 502)
            media = (await app.ask("POST", ASYNC, {**HELLO, "voiceId": "Local.Test.deny"})).json()
            problem(await app.ask("GET", f"{FETCH}/{media['mediaId']}"), 502)
            assert (await app.ask("POST", STREAM, HELLO)).status == 200

    async def test_so_many_are_spoken_at_once_and_the_rest_wait(self, tmp_path: Path) -> None:
        plans = {"default": PlanSettings(streams=1)}
        async with rest_app(tmp_path, plans=plans) as app:
            first = app.call("POST", STREAM, {**HELLO, "voiceId": "Local.Test.hang-1"})
            second = app.call("POST", STREAM, {**HELLO, "text": "Wait."})
            running = [asyncio.create_task(first.run())]
            await first.first_piece.wait()
            running.append(asyncio.create_task(second.run()))
            await asyncio.sleep(0.05)
            assert app.provider.spoken == ["Hello there."]
            first.go_away()
            await asyncio.gather(*running)
            assert heard(second.answer) == "Wait."


async def test_what_is_asked_for_can_be_described(app: RestApp) -> None:
    schema = app.asgi.openapi()
    for path in (*NOW, *LATER, FETCH + "/{media_id}"):
        assert path in schema["paths"]
    assert json.dumps(schema)
