"""Inworld's adapter: what is asked for, and what is understood, without any I/O."""

from collections.abc import Iterable
from typing import Any

import orjson
import pybase64
import pytest

from voxgate.audio import wav
from voxgate.audio.format import AudioFormat, Codec, Container
from voxgate.clock import LoopClock
from voxgate.errors import (
    Overloaded,
    ProviderDenied,
    ProviderRejected,
    ProviderTimeout,
    ProviderUnavailable,
    VoxgateError,
)
from voxgate.providers._inworld_wire import InworldWire, failure, samples
from voxgate.providers._wire import Frame, Heard
from voxgate.providers.inworld import FORMATS, Inworld, InworldSettings
from voxgate.speech.utterance import SpeechSettings, Utterance
from voxgate.speech.voice import VoiceName

SECOND = bytes(48_000)


def inworld(**settings: Any) -> Inworld:
    return Inworld(InworldSettings.model_validate({"api_key": "a2V5", **settings}), LoopClock())


def utterance(voice: str = "Inworld.Mini.Ashley", **changes: Any) -> Utterance:
    return Utterance(changes.pop("text", ""), VoiceName.parse(voice), "tenant", **changes)


@pytest.mark.parametrize(
    ("text", "shared"),
    [("Short.", True), ("x" * 400, True), ("x" * 401, False), ("", False)],  # streamed text has none yet
)
def test_short_texts_share_a_socket(text: str, shared: bool) -> None:
    vendor = inworld()
    address = vendor.address(utterance(text=text))
    url = "wss://api.inworld.ai/tts/v1/voice:streamBidirectional"
    assert address.url == (f"{url}#shared" if shared else url)
    assert address.headers == (("Authorization", "Basic a2V5"),)
    assert vendor.wire(utterance(text=text)).contexts == (4 if shared else 1)


@pytest.mark.parametrize(
    ("voice", "model"),
    [
        ("Inworld.Mini.Ashley", "inworld-tts-1.5-mini"),
        ("Inworld.max.Ashley", "inworld-tts-1.5-max"),
        ("Inworld.TTS2.Ashley", "inworld-tts-2"),
        ("Inworld.inworld-tts-1.Ashley", "inworld-tts-1"),
    ],
)
def test_models(voice: str, model: str) -> None:
    assert inworld().create(utterance(voice))["modelId"] == model


def test_what_a_context_is_made_with() -> None:
    extra = (("delivery_mode", "CREATIVE"),)
    asks = utterance("Inworld.TTS2.Ashley", language="es_mx", settings=SpeechSettings(1.2, extra=extra))
    plain = {
        "voiceId": "Ashley",
        "modelId": "inworld-tts-2",
        "audioConfig": {"audioEncoding": "PCM", "sampleRateHertz": 24_000, "speakingRate": 1.2},
        "language": "es-MX",
        "deliveryMode": "CREATIVE",
        "autoMode": True,
    }
    times = {"timestampType": "WORD", "timestampTransportStrategy": "ASYNC"}
    assert inworld().context(asks) == {**plain, **times}
    assert inworld(word_times=False).context(asks) == plain
    # Older models know no delivery mode.
    assert "deliveryMode" not in inworld().create(utterance(settings=SpeechSettings(extra=extra)))


@pytest.mark.parametrize(
    ("passthrough", "audio"),
    [
        (None, {"audioEncoding": "PCM", "sampleRateHertz": 24_000}),
        (
            AudioFormat(Codec.MP3, 44_100),
            {"audioEncoding": "MP3", "sampleRateHertz": 44_100, "bitRate": 96_000},
        ),
        (
            AudioFormat(Codec.OPUS, 24_000, Container.OGG),
            {"audioEncoding": "OGG_OPUS", "sampleRateHertz": 24_000, "bitRate": 32_000},
        ),
        (AudioFormat(Codec.ALAW, 8_000), {"audioEncoding": "ALAW", "sampleRateHertz": 8_000}),
        # Not in the list: made here.
        (AudioFormat(Codec.MP3, 8_000), {"audioEncoding": "PCM", "sampleRateHertz": 24_000}),
    ],
)
def test_what_http_is_asked(passthrough: AudioFormat | None, audio: dict[str, object]) -> None:
    vendor = inworld(transport="http")
    ask = vendor.ask(utterance(text="Hi.", passthrough=passthrough), vendor.credentials(""))
    assert ask.url == "https://api.inworld.ai/tts/v1/voice:stream"
    assert isinstance(ask.json, dict)
    assert ask.json["audioConfig"] == audio
    assert ask.passthrough is (passthrough in FORMATS)
    assert ("timestampType" in ask.json) is not ask.passthrough


def wire() -> InworldWire:
    return InworldWire(inworld().context, 24_000)


def said(frames: Iterable[Frame]) -> list[dict[str, Any]]:
    return [orjson.loads(frame) for frame in frames]


def result(context: str = "v1", **what: Any) -> str:
    return orjson.dumps({"result": {"contextId": context, "status": {"code": 0}, **what}}).decode()


def audio(pcm: bytes, characters: int = 0, words: dict[str, float] | None = None) -> str:
    chunk: dict[str, Any] = {"audioContent": pybase64.b64encode(pcm).decode()}
    if characters:
        chunk["usage"] = {"processedCharactersCount": characters, "modelId": "inworld-tts-2"}
    if words:
        times = {"words": list(words), "wordStartTimeSeconds": list(words.values())}
        chunk["timestampInfo"] = {"wordAlignment": times}
    return result(audioChunk=chunk)


def test_sentences_are_sent_and_the_context_is_closed_behind_them() -> None:
    talk = wire()
    (create,) = said(talk.begin("v1", utterance()))
    assert create["contextId"] == "v1"
    assert create["create"]["autoMode"] is True
    assert said(talk.text("v1", "The first. The sec")) == [
        {"contextId": "v1", "send_text": {"text": "The first. "}}
    ]
    assert said(talk.flush("v1")) == [
        {"contextId": "v1", "send_text": {"text": "The sec"}},
        {"contextId": "v1", "flush_context": {}},
    ]
    assert said(talk.flush("v1")) == []
    assert said(talk.text("v1", "ond …")) == [{"contextId": "v1", "send_text": {"text": "ond …"}}]
    assert said(talk.end("v1")) == [{"contextId": "v1", "close_context": {}}]
    assert said(talk.cancel("v1")) == [{"contextId": "v1", "cancel_context": {}}]


def test_times_and_counts_go_on_across_syntheses() -> None:
    talk = wire()
    list(talk.begin("v1", utterance()))
    list(talk.text("v1", "One two. Three."))
    heard = [
        *talk.read(audio(SECOND, 9)),
        *talk.read(audio(b"", 9, {"One": 0.0, "two.": 0.5})),
        *talk.read(result(flushCompleted={})),
        *talk.read(audio(SECOND, 6, {"Three.": 0.25})),
        *talk.read(result(flushCompleted={})),
        *talk.read(result(contextClosed={})),
    ]
    words = [word for each in heard for word in each.words]
    assert [(word.text_start, word.at_s) for word in words] == [(0, 0.0), (4, 0.5), (9, 1.25)]
    assert heard[-1].ended
    assert heard[-1].facts is not None
    assert heard[-1].facts.characters == 15
    # Nothing of it counts any more.
    assert list(talk.read(audio(SECOND))) == []


def test_contexts_do_not_meet() -> None:
    talk = wire()
    for context in ("v1", "v2"):
        list(talk.begin(context, utterance()))
    list(talk.text("v1", "Half a sen"))
    assert said(talk.text("v2", "tence.")) == [{"contextId": "v2", "send_text": {"text": "tence."}}]
    assert said(talk.end("v1"))[0] == {"contextId": "v1", "send_text": {"text": "Half a sen"}}


ERRORS: list[tuple[object, type[VoxgateError]]] = [
    (3, ProviderRejected),
    (5, ProviderRejected),
    (9, ProviderRejected),
    (7, ProviderDenied),
    (16, ProviderDenied),
    (8, Overloaded),
    (4, ProviderTimeout),
    (13, ProviderUnavailable),
    (14, ProviderUnavailable),
    (2, ProviderUnavailable),
    ("five", ProviderUnavailable),
    (None, ProviderUnavailable),
]


@pytest.mark.parametrize(("code", "error"), ERRORS)
def test_errors(code: object, error: type[VoxgateError]) -> None:
    assert type(failure(code)) is error
    (heard,) = wire().read(orjson.dumps({"error": {"code": code, "message": "a secret text"}}).decode())
    assert heard.context is None
    assert type(heard.error) is error
    assert "secret" not in heard.error.message


def test_an_error_of_a_context_is_its_end() -> None:
    talk = wire()
    list(talk.begin("v1", utterance()))
    status = {"code": 8, "message": "Max contexts limit reached"}
    (heard,) = talk.read(result(status=status))
    assert heard.context == "v1"
    assert isinstance(heard.error, Overloaded)
    # One that names none is about them all.
    (heard,) = talk.read(result("", status=status))
    assert heard.context is None


@pytest.mark.parametrize(
    "frame",
    [
        "{",
        "[]",
        "{}",
        b"\0{garbage",
        '{"result": []}',
        '{"result": {"contextId": "v1", "audioChunk": {"audioContent": "?"}}}',
        '{"result": {"contextId": "v1", "audioChunk": 1}}',
        '{"result": {"contextId": "v1", "audioChunk": {"usage": {"processedCharactersCount": "x"}}}}',
        '{"error": "no"}',
    ],
)
def test_garbage_is_told(frame: Frame) -> None:
    talk = wire()
    list(talk.begin("v1", utterance()))
    with pytest.raises((ValueError, LookupError, TypeError, AttributeError)):
        list(talk.read(frame))


def test_news_are_ignored() -> None:
    talk = wire()
    list(talk.begin("v1", utterance()))
    for frame in (result(contextCreated={}), result(contextUpdated={}), result(weather={})):
        assert list(talk.read(frame)) == []


def test_a_header_on_each_piece_does_not_count_as_sound() -> None:
    assert samples(wav.header(24_000, 16) + SECOND) == SECOND
    assert samples(b"RIFFraff") == b"RIFFraff"
    talk = wire()
    list(talk.begin("v1", utterance()))
    list(talk.text("v1", "One two."))
    assert list(talk.read(audio(wav.header(24_000, 16) + SECOND))) == [Heard("v1", SECOND)]
    list(talk.read(result(flushCompleted={})))
    (heard,) = talk.read(audio(b"", 0, {"One": 0.0}))
    assert heard.words[0].at_s == 1.0
