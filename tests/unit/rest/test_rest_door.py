"""What both REST doors do before they speak: who asks, what a body may be, refusals in their own shape."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.rest_app import Answer, rest_app
from voxgate.config import LimitSettings, RestSettings
from voxgate.protocols.openai.rest_models import ErrorAnswer
from voxgate.protocols.telnyx.rest_models import ErrorEnvelope
from voxgate.rest.answers import SEND_TIMEOUT_S
from voxgate.rest.door import BODY_TIMEOUT_S

pytestmark = pytest.mark.virtual_time


@dataclass(frozen=True)
class Front:
    """A door, a request that it grants, and how it tells its errors."""

    path: str
    body: dict[str, Any]

    def error(self, answer: Answer) -> tuple[str, str | None]:
        """Check the shape of a refusal; return its code and the field it names."""
        assert answer.headers["content-type"] == "application/json"
        if "text-to-speech" in self.path:
            error = ErrorEnvelope.model_validate(answer.json()).errors[0]
            assert error.meta is not None
            return error.code, error.source.pointer if error.source else None
        assert set(answer.json()["error"]) == {"message", "type", "param", "code"}
        told = ErrorAnswer.model_validate(answer.json()).error
        return told.code or "", told.param


TELNYX = Front("/v2/text-to-speech/speech", {"voice": "Local.Test.plain", "text": "Hello."})
OPENAI = Front("/v1/audio/speech", {"model": "tts-1", "voice": "Local.Test.plain", "input": "Hello."})
FRONTS = pytest.mark.parametrize("front", [TELNYX, OPENAI], ids=["telnyx", "openai"])


@FRONTS
async def test_without_a_good_key_it_is_401_before_the_body_is_looked_at(
    front: Front, tmp_path: Path
) -> None:
    async with rest_app(tmp_path) as app:
        for header in ("", "Bearer", "Bearer wrong", "Basic bootstrap-key-for-tests"):
            answer = await app.ask("POST", front.path, b"{no json", authorization=header)
            assert answer.status == 401
            assert answer.headers["www-authenticate"] == "Bearer"
            assert front.error(answer)[0] in ("10009", "invalid_api_key")


@FRONTS
async def test_a_used_up_limit_is_429_and_says_when_to_come_back(front: Front, tmp_path: Path) -> None:
    async with rest_app(tmp_path, limits=LimitSettings(requests_per_minute=1)) as app:
        assert (await app.ask("POST", front.path, front.body)).status == 200
        answer = await app.ask("POST", front.path, b"{no json")
        assert answer.status == 429
        assert 1 <= int(answer.headers["retry-after"]) <= 60
        assert front.error(answer)[0] in ("10011", "rate_limit_exceeded")


NOT_JSON = {
    "cut": b"{",
    "empty": b"",
    "blank": b"  ",
    "no text": b"\xff\xfe{",
    "no value": b'{"a": }',
    "too deep": b"[" * 50_000,
    "huge number": b'{"a":' + b"9" * 5000 + b"}",
}


@FRONTS
async def test_a_body_that_is_not_json_is_400(front: Front, tmp_path: Path) -> None:
    async with rest_app(tmp_path) as app:
        for what, body in NOT_JSON.items():
            answer = await app.ask("POST", front.path, body)
            assert answer.status == 400, what
            assert front.error(answer)[0] in ("10023", "invalid_json"), what


@FRONTS
async def test_a_body_that_is_no_object_is_400(front: Front, tmp_path: Path) -> None:
    async with rest_app(tmp_path) as app:
        for body in (b"[]", b"null", b'"text"', b"3"):
            answer = await app.ask("POST", front.path, body)
            assert answer.status == 400
            assert front.error(answer)[0] in ("10015", "invalid_type")


@FRONTS
async def test_another_content_type_is_400(front: Front, tmp_path: Path) -> None:
    async with rest_app(tmp_path) as app:
        for kind in ("", "text/plain", "application/x-www-form-urlencoded", "json", "*/*"):
            answer = await app.ask("POST", front.path, front.body, content_type=kind)
            assert answer.status == 400
            assert front.error(answer)[0] in ("10014", "unsupported_content_type")
        for kind in ("application/json; charset=utf-8", "Application/JSON", "application/a+json"):
            assert (await app.ask("POST", front.path, front.body, content_type=kind)).status == 200


@FRONTS
@pytest.mark.parametrize("declared", [True, False])
async def test_a_body_over_the_limit_is_413(front: Front, declared: bool, tmp_path: Path) -> None:
    async with rest_app(tmp_path, rest=RestSettings(max_body_kib=1)) as app:
        fits = b'{"a":"' + b"x" * 1016 + b'"}'
        too_large = fits.replace(b"}", b" }")
        assert len(fits) == 1024
        length = {"content_length": str(len(too_large))} if declared else {}
        assert (await app.ask("POST", front.path, fits)).status in (400, 422)
        answer = await app.ask("POST", front.path, too_large, **length)
        assert answer.status == 413
        assert front.error(answer)[0] in ("10015", "request_too_large")


@FRONTS
async def test_a_body_that_does_not_come_is_408(front: Front, tmp_path: Path) -> None:
    async with rest_app(tmp_path) as app:
        call = app.call("POST", front.path)
        call.hold_body()
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        answer = await call.run()
        assert answer.status == 408
        assert loop.time() - began_s == pytest.approx(BODY_TIMEOUT_S, abs=0.01)
        assert front.error(answer)[0] in ("10008", "request_timeout")


@FRONTS
async def test_a_client_that_leaves_in_mid_body_harms_nobody(front: Front, tmp_path: Path) -> None:
    async with rest_app(tmp_path) as app:
        call = app.call("POST", front.path)
        call.hold_body()
        call.go_away()
        await call.run()
        assert app.provider.spoken == []


FAILING = {
    "refuse": 400,
    "deny": 502,
    "full": 503,
    "fail-0": 502,
    "empty": 502,
    "nonsense": 400,
    "hang-0": 504,
}


@FRONTS
async def test_what_fails_before_audio_has_a_status(front: Front, tmp_path: Path) -> None:
    async with rest_app(tmp_path) as app:
        for script, status in FAILING.items():
            answer = await app.ask("POST", front.path, front.body | {"voice": f"Local.Test.{script}"})
            assert answer.status == status, script
            front.error(answer)
            assert ("retry-after" in answer.headers) == (script == "full")


@FRONTS
async def test_a_failure_in_mid_speech_ends_the_body_short(front: Front, tmp_path: Path) -> None:
    async with rest_app(tmp_path) as app:
        answer = await app.ask("POST", front.path, front.body | {"voice": "Local.Test.fail-5"})
        assert answer.status == 200
        assert not answer.complete


@FRONTS
async def test_audio_comes_while_it_is_made(front: Front, tmp_path: Path) -> None:
    async with rest_app(tmp_path) as app:
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        answer = await app.ask("POST", front.path, front.body | {"voice": "Local.Test.paced"})
        made_in_s = loop.time() - began_s
        first_s = answer.pieces[0].at_s - began_s
        assert answer.complete
        assert len(answer.pieces) > 3
        assert first_s < made_in_s / 2
        assert "content-length" not in answer.headers
        assert answer.headers["x-accel-buffering"] == "no"


@FRONTS
@pytest.mark.parametrize("script", ["paced", "late-60000"])
async def test_a_client_that_goes_away_stops_its_synthesis(front: Front, script: str, tmp_path: Path) -> None:
    async with rest_app(tmp_path) as app:
        call = app.call("POST", front.path, front.body | {"voice": f"Local.Test.{script}"})
        running = asyncio.create_task(call.run())
        await asyncio.sleep(0.1)
        call.go_away()
        await running
        assert [receipt.outcome.value for receipt in app.receipts] == ["cancelled"]
        assert app.provider.aborted == 1
        assert not call.answer.complete


@FRONTS
async def test_a_client_that_reads_no_more_is_given_up(front: Front, tmp_path: Path) -> None:
    async with rest_app(tmp_path) as app:
        call = app.call("POST", front.path, front.body | {"voice": "Local.Test.paced"})
        call.stop_reading()
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        await call.run()
        assert loop.time() - began_s == pytest.approx(SEND_TIMEOUT_S, abs=1)
        assert [receipt.outcome.value for receipt in app.receipts] == ["cancelled"]


@FRONTS
async def test_another_method_is_405_in_the_doors_own_shape(front: Front, tmp_path: Path) -> None:
    async with rest_app(tmp_path) as app:
        answer = await app.ask("PUT", front.path, front.body)
        assert (answer.status, answer.headers["allow"]) == (405, "POST")
        front.error(answer)


@FRONTS
async def test_a_stand_in_is_named_and_the_voice_itself_is_not(front: Front, tmp_path: Path) -> None:
    async with rest_app(tmp_path) as app:
        stood_in = await app.ask("POST", front.path, front.body | {"voice": "Telnyx.NaturalHD.astra"})
        assert stood_in.headers["x-voxgate-voice"] == "Local.Test.plain"
        itself = await app.ask("POST", front.path, front.body)
        assert "x-voxgate-voice" not in itself.headers


@FRONTS
async def test_without_stand_ins_a_vendors_voice_is_400(front: Front, tmp_path: Path) -> None:
    async with rest_app(tmp_path, stand_ins=False) as app:
        answer = await app.ask("POST", front.path, front.body | {"voice": "Telnyx.NaturalHD.astra"})
        assert answer.status == 400
        assert front.error(answer)[1] in ("/voice", "voice")


@FRONTS
async def test_a_clone_needs_a_verified_identity(front: Front, tmp_path: Path) -> None:
    async with rest_app(tmp_path) as app:
        clone = front.body | {"voice": "Telnyx.Qwen3TTS.d9348e0d-1111-2222-3333-444455556666"}
        assert (await app.ask("POST", front.path, clone)).status == 403
        _, secret = await app.services.keys.create("verified", identity_verified=True)
        granted = await app.ask("POST", front.path, clone, authorization=f"Bearer {secret}")
        assert granted.status == 200


@FRONTS
async def test_a_long_text_is_spoken_whole_in_pieces(front: Front, tmp_path: Path) -> None:
    text = "".join(f"Sentence number {number} follows. " for number in range(60))
    field = "text" if front is TELNYX else "input"
    async with rest_app(tmp_path) as app:
        answer = await app.ask("POST", front.path, front.body | {field: text})
        assert answer.status == 200
        assert len(app.receipts) > 3
        assert "".join(app.provider.spoken) == text
