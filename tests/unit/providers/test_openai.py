from __future__ import annotations

from typing import Any

import orjson
import pytest
from pydantic import ValidationError

from voxgate.audio.format import AudioFormat, Codec
from voxgate.clock import LoopClock
from voxgate.errors import (
    ConfigurationError,
    IncompleteAudio,
    Overloaded,
    ProviderDenied,
    ProviderRejected,
    ProviderUnavailable,
    VoxgateError,
)
from voxgate.providers._openai_socket import VllmSocket, VllmWire
from voxgate.providers._openai_voices import read_models, read_voices, voices_of
from voxgate.providers.openai import OpenAI, OpenAISettings
from voxgate.providers.registry import vendor_section
from voxgate.speech.utterance import SpeechSettings, Utterance
from voxgate.speech.voice import Gender, VoiceName

NO_PROTOCOL = (ValueError, LookupError, TypeError, AttributeError)
HOME = "http://127.0.0.1:8880"


def settings(**fields: Any) -> OpenAISettings:
    return OpenAISettings.model_validate({"api_key": "secret", "base_url": HOME, **fields})


def openai(**fields: Any) -> OpenAI:
    return OpenAI(settings(**fields), LoopClock())


def utterance(**changes: Any) -> Utterance:
    return Utterance("Hello.", VoiceName("OpenAI", "tts-1", "alloy"), "tenant", **changes)


def body_of(provider: OpenAI, spoken: Utterance) -> dict[str, Any]:
    body = provider.ask(spoken, provider.credentials("tenant")).json
    assert isinstance(body, dict)
    return body


PLAIN = {"model": "tts-1", "voice": "alloy", "input": "Hello.", "response_format": "pcm"}


@pytest.mark.parametrize(
    ("dialect", "more"),
    [
        ("openai", {}),
        ("kokoro", {}),
        ("speaches", {"sample_rate": 24_000}),
        ("vllm", {"stream_format": "audio"}),
        ("localai", {"stream": True}),
    ],
)
def test_what_each_dialect_is_asked(dialect: str, more: dict[str, Any]) -> None:
    assert body_of(openai(dialect=dialect), utterance()) == {**PLAIN, **more}


@pytest.mark.parametrize(
    ("dialect", "speed", "sent"),
    [
        ("openai", 1.5, 1.5),
        ("openai", 9.0, 4.0),
        ("kokoro", 0.1, 0.25),
        ("speaches", 3.0, 2.0),
        ("vllm", 1.5, None),
        ("localai", 1.5, None),
    ],
)
def test_speed_goes_to_those_that_take_it(dialect: str, speed: float, sent: float | None) -> None:
    provider = openai(dialect=dialect)
    assert provider.capabilities.speed is (sent is not None)
    assert body_of(provider, utterance(settings=SpeechSettings(speed=speed))).get("speed") == sent


def test_fields_of_the_client_and_of_the_section() -> None:
    extra = (("input", "Something else."), ("instructions", "Whisper."), ("odd", 1))
    spoken = utterance(settings=SpeechSettings(extra=extra))
    assert body_of(openai(), spoken) == {**PLAIN, "instructions": "Whisper."}
    body = body_of(openai(dialect="vllm", fields={"task_type": "Base", "instructions": "Shout."}), spoken)
    assert body == {
        **PLAIN,
        "stream_format": "audio",
        "task_type": "Base",
        "instructions": "Whisper.",
        "odd": 1,
    }


@pytest.mark.parametrize("base_url", [HOME, f"{HOME}/", f"{HOME}/v1", f"{HOME}/v1/"])
def test_the_address_may_end_in_v1(base_url: str) -> None:
    provider = openai(base_url=base_url)
    ask = provider.ask(utterance(), provider.own_account)
    assert ask.url == f"{HOME}/v1/audio/speech"
    assert ask.headers == {"Authorization": "Bearer secret"}
    assert ask.sent == AudioFormat(Codec.PCM_S16LE, 24_000)


def test_a_server_without_keys_is_sent_none() -> None:
    provider = openai(api_key=None, dialect="kokoro", rate_hz=22_050)
    ask = provider.ask(utterance(), provider.own_account)
    assert ask.headers == {}
    assert ask.sent.rate_hz == 22_050


@pytest.mark.parametrize(
    "section",
    [
        {},
        {"api_key": "x", "dialect": "kokoro"},
        {"base_url": HOME, "transport": "websocket"},
        {"api_key": "x", "dialect": "festival"},
        {"api_key": "x", "rate_hz": 1},
    ],
)
def test_sections_that_make_no_sense(section: dict[str, object]) -> None:
    with pytest.raises(ConfigurationError):
        vendor_section("openai", section)


@pytest.mark.parametrize("section", [{"enabled": False}, {"base_url": HOME}, {"api_key": "x"}])
def test_sections_that_do(section: dict[str, object]) -> None:
    assert isinstance(vendor_section("openai", section), OpenAISettings)


def test_only_vllm_is_reached_over_a_socket() -> None:
    with pytest.raises(ValidationError):
        settings(transport="websocket")
    chosen = settings(dialect="vllm", transport="websocket", kind="openai")
    provider = OpenAI.make("far", chosen, LoopClock())
    assert isinstance(provider, VllmSocket)
    assert provider.name == "far"
    assert isinstance(OpenAI.make("openai", settings(), LoopClock()), OpenAI)


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (400, "invalid_value", ProviderRejected),
        (401, "invalid_api_key", ProviderDenied),
        (404, "model_not_found", ProviderRejected),
        (422, None, ProviderRejected),
        (429, "rate_limit_exceeded", Overloaded),
        (429, "insufficient_quota", ProviderDenied),
        (500, None, ProviderUnavailable),
    ],
)
def test_refusals(status: int, code: str | None, kind: type[VoxgateError]) -> None:
    body = orjson.dumps({"error": {"code": code, "message": "secret prose"}})
    headers = {"x-request-id": "req_1", "Retry-After": "7"}
    error = openai().refused(status, headers, body)
    assert type(error) is kind
    assert "prose" not in error.message
    if isinstance(error, Overloaded):
        assert error.retry_after_s == 7
    else:
        assert error.provider_request_id == "req_1"


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"error": "no"}', b'{"detail": []}', b"\xff"])
def test_a_refusal_without_a_code(body: bytes) -> None:
    assert isinstance(openai().refused(429, {}, body), Overloaded)


# Lists.


@pytest.mark.parametrize(
    ("body", "models"),
    [
        (b'{"data": [{"id": "tts-1"}, {"id": "kokoro"}]}', ["kokoro"]),
        (b'{"data": [{"id": "a", "task": "text-to-speech"}, {"id": "b", "task": "other"}]}', ["a"]),
        (b'{"data": []}', []),
    ],
)
def test_models(body: bytes, models: list[str]) -> None:
    assert read_models(body) == models


def test_voices_in_every_shape() -> None:
    body = orjson.dumps(
        {
            "voices": [
                "vivian",
                {"id": "bf_emma", "name": "bf_emma"},
                {"name": "am_adam", "language": "en_us", "gender": "male"},
                {"id": "x_y", "name": "Nobody"},
            ]
        }
    )
    voices = voices_of("far", ["one", "two"], read_voices(body), 24_000)
    assert len(voices) == 8
    assert [voice.name.voice_id for voice in voices[::2]] == ["vivian", "bf_emma", "am_adam", "x_y"]
    assert [voice.languages for voice in voices[::2]] == [(), ("en-GB",), ("en-US",), ()]
    assert [voice.gender for voice in voices[2:6:2]] == [Gender.FEMALE, Gender.MALE]
    assert voices[-1].label == "Nobody"


@pytest.mark.parametrize(
    "body", [b"", b"{}", b"[]", b'{"voices": [1]}', b'{"voices": [{}]}', b'{"voices": 7}']
)
def test_lists_that_are_none(body: bytes) -> None:
    with pytest.raises(ProviderUnavailable):
        read_voices(body)
    with pytest.raises(ProviderUnavailable):
        read_models(body)


# The socket.


def wire(**fields: Any) -> VllmWire:
    return VllmWire(settings(dialect="vllm", transport="websocket", **fields), "OpenAI")


def sent(frames: Any) -> list[dict[str, Any]]:
    return [orjson.loads(frame) for frame in frames]


def test_a_configuration_goes_before_each_utterance() -> None:
    spoken = utterance(settings=SpeechSettings(extra=(("instructions", "Whisper."),)))
    (config,) = sent(wire(fields={"task_type": "Base", "voice": "other"}).begin("v1", spoken))
    assert config == {
        "type": "session.config",
        "model": "tts-1",
        "voice": "alloy",
        "response_format": "pcm",
        "stream_audio": True,
        "split_granularity": "sentence",
        "task_type": "Base",
        "instructions": "Whisper.",
    }


def test_an_utterance_ends_with_the_answer_to_its_last_flush() -> None:
    talk = wire()
    list(talk.begin("v1", utterance()))
    assert sent(talk.text("v1", "Hello")) == [{"type": "input.text", "text": "Hello"}]
    assert sent(talk.flush("v1")) == [{"type": "input.done"}]
    assert sent(talk.end("v1")) == [{"type": "input.done"}]
    assert [heard.audio for heard in talk.read(b"ab")] == [b"ab"]
    done = orjson.dumps({"type": "session.done"}).decode()
    assert list(talk.read(done)) == []
    (heard,) = talk.read(done)
    assert (heard.context, heard.ended) == ("v1", True)
    list(talk.begin("v2", utterance()))
    list(talk.end("v2"))
    assert [heard.context for heard in talk.read(done)] == ["v2"]


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        ({"type": "error", "message": "secret prose"}, ProviderUnavailable),
        ({"type": "audio.done", "error": True}, ProviderUnavailable),
        ({"type": "audio.start", "sample_rate": 22_050}, IncompleteAudio),
    ],
)
def test_failures_give_the_socket_up(message: dict[str, Any], kind: type[VoxgateError]) -> None:
    talk = wire()
    list(talk.begin("v1", utterance()))
    (heard,) = talk.read(orjson.dumps(message).decode())
    assert heard.context is None
    assert isinstance(heard.error, kind)
    assert "prose" not in heard.error.message


@pytest.mark.parametrize(
    "message",
    [
        {"type": "audio.start", "sample_rate": 24_000},
        {"type": "audio.start"},
        {"type": "audio.done"},
        {"type": "new"},
    ],
)
def test_messages_of_no_consequence(message: dict[str, Any]) -> None:
    assert list(wire().read(orjson.dumps(message).decode())) == []


@pytest.mark.parametrize("frame", ["", "{", "[]", "{}", "7", "\x00{garbage"])
def test_what_is_no_message(frame: str) -> None:
    with pytest.raises(NO_PROTOCOL):
        list(wire().read(frame))
