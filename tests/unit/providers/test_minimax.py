from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest

from voxgate.audio.format import AudioFormat, Codec
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
from voxgate.providers._http import Part
from voxgate.providers._minimax_order import MP3_FILES, failure, order, sent_for
from voxgate.providers._minimax_wire import MiniMaxWire
from voxgate.providers.contract import UpstreamFacts
from voxgate.providers.minimax import MiniMax, MiniMaxSettings
from voxgate.speech.utterance import SpeechSettings, Utterance
from voxgate.speech.voice import VoiceName

NO_PROTOCOL = (ValueError, LookupError, TypeError, AttributeError)
MP3 = AudioFormat(Codec.MP3, 44_100, bit_rate_kbps=128)


def minimax(**settings: Any) -> MiniMax:
    return MiniMax(MiniMaxSettings.model_validate({"api_key": "secret", **settings}), LoopClock())


def utterance(**changes: Any) -> Utterance:
    return Utterance("Hello.", VoiceName("MiniMax", "speech-2.8-turbo", "Wise_Woman"), "tenant", **changes)


# What is asked.


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (SpeechSettings(), {"speed": 1.0, "vol": 1.0, "pitch": 0}),
        (SpeechSettings(speed=9.0), {"speed": 2.0, "vol": 1.0, "pitch": 0}),
        (SpeechSettings(speed=0.1), {"speed": 0.5, "vol": 1.0, "pitch": 0}),
        (SpeechSettings(volume=0.0), {"speed": 1.0, "vol": 0.01, "pitch": 0}),
        (SpeechSettings(volume=99.0), {"speed": 1.0, "vol": 10.0, "pitch": 0}),
        (SpeechSettings(pitch_semitones=2.4), {"speed": 1.0, "vol": 1.0, "pitch": 2}),
        (SpeechSettings(pitch_semitones=-40), {"speed": 1.0, "vol": 1.0, "pitch": -12}),
        (
            SpeechSettings(extra=(("emotion", "happy"), ("voice_id", "other"))),
            {"speed": 1.0, "vol": 1.0, "pitch": 0, "emotion": "happy"},
        ),
    ],
)
def test_settings_become_the_voice(settings: SpeechSettings, expected: dict[str, object]) -> None:
    asked = order(utterance(settings=settings), PCM_24K)
    assert asked["model"] == "speech-2.8-turbo"
    assert asked["voice_setting"] == {"voice_id": "Wise_Woman", **expected}
    assert asked["audio_setting"] == {"sample_rate": 24_000, "channel": 1, "format": "pcm"}
    assert "language_boost" not in asked


@pytest.mark.parametrize(
    ("language", "boost"),
    [("en-GB", "English"), ("yue", "Chinese,Yue"), ("zh-TW", "Chinese"), ("no", "Norwegian"), ("xx", None)],
)
def test_languages_by_their_names(language: str, boost: str | None) -> None:
    assert order(utterance(language=language), PCM_24K).get("language_boost") == boost


def test_files_are_asked_for_exactly() -> None:
    asked = order(utterance(), MP3)
    assert asked["audio_setting"] == {
        "sample_rate": 44_100,
        "channel": 1,
        "format": "mp3",
        "bitrate": 128_000,
        "force_cbr": True,
    }
    assert MP3 in MP3_FILES
    assert sent_for(utterance(passthrough=MP3)) == MP3
    assert sent_for(utterance(passthrough=AudioFormat(Codec.MP3, 48_000, bit_rate_kbps=128))) == PCM_24K


def test_which_way() -> None:
    assert not minimax().over_http(utterance())
    assert minimax().over_http(utterance(passthrough=MP3))
    assert minimax(transport="http").over_http(utterance())
    assert minimax().capabilities.text_stream
    assert not minimax(transport="http").capabilities.text_stream


def test_sockets_are_shared_by_voice_and_setting() -> None:
    provider = minimax()
    here = provider.address(utterance())
    assert here.url == "wss://api.minimax.io/ws/v1/t2a_v2_bidi"
    assert here == provider.address(utterance())
    assert here != provider.address(utterance(settings=SpeechSettings(speed=1.2)))
    assert "secret" not in repr(here)


def test_http_asks_for_no_repetition() -> None:
    provider = minimax(base_url="https://api-uw.minimax.io/")
    ask = provider.ask(utterance(), provider.own_account)
    assert ask.url == "https://api-uw.minimax.io/v1/t2a_v2"
    assert isinstance(ask.json, dict)
    assert ask.json["stream_options"] == {"exclude_aggregated_audio": True}
    assert (ask.json["text"], ask.json["stream"], ask.wrapped) == ("Hello.", True, True)


# What is answered.


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (1000, ProviderUnavailable),
        (1001, ProviderUnavailable),
        (1002, Overloaded),
        (1004, ProviderDenied),
        (1008, ProviderDenied),
        (1026, ProviderRejected),
        (1033, ProviderUnavailable),
        (1039, Overloaded),
        (1042, ProviderRejected),
        (2013, ProviderRejected),
        (2042, InvalidVoice),
        (2049, ProviderDenied),
        (2201, ProviderUnavailable),
        (2204, ProviderRejected),
        (2205, Overloaded),
        (20132, InvalidVoice),
        (31337, ProviderUnavailable),
    ],
)
def test_codes(code: int, kind: type[VoxgateError]) -> None:
    error = failure("MiniMax", code, "trace")
    assert type(error) is kind
    assert isinstance(error, Overloaded) or error.provider_request_id == "trace"


async def body(*pieces: bytes) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece


async def parts(*pieces: bytes) -> list[Part]:
    provider = minimax()
    ask = provider.ask(utterance(), provider.own_account)
    return [part async for part in provider.unwrap(body(*pieces), ask)]


def event(audio: str = "", status: int = 1, code: int = 0, **fields: Any) -> bytes:
    said = {"data": {"audio": audio, "status": status}, "base_resp": {"status_code": code}, **fields}
    return b"data: " + orjson.dumps(said) + b"\n\n"


async def test_events_cut_anywhere() -> None:
    whole = (
        event("0102")
        + event("03", trace_id="t")
        + event(status=2, extra_info={"usage_characters": 9}, trace_id="t")
    )
    for size in (1, 7, 10_000):
        found = await parts(*(whole[at : at + size] for at in range(0, len(whole), size)))
        assert [part.audio for part in found] == [b"\x01\x02", b"\x03", b""]
        assert [part.end for part in found] == [False, False, True]
        assert found[-1].facts == UpstreamFacts("t", 9)


async def test_the_last_event_may_repeat_everything() -> None:
    found = await parts(event("0102"), event("010203", status=2))
    assert b"".join(part.audio for part in found) == b"\x01\x02"
    (only,) = await parts(event("010203", status=2))
    assert (only.audio, only.end) == (b"\x01\x02\x03", True)


async def test_a_refusal_with_status_200() -> None:
    with pytest.raises(ProviderDenied):
        await parts(orjson.dumps({"base_resp": {"status_code": 2049}}))
    with pytest.raises(ProviderUnavailable):
        await parts(event("0102"), event(code=1000))


@pytest.mark.parametrize(
    "line", [b"{", b"data: 7", b"data: {}", event("0g"), event("012"), event("01 02"), b"oh"]
)
async def test_what_is_no_event(line: bytes) -> None:
    with pytest.raises(ProviderUnavailable):
        await parts(line)


async def test_comments_and_names_are_passed_over() -> None:
    assert len(await parts(b": hi\nevent: x\nid: 1\n", event("01"))) == 1


# The socket.

ORDER = {"model": "speech-2.8-turbo"}


def frame(event_: str | None = None, code: int = 0, **fields: Any) -> str:
    named = {} if event_ is None else {"event": event_}
    return orjson.dumps({**named, "base_resp": {"status_code": code}, "trace_id": "t", **fields}).decode()


def sent(frames: Any) -> list[dict[str, Any]]:
    return [orjson.loads(each) for each in frames]


def started() -> MiniMaxWire:
    wire = MiniMaxWire("MiniMax", ORDER)
    (hello,) = wire.read(frame("connected_success"))
    assert sent(hello.send) == [{"event": "task_start", **ORDER}]
    (ready,) = wire.read(frame("task_started"))
    assert ready.ready
    return wire


def test_an_utterance_from_text_to_its_last_flush() -> None:
    wire = started()
    assert list(wire.begin("v1", utterance())) == []
    assert sent(wire.text("v1", "Hello")) == [{"event": "task_continue", "text": "Hello"}]
    assert sent(wire.flush("v1")) == [{"event": "task_flush"}]
    assert sent(wire.end("v1")) == [{"event": "task_flush"}]
    assert list(wire.read(frame("sentence_start"))) == []
    assert [heard.audio for heard in wire.read(frame("task_continued", data={"audio": "0102"}))] == [
        b"\x01\x02"
    ]
    assert [heard.audio for heard in wire.read(frame(data={"audio": "03"}))] == [b"\x03"]
    (told,) = wire.read(frame(data={"audio": ""}, is_final=True, extra_info={"usage_characters": 5}))
    assert told.facts == UpstreamFacts("t", 5)
    assert list(wire.read(frame("task_flushed"))) == []
    (ended,) = wire.read(frame("task_flushed"))
    assert (ended.context, ended.ended) == ("v1", True)


def test_audio_that_belongs_to_nobody() -> None:
    wire = started()
    stale = frame("task_continued", data={"audio": "0102"})
    assert list(wire.read(stale)) == []
    list(wire.begin("v1", utterance()))
    assert list(wire.read(stale)) == []
    list(wire.text("v1", "Hello"))
    assert list(wire.read(stale)) != []
    list(wire.end("v1"))
    list(wire.read(frame("task_flushed")))
    assert list(wire.read(stale)) == []


def test_a_late_flush_does_not_confirm_a_cancel() -> None:
    wire = started()
    list(wire.begin("v1", utterance()))
    list(wire.text("v1", "Hello"))
    list(wire.end("v1"))
    assert sent(wire.cancel("v1")) == [{"event": "task_cancel"}]
    assert list(wire.read(frame("task_continued", data={"audio": "0102"}))) == []
    assert list(wire.read(frame("task_flushed"))) == []
    (ended,) = wire.read(frame("task_canceled"))
    assert (ended.context, ended.ended) == ("v1", True)
    list(wire.begin("v2", utterance()))
    list(wire.text("v2", "Hello"))
    assert [heard.context for heard in wire.read(frame(data={"audio": "01"}))] == ["v2"]


def test_long_texts_are_handed_over_in_fragments() -> None:
    wire = started()
    list(wire.begin("v1", utterance()))
    fragments = [each["text"] for each in sent(wire.text("v1", "x" * 20_000))]
    assert [len(each) for each in fragments] == [9000, 9000, 2000]


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        (frame("task_failed", 1004), ProviderDenied),
        (frame("task_failed", 0), ProviderUnavailable),
        (frame("task_continued", 2204), ProviderRejected),
        (frame("task_continued", 2205), Overloaded),
        (frame(None, 1002), Overloaded),
    ],
)
def test_failures_give_the_socket_up(message: str, kind: type[VoxgateError]) -> None:
    (heard,) = started().read(message)
    assert heard.context is None
    assert isinstance(heard.error, kind)


def test_text_without_words_may_be_skipped() -> None:
    assert list(started().read(frame("task_continued", 2203))) == []


@pytest.mark.parametrize(
    "message",
    ["", "{", "[]", "7", frame(data={"audio": "0g"}), frame(data={"audio": "012"}), frame(data=[1])],
)
def test_what_is_no_message(message: str) -> None:
    wire = started()
    list(wire.begin("v1", utterance()))
    list(wire.text("v1", "Hello"))
    with pytest.raises(NO_PROTOCOL):
        list(wire.read(message))


def test_leaving() -> None:
    assert sent(started().bye()) == [{"event": "task_finish"}]
