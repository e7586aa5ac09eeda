"""Rime's adapter: what is asked for, and what is understood, without any I/O."""

from collections.abc import Iterable
from typing import Any

import orjson
import pytest
from google.protobuf import json_format
from rime_api import text_to_speech_pb2 as proto

from voxgate.audio.format import AudioFormat, Codec
from voxgate.clock import LoopClock
from voxgate.errors import (
    Overloaded,
    ProviderDenied,
    ProviderRejected,
    ProviderTimeout,
    ProviderUnavailable,
    VoxgateError,
)
from voxgate.providers import _rime_messages as messages
from voxgate.providers._rime_wires import V1Wire, Ws3Wire
from voxgate.providers._wire import Frame, Heard
from voxgate.providers.rime import Rime, RimeSettings, spoken_language
from voxgate.speech.utterance import SpeechSettings, Utterance
from voxgate.speech.voice import VoiceName

PCM = AudioFormat(Codec.PCM_S16LE, 24_000)
CODINGS = [messages.Json(), messages.Protobuf()]


def rime(**settings: Any) -> Rime:
    return Rime(RimeSettings.model_validate({"api_key": "key", **settings}), LoopClock())


def utterance(voice: str = "Rime.Coda.astra", **changes: Any) -> Utterance:
    return Utterance(changes.pop("text", ""), VoiceName.parse(voice), "tenant", **changes)


@pytest.mark.parametrize(
    ("settings", "voice", "url"),
    [
        ({}, "Rime.Coda.astra", "wss://coda.api.rime.ai/ws"),
        ({}, "Rime.mistv3.cove", "wss://mist.api.rime.ai/ws"),
        ({}, "Rime.ArcanaV3.luna", "wss://coda.api.rime.ai/ws"),
        ({"base_url": "http://localhost:1/"}, "Rime.Coda.astra", "ws://localhost:1/coda/ws"),
        ({"base_url": "https://users-east.rime.ai"}, "Rime.Coda.astra", "wss://coda.api.rime.ai/ws"),
        ({"websocket_url": "wss://my.own/ws"}, "Rime.Coda.astra", "wss://my.own/ws"),
        ({"websocket_url": "wss://api.rime.ai/{model}/ws"}, "Rime.mistv3.cove", "wss://api.rime.ai/mist/ws"),
    ],
)
def test_where_v1_is(settings: dict[str, str], voice: str, url: str) -> None:
    address = rime(**settings).address(utterance(voice))
    assert address.url == url
    assert address.headers == (("Authorization", "Bearer key"),)
    assert address.protocols == ("rime.v1.binary",)
    assert "key" not in repr(address)


def test_where_ws3_is_and_what_it_binds() -> None:
    quick = utterance(settings=SpeechSettings(speed=2.0), language="es-MX")
    address = rime(transport="ws3").address(quick)
    assert address.url == (
        "wss://users-ws.rime.ai/ws3?speaker=astra&modelId=coda&audioFormat=pcm&samplingRate=24000"
        "&segment=never&lang=es&timeScaleFactor=0.5"
    )
    for settings, begin in (
        ({"base_url": "http://localhost:1"}, "ws://localhost:1/ws3?"),
        ({"ws3_url": "wss://users-east-ws.rime.ai/ws3"}, "wss://users-east-ws.rime.ai/ws3?"),
    ):
        assert rime(transport="ws3", **settings).address(quick).url.startswith(begin)


@pytest.mark.parametrize(
    ("transport", "voice", "over_http"),
    [
        ("websocket", "Rime.Coda.astra", False),
        ("websocket", "Rime.mistv2.abbie", True),
        ("websocket", "Rime.brand-new.abbie", True),
        ("ws3", "Rime.mistv2.abbie", False),
        ("http", "Rime.Coda.astra", True),
    ],
)
def test_which_way_a_model_goes(transport: str, voice: str, over_http: bool) -> None:
    assert rime(transport=transport).over_http(utterance(voice)) is over_http


@pytest.mark.parametrize(
    ("voice", "language", "expected"),
    [
        ("Rime.Coda.astra", None, "en"),
        ("Rime.ArcanaV3.celestino", None, "es"),
        ("Rime.ArcanaV3.raiden", None, "ja"),
        ("Rime.Coda.astra", "fr-CA", "fr"),
        ("Rime.Coda.known-to-rime-only", None, None),
    ],
)
def test_a_speaker_is_asked_in_its_own_language(voice: str, language: str | None, expected: str) -> None:
    assert spoken_language(utterance(voice, language=language)) == expected


@pytest.mark.parametrize(
    ("voice", "speed", "fields"),
    [
        ("Rime.Coda.astra", 1.0, {"modelId": "coda"}),
        ("Rime.Coda.astra", 2.0, {"modelId": "coda", "timeScaleFactor": 0.5}),
        ("Rime.mistv2.abbie", 0.8, {"modelId": "mistv2", "speedAlpha": 1.25}),  # lower is faster
        ("Rime.brand-new.abbie", 2.0, {"modelId": "brand-new", "timeScaleFactor": 0.5}),
    ],
)
def test_what_http_is_asked(voice: str, speed: float, fields: dict[str, object]) -> None:
    vendor = rime()
    ask = vendor.ask(
        utterance(voice, text="Hi.", settings=SpeechSettings(speed=speed)), vendor.credentials("tenant")
    )
    assert ask.url == "https://users.rime.ai/v1/rime-tts"
    assert ask.headers == {"Authorization": "Bearer key", "Accept": "audio/L16"}
    assert isinstance(ask.json, dict)
    common = {"speaker": voice.rsplit(".", 1)[1], "text": "Hi.", "samplingRate": 24_000}
    assert {name: value for name, value in ask.json.items() if name != "lang"} == {**common, **fields}


def test_telephony_passes_through() -> None:
    vendor, wanted = rime(), AudioFormat(Codec.MULAW, 8_000)
    asks = utterance(text="Hi.", passthrough=wanted)
    ask = vendor.ask(asks, vendor.credentials(""))
    assert (ask.sent, ask.passthrough, ask.headers["Accept"]) == (wanted, True, "audio/PCMU")
    assert vendor.start_of(asks)["audioParameters"] == {"audioFormat": "audio/pcmu", "samplingRate": 8000}
    # Any other file is made here, of PCM.
    assert vendor.sent(utterance(passthrough=AudioFormat(Codec.MP3, 24_000))) == PCM


# v1.


def said(frames: Iterable[Frame]) -> list[dict[str, Any]]:
    """Requests in the canonical JSON of Rime's own messages."""
    requests = []
    for frame in frames:
        envelope = proto.WebSocketRequest()
        if isinstance(frame, bytes):
            envelope.ParseFromString(frame)
        else:
            json_format.Parse(frame, envelope)
        requests.append(json_format.MessageToDict(envelope))
    return requests


def answer(coding: messages.Coding, **response: Any) -> Frame:
    envelope = json_format.ParseDict(response, proto.WebSocketResponse())
    if isinstance(coding, messages.Json):
        return json_format.MessageToJson(envelope, indent=None)
    return envelope.SerializeToString()


@pytest.mark.parametrize("coding", CODINGS)
def test_v1_sends_whole_sentences(coding: messages.Coding) -> None:
    wire = V1Wire(coding, rime().start_of)
    begun = said(wire.begin("v1", utterance(settings=SpeechSettings(speed=2.0))))
    audio = {"audioFormat": "audio/pcm", "samplingRate": 24_000, "timeScaleFactor": 0.5}
    assert begun == [
        {"contextId": "v1", "start": {"speaker": "astra", "language": "en", "audioParameters": audio}}
    ]
    assert said(wire.text("v1", "The first. The sec")) == [{"contextId": "v1", "text": "The first. "}]
    assert said(wire.text("v1", "ond")) == []
    assert said(wire.flush("v1")) == [{"contextId": "v1", "text": "The second"}]
    assert said(wire.text("v1", " …")) == []
    assert said(wire.end("v1")) == [{"contextId": "v1", "end": {}}]
    assert said(wire.cancel("v1")) == [{"contextId": "v1", "cancel": {}}]


@pytest.mark.parametrize("coding", CODINGS)
@pytest.mark.parametrize(
    ("response", "expected"),
    [
        ({"ready": {"protocol": 1}}, Heard(ready=True)),
        ({"contextId": "v1", "audio": "AAAA"}, Heard("v1", b"\0\0\0")),
        ({"contextId": "v1", "done": {}}, Heard("v1", ended=True)),
        ({"contextId": "v1", "cancelled": {}}, Heard("v1", ended=True)),
    ],
)
def test_v1_understands(coding: messages.Coding, response: dict[str, Any], expected: Heard) -> None:
    assert list(V1Wire(coding, rime().start_of).read(answer(coding, **response))) == [expected]


@pytest.mark.parametrize("coding", CODINGS)
def test_v1_tells_the_id_of_a_request(coding: messages.Coding) -> None:
    frame = answer(coding, contextId="v1", started={"requestId": "r-1"})
    (heard,) = V1Wire(coding, rime().start_of).read(frame)
    assert heard.facts is not None
    assert heard.facts.request_id == "r-1"


ERRORS: list[tuple[str, type[VoxgateError]]] = [
    ("invalid_input", ProviderRejected),
    ("not_found", ProviderRejected),
    ("unauthenticated", ProviderDenied),
    ("permission_denied", ProviderDenied),
    ("resource_exhausted", Overloaded),
    ("timeout", ProviderTimeout),
    ("internal", ProviderUnavailable),
    ("unavailable", ProviderUnavailable),
    ("unimplemented", ProviderUnavailable),
    ("never heard of", ProviderUnavailable),
]


@pytest.mark.parametrize("coding", CODINGS)
@pytest.mark.parametrize(("kind", "error"), ERRORS)
def test_v1_errors(coding: messages.Coding, kind: str, error: type[VoxgateError]) -> None:
    wire = V1Wire(coding, rime().start_of)
    told = {"kind": kind, "message": "a secret text", "requestId": "r-1"}
    (heard,) = wire.read(answer(coding, contextId="v1", error=told))
    assert heard.context == "v1"
    assert type(heard.error) is error
    assert "secret" not in heard.error.message
    (heard,) = wire.read(answer(coding, error=told))
    assert heard.context is None


@pytest.mark.parametrize(
    ("coding", "frame"),
    [
        (CODINGS[0], "\0{garbage"),
        (CODINGS[0], "[]"),
        (CODINGS[0], '"text"'),
        (CODINGS[0], '{"contextId": "v1", "audio": "not base64!"}'),
        (CODINGS[0], '{"contextId": "v1", "error": 1}'),
        (CODINGS[0], '{"ready": {"protocol": 2}}'),
        (CODINGS[1], "text"),
        (CODINGS[1], b"\xff\xff\xff"),
        (CODINGS[1], proto.WebSocketResponse(ready=proto.WebSocketReady(protocol=2)).SerializeToString()),
    ],
)
def test_v1_tells_garbage(coding: messages.Coding, frame: Frame) -> None:
    with pytest.raises((ValueError, LookupError, TypeError, AttributeError)):
        list(V1Wire(coding, rime().start_of).read(frame))


def test_v1_ignores_what_is_newer_than_it() -> None:
    wire = V1Wire(messages.Json(), rime().start_of)
    assert list(wire.read('{"contextId": "v1", "mood": {"value": "fine"}}')) == []
    assert list(wire.read('{"contextId": "v1"}')) == []


@pytest.mark.parametrize(
    ("reason", "error"),
    [
        ("400: text is too long", ProviderRejected),
        ("401: invalid api key", ProviderDenied),
        ("429", Overloaded),
        ("500: internal error", ProviderUnavailable),
        ("4001 of them", None),
        ("going away", None),
        ("", None),
    ],
)
def test_why_a_socket_was_closed(reason: str, error: type[VoxgateError] | None) -> None:
    for wire in (Ws3Wire(PCM), V1Wire(messages.Json(), rime().start_of)):
        found = wire.closed(1011, reason)
        assert found is None if error is None else type(found) is error


# /ws3.


def chunk(seconds: float, context: str | None = "v1") -> str:
    return answer_ws3(type="chunk", data="AAAA" * round(seconds * 16_000), contextId=context)


def answer_ws3(**event: Any) -> str:
    return orjson.dumps(event).decode()


def test_ws3_counts_what_it_flushed() -> None:
    wire = Ws3Wire(PCM)
    assert list(wire.begin("v1", utterance())) == []
    text, flush = wire.text("v1", "One two. Three. Fo")
    assert orjson.loads(text) == {"text": "One two. Three. ", "contextId": "v1"}
    assert flush == '{"operation":"flush"}'
    assert len(list(wire.end("v1"))) == 2
    assert not wire.complete("v1")
    (heard,) = wire.read(chunk(1.0))
    assert heard.context == "v1"
    assert len(heard.audio) == 48_000
    assert [heard.ended for heard in wire.read(answer_ws3(type="done", contextId="v1"))] == [False]
    # Times begin anew behind a second of audio.
    times = {"words": ["One", "two.", "Three.", "Fo"], "start": [0, 0, 0, 0.5], "end": [0, 0, 0, 1]}
    (heard,) = wire.read(answer_ws3(type="timestamps", word_timestamps=times, contextId="v1"))
    assert heard.words[-1].at_s == 1.5
    assert [heard.ended for heard in wire.read(answer_ws3(type="done", contextId=None))] == [True]


def test_ws3_is_complete_when_all_was_spoken_before_the_text_ended() -> None:
    wire = Ws3Wire(PCM)
    wire.begin("v1", utterance())
    assert len(list(wire.text("v1", "All of it."))) == 2
    assert not wire.complete("v1")
    list(wire.read(answer_ws3(type="done", contextId="v1")))
    assert list(wire.end("v1")) == []
    assert wire.complete("v1")


def test_ws3_drops_what_was_not_begun_and_waits_for_what_was() -> None:
    wire = Ws3Wire(PCM)
    wire.begin("v1", utterance())
    for text in ("One sentence. ", "Two. ", "Three. "):
        list(wire.text("v1", text))
    assert list(wire.cancel("v1")) == ['{"operation":"clear"}']
    assert not wire.complete("v1")
    assert [heard.ended for heard in wire.read(answer_ws3(type="done", contextId="v1"))] == [True]
    wire.begin("v2", utterance())
    wire.cancel("v2")
    assert wire.complete("v2")


def test_ws3_takes_late_audio_for_what_it_is() -> None:
    wire = Ws3Wire(PCM)
    wire.begin("v2", utterance())
    (heard,) = wire.read(chunk(0.1, "v1"))
    assert heard.context == "v1"
    assert list(wire.read(answer_ws3(type="done", contextId="v1"))) == []


@pytest.mark.parametrize(
    "frame", ["{", "[]", "{}", b"\0", '{"type": "chunk"}', '{"type": "chunk", "data": "?"}']
)
def test_ws3_tells_garbage(frame: Frame) -> None:
    with pytest.raises((ValueError, LookupError, TypeError, AttributeError)):
        list(Ws3Wire(PCM).read(frame))


def test_ws3_ignores_news_and_never_an_error() -> None:
    wire = Ws3Wire(PCM)
    assert list(wire.read('{"type": "weather"}')) == []
    (heard,) = wire.read('{"type": "error", "message": "malformed message"}')
    assert isinstance(heard.error, ProviderRejected)
