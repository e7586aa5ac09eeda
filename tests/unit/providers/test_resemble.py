"""Resemble's adapter: what is asked for, and what is understood, without any I/O."""

from typing import Any

import orjson
import pytest

from voxgate.audio.format import AudioFormat, Codec
from voxgate.clock import LoopClock
from voxgate.errors import (
    Overloaded,
    ProviderDenied,
    ProviderRejected,
    ProviderUnavailable,
    VoxgateError,
)
from voxgate.providers._resemble_wire import ResembleWire
from voxgate.providers._wire import Frame, Heard
from voxgate.providers.resemble import RATE_HZ, Resemble, ResembleSettings
from voxgate.speech.utterance import Utterance
from voxgate.speech.voice import VoiceName

MULAW = AudioFormat(Codec.MULAW, 8_000)


def resemble(**settings: Any) -> Resemble:
    return Resemble(ResembleSettings.model_validate({"api_key": "key", **settings}), LoopClock())


def utterance(voice: str = "Resemble.Turbo.55592656", **changes: Any) -> Utterance:
    return Utterance(changes.pop("text", ""), VoiceName.parse(voice), "tenant", **changes)


@pytest.mark.parametrize(
    ("settings", "url"),
    [
        ({}, "wss://websocket.cluster.resemble.ai/stream"),
        ({"base_url": "http://localhost:1"}, "ws://localhost:1/stream"),
        (
            {"base_url": "https://mine.cluster.resemble.ai"},
            "wss://websocket.cluster.resemble.ai/stream",
        ),
        ({"websocket_url": "wss://elsewhere"}, "wss://elsewhere/stream"),
    ],
)
def test_where_the_socket_is(settings: dict[str, str], url: str) -> None:
    address = resemble(**settings).address(utterance())
    assert (address.url, address.headers) == (url, (("Authorization", "Bearer key"),))


def test_a_tenant_s_own_address_wins_over_the_section_s() -> None:
    own = {"tenant": {"api_key": "own", "base_url": "http://localhost:2"}}
    address = resemble(websocket_url="wss://elsewhere", tenants=own).address(utterance())
    assert (address.url, address.headers) == ("ws://localhost:2/stream", (("Authorization", "Bearer own"),))


@pytest.mark.parametrize(
    ("voice", "model"),
    [
        ("Resemble.Turbo.55592656", "chatterbox-turbo"),
        ("Resemble.Pro.55592656", "chatterbox"),
        ("Resemble.chatterbox-multilingual.55592656", "chatterbox-multilingual"),
    ],
)
def test_what_is_asked(voice: str, model: str) -> None:
    vendor = resemble()
    request = vendor.request(utterance(voice), "Hi.")
    assert request == {
        "voice_uuid": "55592656",
        "data": "Hi.",
        "model": model,
        "output_format": "wav",
        "no_audio_header": True,
        "precision": "PCM_16",  # 32 bits unless told
        "sample_rate": RATE_HZ,
        "binary_response": False,
    }
    ask = vendor.ask(utterance(voice, text="Hi."), vendor.credentials(""))
    assert ask.url == "https://f.cluster.resemble.ai/stream"
    assert ask.json == {
        "voice_uuid": "55592656",
        "data": "Hi.",
        "model": model,
        "precision": "PCM_16",
        "sample_rate": RATE_HZ,
    }


def test_telephony_passes_through() -> None:
    request = resemble().request(utterance(passthrough=MULAW), "Hi.")
    assert (request["precision"], request["sample_rate"]) == ("MULAW", 8_000)


def wire() -> ResembleWire:
    return ResembleWire(resemble().request, RATE_HZ)


def asked(frames: Any) -> list[tuple[int, str]]:
    requests = [orjson.loads(frame) for frame in frames]
    return [(request["request_id"], request["data"]) for request in requests]


def audio(number: int, seconds: float = 0.0, text: str = "") -> str:
    characters = list(text)
    times = [[place * 0.1, place * 0.1 + 0.1] for place in range(len(text))]
    event = {
        "type": "audio",
        "audio_content": "AAAA" * round(seconds * RATE_HZ * 2 / 3),
        "audio_timestamps": {"graph_chars": characters, "graph_times": times},
        "request_id": number,
    }
    return orjson.dumps(event).decode()


def end(number: int) -> str:
    return orjson.dumps({"type": "audio_end", "request_id": number}).decode()


def test_each_sentence_is_a_request_and_the_last_one_is_the_end() -> None:
    talk = wire()
    assert list(talk.begin("v1", utterance())) == []
    assert asked(talk.text("v1", "One. Two. Th")) == [(1, "One. "), (2, "Two. ")]
    assert asked(talk.flush("v1")) == [(3, "Th")]
    assert asked(talk.text("v1", " … ")) == []
    assert asked(talk.end("v1")) == []
    assert not talk.complete("v1")
    ended = [heard.ended for number in (1, 2, 3) for heard in talk.read(end(number))]
    assert ended == [False, False, True]
    # Numbers go on, so that nothing late is taken for something new.
    talk.begin("v2", utterance())
    assert asked(talk.text("v2", "Next.")) == [(4, "Next.")]
    assert list(talk.read(audio(3, 0.1))) == []
    assert list(talk.read(end(3))) == []


def test_it_is_complete_when_all_was_spoken_before_the_text_ended() -> None:
    talk = wire()
    talk.begin("v1", utterance())
    list(talk.text("v1", "All of it."))
    assert [heard.ended for heard in talk.read(end(1))] == [False]
    assert asked(talk.end("v1")) == []
    assert talk.complete("v1")


def test_a_cancelled_one_ends_with_what_was_asked_for() -> None:
    talk = wire()
    talk.begin("v1", utterance())
    list(talk.text("v1", "One. Two."))
    assert list(talk.cancel("v1")) == []
    assert not talk.complete("v1")
    assert [heard.ended for number in (1, 2) for heard in talk.read(end(number))] == [False, True]


def test_times_of_words_count_from_the_utterance() -> None:
    talk = wire()
    talk.begin("v1", utterance())
    list(talk.text("v1", "Ab cd. Ef."))
    (first,) = talk.read(audio(1, 0.9, "Ab cd."))
    assert [(word.text_start, word.text_length, word.at_s) for word in first.words] == [
        (0, 2, 0.0),
        (3, 3, pytest.approx(0.3)),
    ]
    list(talk.read(end(1)))
    (second,) = talk.read(audio(2, 0.1, "Ef."))
    (word,) = second.words
    assert word.text_start == 7
    assert word.at_s == pytest.approx(0.9)


ERRORS: list[tuple[int | None, type[VoxgateError]]] = [
    (400, ProviderRejected),
    (404, ProviderRejected),
    (401, ProviderDenied),
    (403, ProviderDenied),
    (429, Overloaded),
    (500, ProviderUnavailable),
    (None, ProviderUnavailable),
]


@pytest.mark.parametrize(("status", "error"), ERRORS)
def test_errors(status: int | None, error: type[VoxgateError]) -> None:
    talk = wire()
    talk.begin("v1", utterance())
    told = {"type": "error", "success": False, "message": "a secret text", "status_code": status}
    (heard,) = talk.read(orjson.dumps({**told, "error_name": "BadJSON"}).decode())
    assert heard.context == "v1"
    assert type(heard.error) is error
    assert "secret" not in heard.error.message
    (heard,) = talk.read(orjson.dumps({**told, "error_name": "ConnectionFailure"}).decode())
    assert heard.context is None


@pytest.mark.parametrize(
    "frame",
    [
        "{",
        "[]",
        "{}",
        b"\0{garbage",
        '{"type": "audio", "request_id": 1}',
        '{"type": "audio", "request_id": 1, "audio_content": "?"}',
        '{"type": "audio", "request_id": 1, "audio_content": "", "audio_timestamps": [1]}',
        '{"type": "audio", "request_id": 1, "audio_content": "",'
        ' "audio_timestamps": {"graph_chars": ["O"], "graph_times": [["x"]]}}',
    ],
)
def test_garbage_is_told(frame: Frame) -> None:
    talk = wire()
    talk.begin("v1", utterance())
    list(talk.text("v1", "One."))
    with pytest.raises((ValueError, LookupError, TypeError, AttributeError)):
        list(talk.read(frame))


def test_news_are_ignored() -> None:
    assert list(wire().read('{"type": "weather"}')) == []
    talk = wire()
    talk.begin("v1", utterance())
    list(talk.text("v1", "One."))
    bare = '{"type": "audio", "audio_content": "AAAA", "request_id": 1}'
    assert list(talk.read(bare)) == [Heard("v1", b"\0\0\0")]
