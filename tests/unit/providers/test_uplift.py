from __future__ import annotations

from typing import Any

import orjson
import pytest

from voxgate.audio.format import AudioFormat, Codec, Container
from voxgate.clock import LoopClock
from voxgate.errors import (
    InvalidVoice,
    Overloaded,
    ProviderDenied,
    ProviderRejected,
    ProviderUnavailable,
    VoxgateError,
)
from voxgate.providers.uplift import PCM, Uplift, UpliftSettings, UpliftWire
from voxgate.speech.utterance import SpeechSettings, Utterance
from voxgate.speech.voice import VoiceName

NO_PROTOCOL = (ValueError, LookupError, TypeError, AttributeError)
MP3 = AudioFormat(Codec.MP3, 22_050, bit_rate_kbps=64)


def uplift(**settings: Any) -> Uplift:
    return Uplift(UpliftSettings.model_validate({"api_key": "secret", **settings}), LoopClock())


def utterance(voice: str = "v_meklc281", **changes: Any) -> Utterance:
    return Utterance("Hello.", VoiceName("Uplift", "", voice), "tenant", **changes)


def sent(frames: Any) -> list[dict[str, Any]]:
    return [orjson.loads(frame) for frame in frames]


def frame(kind: str, request_id: str | None = "v1", **fields: Any) -> str:
    about = {} if request_id is None else {"requestId": request_id}
    return orjson.dumps({"type": kind, **about, **fields}).decode()


def asked(wire: UpliftWire, context: str, spoken: Utterance) -> dict[str, Any]:
    assert list(wire.begin(context, spoken)) == []
    (message,) = sent(wire.text(context, spoken.text))
    assert list(wire.end(context)) == []
    return message


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, {"outputFormat": "PCM_22050_16"}),
        ({"passthrough": MP3}, {"outputFormat": "MP3_22050_64"}),
        ({"passthrough": AudioFormat(Codec.MULAW, 8000)}, {"outputFormat": "ULAW_8000_8"}),
        ({"passthrough": AudioFormat(Codec.VORBIS, 22_050, Container.OGG)}, {"outputFormat": "OGG_22050_16"}),
        ({"passthrough": AudioFormat(Codec.FLAC, 22_050, Container.FLAC)}, {"outputFormat": "PCM_22050_16"}),
        ({"settings": SpeechSettings(speed=1.5)}, {"outputFormat": "PCM_22050_16"}),
        (
            {"settings": SpeechSettings(extra=(("phraseReplacementConfigId", "c1"), ("text", "x")))},
            {"outputFormat": "PCM_22050_16", "phraseReplacementConfigId": "c1"},
        ),
    ],
)
def test_what_is_asked(changes: dict[str, Any], expected: dict[str, str]) -> None:
    spoken = utterance(**changes)
    voice = {"voiceId": "v_meklc281", "text": "Hello."}
    message = asked(UpliftWire("Uplift"), "v1", spoken)
    assert message == {"type": "synthesize", "requestId": "v1", **voice, **expected}
    provider = uplift(transport="http")
    ask = provider.ask(spoken, provider.own_account)
    assert ask.url == "https://api.upliftai.org/v1/synthesis/text-to-speech/stream"
    assert ask.json == {**voice, **expected}
    assert ask.passthrough is (ask.sent != PCM)


def test_a_voice_that_is_not_on_the_list() -> None:
    for provider in (uplift(), uplift(transport="http")):
        with pytest.raises(InvalidVoice):
            provider.address(utterance("v_nobody00"))
        with pytest.raises(InvalidVoice):
            provider.ask(utterance("v_nobody00"), provider.own_account)
        provider.address(utterance("Helpdesk-Agent"))


def test_another_server_has_voices_of_its_own() -> None:
    provider = uplift(kind="uplift", base_url="http://127.0.0.1:8080")
    address = provider.address(utterance("Local.Espeak.ur"))
    assert address.url == "ws://127.0.0.1:8080/v1/text-to-speech/multi-stream"
    assert address.headers == (("Authorization", "Bearer secret"),)


def test_a_connection_with_two_requests() -> None:
    wire = UpliftWire("Uplift")
    (ready,) = wire.read(frame("ready", None, sessionId="s"))
    assert ready.ready
    asked(wire, "v1", utterance())
    asked(wire, "v2", utterance())
    assert list(wire.read(frame("audio_start"))) == []
    (heard,) = wire.read(frame("audio", "v2", audio="AQI=", sequence=0))
    assert (heard.context, heard.audio) == ("v2", b"\x01\x02")
    (heard,) = wire.read(frame("audio_end", "v1"))
    assert (heard.context, heard.ended) == ("v1", True)
    assert list(wire.read(frame("news"))) == []


def test_a_cancel_is_not_confirmed() -> None:
    wire = UpliftWire("Uplift")
    asked(wire, "v1", utterance())
    assert not wire.complete("v1")
    assert sent(wire.cancel("v1")) == [{"type": "cancel", "requestId": "v1"}]
    assert wire.complete("v1")
    assert not wire.complete("v2")


def test_a_connection_is_not_used_up_to_its_limit() -> None:
    wire = UpliftWire("Uplift")
    for number in range(54):
        asked(wire, f"v{number}", utterance())
    assert wire.reusable
    asked(wire, "last", utterance())
    assert not wire.reusable


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("auth_failed", ProviderDenied),
        ("synthesis_failed", ProviderUnavailable),
        ("duplicate_request", ProviderUnavailable),
        ("rate_limit_exceeded", Overloaded),
        ("text_too_long", ProviderRejected),
        (None, ProviderUnavailable),
    ],
)
def test_errors_of_requests(code: str | None, kind: type[VoxgateError]) -> None:
    (heard,) = UpliftWire("Uplift").read(frame("error", code=code, message="secret prose"))
    assert heard.context == "v1"
    assert isinstance(heard.error, kind)
    assert "prose" not in heard.error.message
    (heard,) = UpliftWire("Uplift").read(frame("error", None, code=code))
    assert heard.context is None


@pytest.mark.parametrize(
    "message", ["", "{", "[]", "{}", "7", frame("audio"), frame("audio", audio="A"), frame("audio", audio=7)]
)
def test_what_is_no_message(message: str) -> None:
    with pytest.raises(NO_PROTOCOL):
        list(UpliftWire("Uplift").read(message))


@pytest.mark.parametrize(
    ("status", "kind"),
    [(400, ProviderRejected), (402, ProviderDenied), (429, Overloaded), (500, ProviderUnavailable)],
)
def test_refusals(status: int, kind: type[VoxgateError]) -> None:
    headers = {"x-uplift-ai-request-id": "r1", "Retry-After": "60"}
    error = uplift().refused(status, headers, b"")
    assert type(error) is kind
    if isinstance(error, Overloaded):
        assert error.retry_after_s == 60
    else:
        assert error.provider_request_id == "r1"
