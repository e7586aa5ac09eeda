from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

import orjson
import pybase64
import pytest
from pydantic import ValidationError

from voxgate.clock import LoopClock
from voxgate.errors import InvalidVoice, ProviderUnavailable, VoxgateError
from voxgate.providers._unexplained import Unexplained
from voxgate.providers.contract import CancelSupport
from voxgate.providers.murfai import Murf, MurfSettings, MurfWire, voice_config
from voxgate.speech.utterance import SpeechSettings, Utterance
from voxgate.speech.voice import Gender, VoiceName

NO_PROTOCOL = (ValueError, LookupError, TypeError, AttributeError)


def murf(**settings: Any) -> Murf:
    return Murf(MurfSettings.model_validate({"api_key": "secret", **settings}), LoopClock())


def utterance(text: str = "Hello.", voice: str = "en-US-natalie", **changes: Any) -> Utterance:
    return Utterance(text, VoiceName("MurfAI", "FALCON", voice), "tenant", **changes)


def wire() -> MurfWire:
    return MurfWire("p", 300)


def sent(frames: Any) -> list[dict[str, Any]]:
    return [orjson.loads(frame) for frame in frames]


def frame(**fields: Any) -> str:
    return orjson.dumps(fields).decode()


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (SpeechSettings(), {}),
        (SpeechSettings(speed=1.25), {"rate": 25}),
        (SpeechSettings(speed=0.5), {"rate": -50}),
        (SpeechSettings(speed=0.1), {"rate": -50}),
        (SpeechSettings(speed=9.0), {"rate": 50}),
        (SpeechSettings(speed=1.004), {}),
        (SpeechSettings(pitch_semitones=2), {"pitch": 12}),
        (SpeechSettings(pitch_semitones=-12), {"pitch": -50}),
        (SpeechSettings(pitch_semitones=24), {"pitch": 50}),
        (SpeechSettings(volume=0.5), {}),
        (
            SpeechSettings(extra=(("locale", "es-MX"), ("style", "Promo"), ("variation", 3))),
            {"locale": "es-MX", "style": "Promo", "variation": 3},
        ),
        (SpeechSettings(extra=(("rate", 9), ("text", "x"), ("voice_id", "y"))), {}),
    ],
)
def test_settings_become_fields_of_the_voice(settings: SpeechSettings, expected: dict[str, object]) -> None:
    assert voice_config(utterance(settings=settings)) == {"voice_id": "en-US-natalie", **expected}


def test_what_is_asked_over_http() -> None:
    provider = murf(transport="http")
    spoken = utterance(settings=SpeechSettings(speed=1.25))
    assert provider.over_http(spoken)
    ask = provider.ask(spoken, provider.credentials("tenant"))
    assert ask.url == "https://global.api.murf.ai/v1/speech/stream"
    assert ask.headers == {"api-key": "secret"}
    assert ask.json == {
        "text": "Hello.",
        "model": "FALCON",
        "voiceId": "en-US-natalie",
        "rate": 25,
        "format": "PCM",
        "sampleRate": 24_000,
        "channelType": "MONO",
    }
    assert not ask.passthrough


def test_where_a_socket_leads() -> None:
    provider = murf(tenants={"other": {"api_key": "theirs", "base_url": "https://in.api.murf.ai/"}})
    address = provider.address(utterance())
    parts = urlsplit(address.url)
    assert (parts.scheme, parts.netloc, parts.path) == (
        "wss",
        "global.api.murf.ai",
        "/v1/speech/stream-input",
    )
    assert parse_qs(parts.query) == {
        "model": ["FALCON"],
        "format": ["PCM"],
        "sample_rate": ["24000"],
        "channel_type": ["MONO"],
    }
    assert dict(address.headers) == {"api-key": "secret"}
    assert "secret" not in repr(address) + repr(provider.settings)
    theirs = provider.address(Utterance("x", VoiceName("MurfAI", "GEN2", "en-US-natalie"), "other"))
    assert theirs.url.startswith("wss://in.api.murf.ai/v1/speech/stream-input?model=GEN2")
    assert dict(theirs.headers) == {"api-key": "theirs"}


def test_what_one_voice_says_matters_to_no_socket() -> None:
    """The voice belongs to a context, so that sockets are shared by all of them."""
    provider = murf()
    slow = utterance(voice="en-UK-ruby", settings=SpeechSettings(speed=0.8))
    assert provider.address(utterance()) == provider.address(slow)


@pytest.mark.parametrize(
    ("transport", "streams", "cancel"),
    [("websocket", True, CancelSupport.SOFT), ("http", False, CancelSupport.HARD)],
)
def test_what_it_can_do(transport: str, streams: bool, cancel: CancelSupport) -> None:
    can = murf(transport=transport).capabilities
    assert (can.text_stream, can.cancel, can.formats) == (streams, cancel, ())


@pytest.mark.parametrize(
    "settings",
    [
        {"max_buffer_delay_ms": 1001},
        {"max_buffer_delay_ms": -1},
        {"transport": "sse"},
        {"max_connections": 0},
    ],
)
def test_settings_have_limits(settings: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        murf(**settings)


def test_an_utterance_on_the_wire() -> None:
    murfs = wire()
    assert sent(murfs.hello()) == [{"min_buffer_size": 40, "max_buffer_delay_in_ms": 300}]
    config = {"voice_id": "en-US-natalie"}
    assert sent(murfs.begin("v1", utterance())) == [{"voice_config": config, "context_id": "p-v1"}]
    assert sent(murfs.text("v1", "Hi. ")) == [{"text": "Hi. ", "context_id": "p-v1"}]
    assert not list(murfs.flush("v1"))
    assert sent(murfs.end("v1")) == [{"text": "", "end": True, "context_id": "p-v1"}]
    assert sent(murfs.cancel("v1")) == [{"clear": True, "context_id": "p-v1"}]


def test_long_text_goes_in_pieces() -> None:
    pieces = [message["text"] for message in sent(wire().text("v1", "x" * 7000))]
    assert [len(piece) for piece in pieces] == [3000, 3000, 1000]


def test_two_sockets_never_use_the_same_ids() -> None:
    provider = murf()
    ids = set()
    for _ in range(2):
        (message,) = sent(provider.wire(utterance()).begin("v1", utterance()))
        ids.add(message["context_id"])
    assert len(ids) == 2


@pytest.mark.parametrize("mark", ["final", "is_final"])
def test_audio_and_its_end(mark: str) -> None:
    murfs = wire()
    (heard,) = murfs.read(frame(audio=pybase64.b64encode(b"\1\2").decode(), context_id="p-v1"))
    assert (heard.context, heard.audio, heard.ended) == ("v1", b"\1\2", False)
    (heard,) = murfs.read(frame(**{mark: True}, context_id="p-v1"))
    assert (heard.context, heard.audio, heard.ended) == ("v1", b"", True)


def test_an_error_before_speech_is_asked_about_and_one_in_it_is_not() -> None:
    murfs = wire()
    list(murfs.begin("v1", utterance()))
    (heard,) = murfs.read(frame(error="Invalid voice_id", context_id="p-v1"))
    assert heard.context == "v1"
    assert type(heard.error) is Unexplained
    list(murfs.read(frame(audio="AAAA", context_id="p-v1")))
    (heard,) = murfs.read(frame(error="Oops", context_id="p-v1"))
    assert type(heard.error) is ProviderUnavailable
    list(murfs.begin("v2", utterance()))
    (heard,) = murfs.read(frame(error="Oops"))
    assert heard.context is None
    assert type(heard.error) is Unexplained


@pytest.mark.parametrize(
    "garbage",
    [
        "",
        "nonsense",
        b"\x00",
        "[]",
        "1",
        "null",
        '"text"',
        '{"audio": "@"}',
        '{"audio": 5, "context_id": "p"}',
    ],
)
def test_garbage(garbage: str | bytes) -> None:
    with pytest.raises(NO_PROTOCOL):
        list(wire().read(garbage))


class Answering(Murf):
    """Gets what a test says instead of asking."""

    answer: bytes | VoxgateError = b"[]"

    async def fetch(self, url: str, headers: Any, **_: Any) -> bytes:
        self.url, self.headers = url, headers
        if isinstance(self.answer, VoxgateError):
            raise self.answer
        return self.answer


def answering(answer: object, **settings: Any) -> Answering:
    provider = Answering(MurfSettings.model_validate({"api_key": "secret", **settings}), LoopClock())
    provider.answer = answer if isinstance(answer, VoxgateError) else orjson.dumps(answer)
    return provider


NATALIE = {
    "voiceId": "en-US-natalie",
    "gender": "Female",
    "accent": "US & Canada",
    "locale": "en-US",
    "supportedLocales": {"en-US": {}, "es-MX": {}},
}


@pytest.mark.parametrize(
    ("voice", "answer", "expected"),
    [
        ("en-US-nobody", [NATALIE], InvalidVoice),
        ("en-US-natalie", [NATALIE], Unexplained),
        ("en-us-NATALIE", [NATALIE], Unexplained),
        ("Natalie", [NATALIE], Unexplained),
        ("en-US-natalie", ProviderUnavailable("No"), ProviderUnavailable),
        ("en-US-natalie", {"error": "?"}, ProviderUnavailable),
    ],
)
async def test_what_is_behind_an_error(voice: str, answer: object, expected: type[VoxgateError]) -> None:
    error = await answering(answer).explain(utterance(voice=voice), Unexplained("?"))
    assert type(error) is expected


@pytest.mark.parametrize(
    ("base_url", "asked"),
    [
        (None, "https://api.murf.ai"),
        ("https://us-east.api.murf.ai", "https://api.murf.ai"),
        ("https://murf.example/relay", "https://murf.example/relay"),
    ],
)
async def test_the_list_is_in_one_region_only(base_url: str | None, asked: str) -> None:
    provider = answering([], base_url=base_url)
    assert await provider.list_voices() == []
    assert provider.url == f"{asked}/v1/speech/voices?model=GEN2"
    assert provider.headers == {"api-key": "secret"}


async def test_voices() -> None:
    plain = {"voiceId": "en-UK-ruby"}
    voices = await answering([NATALIE, plain]).list_voices()
    assert [str(voice.name) for voice in voices] == [
        "MurfAI.FALCON.en-US-natalie",
        "MurfAI.FALCON.en-UK-ruby",
        "MurfAI.GEN2.en-US-natalie",
        "MurfAI.GEN2.en-UK-ruby",
    ]
    natalie, ruby, *_ = voices
    assert (natalie.label, natalie.languages, natalie.gender, natalie.accent) == (
        "Natalie",
        ("en-US", "es-MX"),
        Gender.FEMALE,
        "US & Canada",
    )
    assert (ruby.label, ruby.languages, ruby.gender) == ("Ruby", ("en-GB",), Gender.UNKNOWN)


@pytest.mark.parametrize(
    "answer", [{"voices": 1}, [1], ["x"], [[]], [{}], [{"voiceId": "a", "supportedLocales": 5}]]
)
async def test_a_list_that_is_none(answer: object) -> None:
    with pytest.raises(ProviderUnavailable):
        await answering(answer).list_voices()
