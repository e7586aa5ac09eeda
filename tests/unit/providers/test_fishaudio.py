from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import orjson
import ormsgpack
import pytest
from pydantic import ValidationError

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
from voxgate.providers._audio import PCM_24K
from voxgate.providers._unexplained import Unexplained
from voxgate.providers._wire import Frame, Heard
from voxgate.providers.contract import CancelSupport
from voxgate.providers.fishaudio import (
    FORMATS,
    FishAudio,
    FishAudioSettings,
    FishWire,
    TimedFishWire,
    request,
)
from voxgate.speech.utterance import SpeechSettings, Utterance
from voxgate.speech.voice import Gender, VoiceName

NO_PROTOCOL = (ValueError, LookupError, TypeError, AttributeError)
SARAH = "933563129e564b19a115bedd57b7406a"


def fish(**settings: Any) -> FishAudio:
    return FishAudio(FishAudioSettings.model_validate({"api_key": "secret", **settings}), LoopClock())


def utterance(text: str = "Hello.", **changes: Any) -> Utterance:
    return Utterance(text, VoiceName("FishAudio", "s1", SARAH), "tenant", **changes)


def sent(frames: Iterable[Frame]) -> list[dict[str, Any]]:
    unpacked = []
    for frame in frames:
        assert isinstance(frame, bytes)
        unpacked.append(ormsgpack.unpackb(frame))
    return unpacked


def event(kind: str, **fields: Any) -> bytes:
    return ormsgpack.packb({"event": kind, **fields})


# What is asked for.


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (SpeechSettings(), {}),
        (SpeechSettings(speed=1.5), {"prosody": {"speed": 1.5}}),
        (SpeechSettings(pitch_semitones=2, volume=0.5), {}),
        (
            SpeechSettings(extra=(("normalize", False), ("temperature", 0.5), ("top_p", 0.9))),
            {"normalize": False, "temperature": 0.5, "top_p": 0.9},
        ),
        (SpeechSettings(extra=(("format", "wav"), ("reference_id", "x"), ("text", "y"))), {}),
    ],
)
def test_settings_become_fields(settings: SpeechSettings, expected: dict[str, object]) -> None:
    plain = {
        "text": "Hello.",
        "reference_id": SARAH,
        "format": "pcm",
        "sample_rate": 24_000,
        "latency": "balanced",
    }
    assert request(utterance(settings=settings), "balanced", PCM_24K) == {**plain, **expected}


def test_what_is_asked_over_http() -> None:
    provider = fish(transport="http", latency="normal")
    assert provider.over_http(utterance())
    ask = provider.ask(utterance(), provider.credentials("tenant"))
    assert ask.url == "https://api.fish.audio/v1/tts"
    assert ask.headers == {"Authorization": "Bearer secret", "model": "s1"}
    assert isinstance(ask.json, dict)
    assert ask.json["latency"] == "normal"
    assert (ask.sent, ask.passthrough) == (PCM_24K, False)


@pytest.mark.parametrize("wanted", FORMATS)
def test_a_file_is_asked_for_as_the_caller_takes_it(wanted: AudioFormat) -> None:
    provider = fish()
    spoken = utterance(passthrough=wanted)
    assert provider.over_http(spoken)
    ask = provider.ask(spoken, provider.own_account)
    assert isinstance(ask.json, dict)
    assert (ask.json["format"], ask.json["sample_rate"]) == ("mp3", wanted.rate_hz)
    assert ask.json["mp3_bitrate"] in (64, 128, 192)
    assert wanted.bit_rate_kbps in (None, ask.json["mp3_bitrate"])
    assert (ask.sent, ask.passthrough) == (wanted, True)


def test_a_file_that_it_has_not_is_none_of_its_business() -> None:
    assert not fish().over_http(utterance(passthrough=AudioFormat(Codec.OPUS, 48_000, Container.OGG)))


@pytest.mark.parametrize(
    ("transport", "path", "wire"),
    [("websocket", "/v1/tts/live", FishWire), ("timestamps", "/v1/tts/live/with-timestamp", TimedFishWire)],
)
def test_where_a_socket_leads(transport: str, path: str, wire: type[FishWire]) -> None:
    provider = fish(transport=transport, tenants={"other": {"api_key": "theirs"}})
    address = provider.address(utterance())
    assert address.url == f"wss://api.fish.audio{path}"
    assert dict(address.headers) == {"Authorization": "Bearer secret", "model": "s1"}
    assert "secret" not in repr(address) + repr(provider.settings)
    theirs = provider.address(Utterance("x", VoiceName("FishAudio", "s1", SARAH), "other"))
    assert dict(theirs.headers)["Authorization"] == "Bearer theirs"
    assert type(provider.wire(utterance())) is wire


@pytest.mark.parametrize(
    ("transport", "streams", "times", "cancel"),
    [
        ("websocket", True, False, CancelSupport.NONE),
        ("timestamps", True, True, CancelSupport.NONE),
        ("http", False, False, CancelSupport.HARD),
    ],
)
def test_what_it_can_do(transport: str, streams: bool, times: bool, cancel: CancelSupport) -> None:
    can = fish(transport=transport).capabilities
    assert (can.text_stream, can.word_times, can.cancel) == (streams, times, cancel)
    assert not can.volume


@pytest.mark.parametrize("settings", [{"latency": "fast"}, {"transport": "sse"}, {"max_connections": 0}])
def test_settings_have_limits(settings: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        fish(**settings)


# The wires.


@pytest.mark.parametrize("kind", [FishWire, TimedFishWire])
def test_an_utterance_on_the_wire(kind: type[FishWire]) -> None:
    wire = kind("low")
    (start,) = sent(wire.begin("v1", utterance(settings=SpeechSettings(speed=0.8))))
    assert start == {
        "event": "start",
        "request": {
            "text": "",
            "reference_id": SARAH,
            "format": "pcm",
            "sample_rate": 24_000,
            "latency": "low",
            "prosody": {"speed": 0.8},
        },
    }
    assert sent(wire.text("v1", "Hi. ")) == [{"event": "text", "text": "Hi. "}]
    assert sent(wire.flush("v1")) == [{"event": "flush"}]
    assert sent(wire.end("v1")) == [{"event": "stop"}]
    assert list(wire.read(event("audio", audio=b"\1\2"))) == [Heard("v1", audio=b"\1\2")]
    assert list(wire.read(event("finish", reason="stop"))) == [Heard("v1", ended=True)]
    assert not list(wire.read(event("log", message="x")))
    assert wire.reusable is (kind is TimedFishWire)


def test_a_failure_before_speech_is_asked_about_and_one_in_it_is_not() -> None:
    wire = TimedFishWire("low")
    for context in ("v1", "v2"):
        list(wire.begin(context, utterance()))
        (heard,) = wire.read(event("finish", reason="error"))
        assert heard.context == context
        assert type(heard.error) is Unexplained
        list(wire.read(event("audio", audio=b"\1\2")))
        (heard,) = wire.read(event("finish", reason="error"))
        assert type(heard.error) is ProviderUnavailable


def test_too_much_at_once() -> None:
    wire = FishWire("low")
    list(wire.begin("v1", utterance()))
    (heard,) = wire.read(event("error", error="Concurrency limit exceeded", max_concurrency=5))
    assert heard.context is None
    assert isinstance(heard.error, Overloaded)


@pytest.mark.parametrize(
    "garbage",
    [
        "text",
        '{"event": "audio"}',
        b"",
        b"\xc1",
        b"{garbage",
        ormsgpack.packb([]),
        ormsgpack.packb(5),
        ormsgpack.packb(None),
        ormsgpack.packb({}),
        event("audio"),
        event("audio", audio="text"),
        event("audio", audio=None),
        event("finish"),
        event("audio", audio=b"", chunk_seq=0, alignment={}),
        event("audio", audio=b"", chunk_seq=0, alignment=5),
        event("audio", audio=b"", chunk_seq=0, alignment={"segments": []}),
        event(
            "audio", audio=b"", chunk_seq=0, alignment={"segments": [{"text": "a"}]}, chunk_audio_offset_sec=0
        ),
    ],
)
def test_garbage(garbage: str | bytes) -> None:
    wire = TimedFishWire("low")
    list(wire.begin("v1", utterance()))
    with pytest.raises(NO_PROTOCOL):
        list(wire.read(garbage))


# Words.


def chunk(number: int, offset_s: float, *segments: tuple[str, float]) -> bytes:
    told = [{"text": word, "start": start_s, "end": start_s + 0.1} for word, start_s in segments]
    return event(
        "audio",
        audio=b"\0\0",
        chunk_seq=number,
        chunk_audio_offset_sec=offset_s,
        alignment={"segments": told, "audio_duration": 1.0} if told else None,
    )


def words(heard: Iterable[Heard]) -> list[tuple[int, int, float]]:
    return [(word.text_start, word.text_length, round(word.at_s, 3)) for each in heard for word in each.words]


def test_words_are_told_once_nothing_can_correct_them_any_more() -> None:
    wire = TimedFishWire("low")
    list(wire.begin("v1", utterance()))
    list(wire.text("v1", "Hello there. "))
    list(wire.text("v1", "You."))
    assert not words(wire.read(chunk(0, 0.0)))
    assert not words(wire.read(chunk(0, 0.0, ("Hello", 0.1))))
    assert not words(wire.read(chunk(0, 0.0, ("Hello", 0.0), ("there", 0.5))))
    assert not words(wire.read(chunk(0, 0.0)))
    assert words(wire.read(chunk(1, 2.0))) == [(0, 5, 0.0), (6, 5, 0.5)]
    assert not words(wire.read(chunk(1, 2.0, ("You", 0.25))))
    assert words(wire.read(event("finish", reason="stop"))) == [(13, 3, 2.25)]


def test_words_are_anew_for_each_utterance() -> None:
    wire = TimedFishWire("low")
    for context in ("v1", "v2"):
        list(wire.begin(context, utterance()))
        list(wire.text(context, "Hello."))
        list(wire.read(chunk(0, 0.0, ("Hello", 0.1))))
        assert words(wire.read(event("finish", reason="stop"))) == [(0, 5, 0.1)]


def test_the_other_socket_tells_no_words() -> None:
    wire = FishWire("low")
    list(wire.begin("v1", utterance()))
    list(wire.text("v1", "Hello."))
    list(wire.read(chunk(0, 0.0, ("Hello", 0.1))))
    assert not words(wire.read(event("finish", reason="stop")))


# What is behind a failure; voices.


class Answering(FishAudio):
    """Gets what a test says instead of asking."""

    answers: list[bytes | VoxgateError]
    urls: list[str]

    async def fetch(self, url: str, headers: Any, **_: Any) -> bytes:
        self.urls.append(url)
        self.headers = headers
        answer = self.answers.pop(0)
        if isinstance(answer, VoxgateError):
            raise answer
        return answer


def answering(*answers: object, **settings: Any) -> Answering:
    provider = Answering(FishAudioSettings.model_validate({"api_key": "secret", **settings}), LoopClock())
    provider.urls = []
    provider.answers = [each if isinstance(each, VoxgateError) else orjson.dumps(each) for each in answers]
    return provider


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ({"_id": SARAH}, Unexplained),
        (ProviderRejected("404"), InvalidVoice),
        (ProviderDenied("401"), ProviderDenied),
        (Overloaded("429"), Overloaded),
        (ProviderUnavailable("500"), ProviderUnavailable),
    ],
)
async def test_what_is_behind_a_failure(answer: object, expected: type[VoxgateError]) -> None:
    provider = answering(answer, tenants={"tenant": {"api_key": "theirs"}})
    assert type(await provider.explain(utterance(), Unexplained("?"))) is expected
    assert provider.urls == [f"https://api.fish.audio/model/{SARAH}"]
    assert provider.headers == {"Authorization": "Bearer theirs"}


async def test_no_voice_leads_anywhere_else() -> None:
    provider = answering({})
    voice = VoiceName("FishAudio", "s1", "../wallet?x")
    await provider.explain(Utterance("x", voice, "tenant"), Unexplained("?"))
    assert provider.urls == ["https://api.fish.audio/model/..%2Fwallet%3Fx"]


def page(*records: object, total: int | None = None) -> dict[str, object]:
    return {"total": len(records) if total is None else total, "items": records}


def record(model_id: str, **fields: object) -> dict[str, object]:
    return {"_id": model_id, "type": "tts", "title": f"Title {model_id}", **fields}


async def test_voices() -> None:
    own = page(
        record("a", languages=["EN", "pt_br", "everything!"], tags=["Female", "calm"]),
        record("b", tags=["male", "female"]),
        record("c", type="svc"),
    )
    voices = await answering(own, page(record("a"), record("d", title="", tags=["male"]))).list_voices()
    assert [(str(voice.name), voice.label, voice.languages, voice.gender) for voice in voices] == [
        ("FishAudio.s2.1-pro.a", "Title a", ("en",), Gender.UNKNOWN),
        ("FishAudio.s2.1-pro.b", "Title b", ("en",), Gender.UNKNOWN),
        ("FishAudio.s2.1-pro.d", "d", ("en",), Gender.MALE),
    ]
    alone = await answering(own, page()).list_voices()
    assert (alone[0].languages, alone[0].gender) == (("en", "pt-BR"), Gender.FEMALE)


async def test_pages_are_turned_as_long_as_there_are_some_and_no_longer_than_is_sensible() -> None:
    own = [page(record(f"own-{number}"), total=250) for number in range(3)]
    public = [page(record(f"public-{number}"), total=1_000_000) for number in range(2)]
    provider = answering(*own, *public)
    assert len(await provider.list_voices()) == 5
    begin = "https://api.fish.audio/model?page_size=100"
    assert provider.urls == [
        *(f"{begin}&page_number={number}&self=true&sort_by=created_at" for number in (1, 2, 3)),
        *(f"{begin}&page_number={number}&sort_by=task_count" for number in (1, 2)),
    ]


@pytest.mark.parametrize(
    "answer",
    [
        {},
        [],
        5,
        {"items": 5, "total": 1},
        {"items": [5], "total": 1},
        {"items": [{}], "total": 1},
        {"items": [], "total": "many"},
        page(record("a", tags=5)),
        page(record("a", languages=5)),
    ],
)
async def test_a_list_that_is_none(answer: object) -> None:
    with pytest.raises(ProviderUnavailable):
        await answering(answer, page()).list_voices()
