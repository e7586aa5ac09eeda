from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import orjson
import pybase64
import pytest
from pydantic import ValidationError

from voxgate.audio.format import AudioFormat, Codec, Container
from voxgate.clock import LoopClock
from voxgate.errors import Overloaded, ProviderDenied, ProviderRejected, ProviderUnavailable, VoxgateError
from voxgate.providers._unexplained import Unexplained
from voxgate.providers._wire import Frame, Heard
from voxgate.providers.contract import WordTime
from voxgate.providers.xai import FORMATS, Xai, XaiSettings, XaiWire, language_of
from voxgate.speech.utterance import SpeechSettings, Utterance
from voxgate.speech.voice import VoiceName

NO_PROTOCOL = (ValueError, LookupError, TypeError, AttributeError)
DONE, CLEAR = {"type": "text.done"}, {"type": "text.clear"}


def xai(**settings: Any) -> Xai:
    return Xai(XaiSettings.model_validate({"api_key": "secret", **settings}), LoopClock())


def utterance(text: str = "Hello.", **changes: Any) -> Utterance:
    return Utterance(text, VoiceName("xAI", "", "eve"), "tenant", **changes)


def wire() -> XaiWire:
    xais = XaiWire()
    assert not list(xais.begin("v1", utterance()))
    return xais


def sent(frames: Iterable[Frame]) -> list[dict[str, Any]]:
    return [orjson.loads(frame) for frame in frames]


def delta(text: str) -> dict[str, str]:
    return {"type": "text.delta", "delta": text}


def event(kind: str, **fields: Any) -> str:
    return orjson.dumps({"type": kind, **fields}).decode()


def audio(pcm: bytes = b"\1\2", **fields: Any) -> str:
    return event("audio.delta", delta=pybase64.b64encode(pcm).decode(), **fields)


def spelled(text: str, begin_s: float = 0.0, pcm: bytes = b"\0\0") -> str:
    """Audio with the times of a text's characters, a tenth of a second each."""
    times = [(begin_s + index / 10, begin_s + index / 10 + 0.1) for index in range(len(text))]
    return audio(pcm, audio_timestamps={"graph_chars": list(text), "graph_times": times})


def words(heard: Iterable[Heard]) -> list[tuple[int, int, float]]:
    return [(word.text_start, word.text_length, round(word.at_s, 3)) for each in heard for word in each.words]


# What is asked for.


@pytest.mark.parametrize(
    ("tag", "expected"),
    [
        (None, "auto"),
        ("en", "en"),
        ("en-GB", "en"),
        ("EN-us", "en"),
        ("de-AT", "de"),
        ("ar", "ar-EG"),
        ("arb", "ar-EG"),
        ("ar-sa", "ar-SA"),
        ("ar-MA", "ar-EG"),
        ("es", "es-ES"),
        ("es-ES", "es-ES"),
        ("es-AR", "es-MX"),
        ("es-419", "es-MX"),
        ("pt", "pt-BR"),
        ("pt-PT", "pt-PT"),
        ("cmn", "zh"),
        ("zh-TW", "zh"),
        ("uk", "uk"),
    ],
)
def test_languages(tag: str | None, expected: str) -> None:
    assert language_of(tag) == expected


def test_what_is_asked_over_http() -> None:
    provider = xai(transport="http")
    spoken = utterance(settings=SpeechSettings(speed=1.2), language="es")
    assert provider.over_http(spoken)
    ask = provider.ask(spoken, provider.credentials("tenant"))
    assert ask.url == "https://api.x.ai/v1/tts"
    assert ask.headers == {"Authorization": "Bearer secret"}
    assert ask.json == {
        "text": "Hello.",
        "voice_id": "eve",
        "language": "es-ES",
        "output_format": {"codec": "pcm", "sample_rate": 24_000},
        "optimize_streaming_latency": 0,
        "text_normalization": False,
        "speed": 1.2,
    }
    assert not ask.passthrough


@pytest.mark.parametrize(
    ("wanted", "output"),
    [
        (AudioFormat(Codec.MULAW, 8_000), {"codec": "mulaw", "sample_rate": 8_000}),
        (AudioFormat(Codec.ALAW, 16_000), {"codec": "alaw", "sample_rate": 16_000}),
        (
            AudioFormat(Codec.MP3, 44_100, bit_rate_kbps=192),
            {"codec": "mp3", "sample_rate": 44_100, "bit_rate": 192_000},
        ),
    ],
)
def test_a_file_is_asked_for_as_the_caller_takes_it(wanted: AudioFormat, output: dict[str, object]) -> None:
    provider = xai()
    spoken = utterance(passthrough=wanted)
    assert provider.over_http(spoken)
    ask = provider.ask(spoken, provider.own_account)
    assert isinstance(ask.json, dict)
    assert ask.json["output_format"] == output
    assert (ask.sent, ask.passthrough) == (wanted, True)


def test_every_bit_rate_is_named() -> None:
    """So that what is sent never depends on a default of the vendor's."""
    provider = xai()
    for wanted in FORMATS:
        ask = provider.ask(utterance(passthrough=wanted), provider.own_account)
        assert isinstance(ask.json, dict)
        assert ("bit_rate" in ask.json["output_format"]) is (wanted.codec is Codec.MP3), wanted


def test_a_file_that_it_has_not_is_none_of_its_business() -> None:
    wanted = AudioFormat(Codec.OPUS, 48_000, Container.OGG)
    provider = xai()
    assert not provider.over_http(utterance(passthrough=wanted))
    assert not xai(transport="http").ask(utterance(passthrough=wanted), provider.own_account).passthrough


def test_where_a_socket_leads() -> None:
    provider = xai(
        text_normalization=True,
        optimize_streaming_latency=1,
        word_times=False,
        tenants={"other": {"api_key": "theirs"}},
    )
    address = provider.address(utterance(settings=SpeechSettings(speed=0.8), language="ar-AE"))
    parts = urlsplit(address.url)
    assert (parts.scheme, parts.netloc, parts.path) == ("wss", "api.x.ai", "/v1/tts")
    assert parse_qs(parts.query) == {
        "voice": ["eve"],
        "language": ["ar-AE"],
        "codec": ["pcm"],
        "sample_rate": ["24000"],
        "optimize_streaming_latency": ["1"],
        "text_normalization": ["true"],
        "with_timestamps": ["false"],
        "speed": ["0.8"],
    }
    assert dict(address.headers) == {"Authorization": "Bearer secret"}
    assert "secret" not in repr(address) + repr(provider.settings)
    theirs = provider.address(Utterance("x", VoiceName("xAI", "", "eve"), "other"))
    assert dict(theirs.headers) == {"Authorization": "Bearer theirs"}
    assert "speed" not in parse_qs(urlsplit(theirs.url).query)


@pytest.mark.parametrize(
    "settings", [{"optimize_streaming_latency": 2}, {"transport": "sse"}, {"with_timestamps": True}]
)
def test_settings_have_limits(settings: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        xai(**settings)


@pytest.mark.parametrize(
    ("settings", "streams", "times"),
    [({}, True, True), ({"word_times": False}, True, False), ({"transport": "http"}, False, False)],
)
def test_what_it_can_do(settings: dict[str, object], streams: bool, times: bool) -> None:
    can = xai(**settings).capabilities
    assert (can.text_stream, can.word_times, can.pitch, can.volume) == (streams, times, False, False)


# The wire.


def test_an_utterance_on_the_wire() -> None:
    xais = wire()
    assert sent(xais.text("v1", "Hi. ")) == [delta("Hi. ")]
    assert sent(xais.text("v1", "Ho.")) == [delta("Ho.")]
    assert sent(xais.end("v1")) == [DONE]
    assert not xais.complete("v1")
    (heard,) = xais.read(audio())
    assert (heard.context, heard.audio, heard.ended) == ("v1", b"\1\2", False)
    (heard,) = xais.read(event("audio.done", trace_id="t-1"))
    assert (heard.context, heard.ended) == ("v1", True)
    assert heard.facts is not None
    assert heard.facts.request_id == "t-1"


def test_long_text_goes_in_pieces() -> None:
    assert [len(message["delta"]) for message in sent(wire().text("v1", "x" * 40_000))] == [
        15_000,
        15_000,
        10_000,
    ]


def test_what_is_written_behind_a_flush_waits_for_the_end_of_what_was_before() -> None:
    xais = wire()
    list(xais.text("v1", "One."))
    assert sent(xais.flush("v1")) == [DONE]
    assert not list(xais.text("v1", "Two."))
    assert not list(xais.flush("v1"))
    assert not list(xais.flush("v1"))
    assert not list(xais.text("v1", "Three."))
    assert not list(xais.end("v1"))
    assert not xais.complete("v1")
    (heard,) = xais.read(event("audio.done"))
    assert not heard.ended
    assert sent(heard.send) == [delta("Two."), DONE]
    (heard,) = xais.read(event("audio.done"))
    assert not heard.ended
    assert sent(heard.send) == [delta("Three."), DONE]
    (heard,) = xais.read(event("audio.done"))
    assert heard.ended
    assert not heard.send


def test_an_end_right_behind_a_flush_asks_for_nothing_more() -> None:
    xais = wire()
    list(xais.text("v1", "One."))
    list(xais.flush("v1"))
    assert not list(xais.end("v1"))
    assert not xais.complete("v1")
    (heard,) = xais.read(event("audio.done"))
    assert heard.ended


def test_an_end_that_comes_when_all_is_spoken() -> None:
    xais = wire()
    list(xais.text("v1", "One."))
    list(xais.flush("v1"))
    (heard,) = xais.read(event("audio.done"))
    assert not heard.ended
    assert not list(xais.flush("v1"))
    assert not list(xais.end("v1"))
    assert xais.complete("v1")


def test_an_end_without_any_text_is_complete() -> None:
    xais = wire()
    assert not list(xais.end("v1"))
    assert xais.complete("v1")


def test_nothing_is_believed_until_a_clearing_is_confirmed() -> None:
    xais = wire()
    list(xais.text("v1", "One."))
    list(xais.end("v1"))
    assert sent(xais.cancel("v1")) == [CLEAR]
    assert not xais.complete("v1")
    for frame in (audio(), event("audio.done")):
        assert not list(xais.read(frame))
    assert list(xais.read(event("audio.clear"))) == [Heard("v1", ended=True)]
    assert not list(xais.read(event("audio.clear")))
    list(xais.begin("v2", utterance()))
    for frame in (audio(), event("audio.done")):
        assert not list(xais.read(frame))
    assert sent(xais.text("v2", "Two.")) == [delta("Two.")]
    assert not list(xais.read(event("audio.done")))
    assert next(iter(xais.read(audio()))).context == "v2"
    list(xais.end("v2"))
    (heard,) = xais.read(event("audio.done"))
    assert (heard.context, heard.ended) == ("v2", True)


def test_events_that_nobody_knows_are_passed_over() -> None:
    assert not list(wire().read(event("session.updated")))


def test_an_error_is_the_whole_sockets() -> None:
    (heard,) = wire().read(event("error", message="TTS failed"))
    assert heard.context is None
    assert type(heard.error) is ProviderUnavailable
    assert "TTS failed" not in heard.error.message


@pytest.mark.parametrize(
    "garbage",
    [
        "",
        "nonsense",
        b"\0",
        "[]",
        "1",
        "null",
        "{}",
        '{"type": "audio.delta"}',
        '{"type": "audio.delta", "delta": "@"}',
        '{"type": "audio.delta", "delta": "AAA="}{',
        '{"type": "audio.delta", "delta": "AAA=", "audio_timestamps": {"graph_chars": ["a"]}}',
        '{"type": "audio.delta", "delta": "", "audio_timestamps": {"graph_chars": "a", "graph_times": [1]}}',
    ],
)
def test_garbage(garbage: str | bytes) -> None:
    xais = wire()
    list(xais.text("v1", "a"))
    with pytest.raises(NO_PROTOCOL):
        list(xais.read(garbage))


# Words.


def test_words() -> None:
    xais = wire()
    list(xais.text("v1", "Hi there."))
    list(xais.end("v1"))
    assert words(xais.read(spelled("Hi "))) == [(0, 2, 0.0)]
    assert words(xais.read(spelled("there.", 0.3))) == [(3, 6, 0.3)]
    assert not words(xais.read(audio(audio_timestamps=None)))
    assert not words(xais.read(audio(audio_timestamps={"graph_chars": [], "graph_times": []})))


@pytest.mark.parametrize("begin_s", [0.0, 57.5])
def test_words_behind_a_flush_count_on_from_the_audio_before(begin_s: float) -> None:
    """Whether the vendor's times begin anew, or go on through its session."""
    xais = wire()
    list(xais.text("v1", "Hi. "))
    list(xais.flush("v1"))
    list(xais.text("v1", "You there."))
    assert words(xais.read(spelled("Hi. ", begin_s, bytes(48_000)))) == [(0, 3, 0.0)]
    list(xais.read(event("audio.done")))
    heard = xais.read(spelled("You there.", begin_s and begin_s + 1.1))
    assert words(heard) == [(4, 3, 1.0), (8, 6, 1.4)]


def test_a_breath_before_the_first_word_is_no_new_count() -> None:
    xais = wire()
    list(xais.text("v1", "Hi."))
    assert words(xais.read(spelled("Hi.", 0.4))) == [(0, 3, 0.4)]


def test_characters_that_are_not_the_texts_tell_no_words() -> None:
    xais = wire()
    list(xais.text("v1", "Number 9."))
    assert words(xais.read(spelled("Number nine."))) == [(0, 6, 0.0)]


def test_words_are_anew_for_each_utterance() -> None:
    xais = wire()
    for context in ("v2", "v3"):
        list(xais.begin(context, utterance()))
        list(xais.text(context, "Hi."))
        list(xais.end(context))
        (heard,) = xais.read(spelled("Hi.", pcm=bytes(4800)))
        assert heard.words == (WordTime(0, 3, 0.0),)
        list(xais.read(event("audio.done")))


# Refusals, and what is behind them.


class Answering(Xai):
    """Gets what a test says instead of asking."""

    answer: bytes | VoxgateError = b"{}"

    async def fetch(self, url: str, headers: Any, **_: Any) -> bytes:
        self.url, self.headers = url, headers
        if isinstance(self.answer, VoxgateError):
            raise self.answer
        return self.answer


def answering(answer: object, **settings: Any) -> Answering:
    provider = Answering(XaiSettings.model_validate({"api_key": "secret", **settings}), LoopClock())
    provider.answer = answer if isinstance(answer, VoxgateError) else orjson.dumps(answer)
    return provider


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (400, Unexplained),
        (401, ProviderDenied),
        (403, ProviderDenied),
        (404, ProviderRejected),
        (429, Overloaded),
        (500, ProviderUnavailable),
    ],
)
def test_what_a_status_means(status: int, expected: type[VoxgateError]) -> None:
    assert type(xai().refused(status, {}, b"")) is expected


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ({"voices": []}, ProviderRejected),
        (Unexplained("400"), ProviderDenied),
        (ProviderDenied("401"), ProviderDenied),
        (Overloaded("429"), Overloaded),
        (ProviderUnavailable("500"), ProviderUnavailable),
    ],
)
async def test_what_is_behind_a_400(answer: object, expected: type[VoxgateError]) -> None:
    provider = answering(answer, tenants={"tenant": {"api_key": "theirs"}})
    assert type(await provider.explain(utterance(), Unexplained("?"))) is expected
    assert provider.headers == {"Authorization": "Bearer theirs"}


async def test_voices() -> None:
    records = [{"voice_id": "eve", "name": "Eve", "language": "en"}, {"voice_id": "my-voice"}]
    provider = answering({"voices": records})
    eve, mine = await provider.list_voices()
    assert provider.url == "https://api.x.ai/v1/tts/voices"
    assert (str(eve.name), eve.label, eve.languages) == ("xAI.eve", "Eve", ("en",))
    assert (str(mine.name), mine.label, mine.languages) == ("xAI.my-voice", "My Voice", ("en",))


@pytest.mark.parametrize(
    "answer", [{}, [], {"voices": 1}, {"voices": [1]}, {"voices": [{}]}, {"voices": ["x"]}]
)
async def test_a_list_that_is_none(answer: object) -> None:
    with pytest.raises(ProviderUnavailable):
        await answering(answer).list_voices()


async def test_a_wrong_key_is_said_where_voices_are_listed() -> None:
    with pytest.raises(ProviderDenied):
        await answering(Unexplained("400")).list_voices()
