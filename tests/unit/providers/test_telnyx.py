"""Telnyx's adapter: what is asked for, and what is understood, without any I/O."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from voxgate.audio.format import AudioFormat, Codec
from voxgate.clock import LoopClock
from voxgate.errors import (
    IncompleteAudio,
    InvalidVoice,
    Overloaded,
    ProviderDenied,
    ProviderRejected,
    ProviderUnavailable,
    VoxgateError,
)
from voxgate.providers._telnyx_wire import TelnyxWire
from voxgate.providers._wire import Heard
from voxgate.providers.telnyx import MODELS, Telnyx, TelnyxSettings
from voxgate.speech.utterance import SpeechSettings, Utterance
from voxgate.speech.voice import VoiceName

ULTRA = "Telnyx.Ultra.01eaafa9-308a-4276-a017-6ab0cf061b1f"


def telnyx(**settings: Any) -> Telnyx:
    return Telnyx(TelnyxSettings.model_validate({"api_key": "key", **settings}), LoopClock())


def utterance(voice: str = "Telnyx.NaturalHD.astra", **changes: Any) -> Utterance:
    return Utterance(changes.pop("text", "Hi."), VoiceName.parse(voice), "tenant", **changes)


def asked(spoken: Utterance, **settings: Any) -> dict[str, Any]:
    vendor = telnyx(**settings)
    ask = vendor.ask(spoken, vendor.credentials(spoken.tenant))
    assert ask.url == "https://api.telnyx.com/v2/text-to-speech/speech"
    assert ask.headers == {"Authorization": "Bearer key"}
    assert isinstance(ask.json, dict)
    return ask.json


# What is asked.


@pytest.mark.parametrize(
    ("voice", "codec", "rate_hz", "over_rest", "over_sockets"),
    [
        ("Telnyx.NaturalHD.astra", Codec.PCM_S16LE, 24_000, "pcm", "linear16"),
        ("Telnyx.KokoroTTS.af_heart", Codec.MP3, 22_050, "mp3", "mp3"),
        ("Telnyx.Qwen3TTS.Delta", Codec.PCM_S16LE, 24_000, "pcm", "linear16"),
        ("Telnyx.Bayan.Ahmed", Codec.PCM_S16LE, 16_000, "pcm", "linear16"),
        ("Telnyx.Sukhan.urdu-professor", Codec.PCM_S16LE, 22_050, "pcm", "linear16"),
        ("Telnyx.BrandNew.somebody", Codec.PCM_S16LE, 24_000, "pcm", "linear16"),
    ],
)
def test_models_speak_at_their_own_rate(
    voice: str, codec: Codec, rate_hz: int, over_rest: str, over_sockets: str
) -> None:
    spoken = utterance(voice)
    assert telnyx().sent(spoken) == AudioFormat(codec, rate_hz)
    assert asked(spoken) == {
        "voice": voice,
        "text": "Hi.",
        "output_type": "binary_output",
        "voice_settings": {"response_format": over_rest, "sampling_rate": rate_hz},
    }
    assert telnyx().address(spoken).url == (
        f"wss://api.telnyx.com/v2/text-to-speech/speech?voice={voice}&audio_format={over_sockets}"
        f"&sample_rate={rate_hz}&inactivity_timeout=180"
    )


@pytest.mark.parametrize(
    ("voice", "settings", "language", "fields"),
    [
        ("Telnyx.NaturalHD.astra", {"speed": 1.5}, None, {"voice_speed": 1.5}),
        (
            "Telnyx.Natural.abbie",
            {"extra": (("temperature", 0.4), ("phonemizer", None), ("unheard_of", 1))},
            None,
            {"temperature": 0.4},
        ),
        ("Telnyx.KokoroTTS.af_heart", {"speed": 1.5}, "en-US", {}),
        (
            "Telnyx.Qwen3TTS.Delta",
            {"extra": (("force_xvector", True),)},
            "de-DE",
            {"force_xvector": True, "language_boost": "de"},
        ),
        (
            ULTRA,
            {"speed": 1.2, "extra": (("emotion", "happy"),)},
            None,
            {"voice_speed": 1.2, "emotion": "happy"},
        ),
        ("Telnyx.Sukhan.urdu-professor", {"speed": 1.5}, None, {}),
    ],
)
def test_settings(voice: str, settings: dict[str, Any], language: str | None, fields: dict[str, Any]) -> None:
    spoken = utterance(voice, settings=SpeechSettings(**settings), language=language)
    told = asked(spoken)["voice_settings"]
    assert {name: told[name] for name in told if name not in ("response_format", "sampling_rate")} == fields
    [first] = telnyx().wire(spoken).begin("c", spoken)
    assert json.loads(first) == {"text": " ", **({"voice_settings": fields} if fields else {})}


@pytest.mark.parametrize(("model", "facts"), MODELS.items())
def test_speeds_are_the_models_own(model: str, facts: Any) -> None:
    can = telnyx().abilities(VoiceName("Telnyx", model, "somebody"))
    assert can.speed is (facts.speeds is not None)
    assert facts.speeds is None or can.speeds == facts.speeds


def test_language_and_cache_are_told() -> None:
    spoken = utterance(language="en-US", cacheable=False)
    assert asked(spoken).items() >= {"language": "en-US", "disable_cache": True}.items()
    assert telnyx().address(spoken).url.endswith("&language=en-US&disable_cache=true")


@pytest.mark.parametrize(
    ("transport", "voice", "over_http", "takes_text"),
    [
        ("auto", "Telnyx.NaturalHD.astra", True, True),
        ("websocket", "Telnyx.NaturalHD.astra", False, True),
        ("http", "Telnyx.NaturalHD.astra", True, False),
        ("auto", ULTRA, True, False),
        ("websocket", ULTRA, True, False),
    ],
)
def test_which_way(transport: str, voice: str, over_http: bool, takes_text: bool) -> None:
    vendor, spoken = telnyx(transport=transport), utterance(voice)
    assert vendor.over_http(spoken) is over_http
    assert vendor.abilities(spoken.voice).text_stream is takes_text


def test_another_vendor_behind_telnyx() -> None:
    spoken = utterance("ours.en-US-AvaMultilingualNeural")
    assert asked(spoken, vendor="azure", kind="telnyx")["voice"] == "azure.en-US-AvaMultilingualNeural"
    assert asked(utterance("ours.speech-2.8-turbo.Narrator"), vendor="Minimax")["voice"] == (
        "Minimax.speech-2.8-turbo.Narrator"
    )


def test_a_tenant_has_an_account_of_its_own() -> None:
    vendor = telnyx(tenants={"tenant": {"api_key": "another", "base_url": "https://api.telnyx.eu/"}})
    address = vendor.address(utterance())
    assert address.url.startswith("wss://api.telnyx.eu/v2/")
    assert address.headers == (("Authorization", "Bearer another"),)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, ProviderRejected),
        (401, ProviderDenied),
        (403, ProviderDenied),
        (422, ProviderRejected),
        (429, Overloaded),
        (500, ProviderUnavailable),
    ],
)
def test_refusals(status: int, kind: type[VoxgateError]) -> None:
    error = telnyx().refused(status, {"x-request-id": "r1", "retry-after": "3"}, b"")
    assert type(error) is kind
    if isinstance(error, Overloaded):
        assert error.retry_after_s == 3
    else:
        assert error.provider_request_id == "r1"


@pytest.mark.parametrize(
    ("record", "name"),
    [
        ({"id": "Telnyx.NaturalHD.astra", "provider": "telnyx"}, "Telnyx.NaturalHD.astra"),
        ({"provider": "telnyx", "model_id": "Ultra", "voice_id": "abc"}, "Telnyx.Ultra.abc"),
        ({"provider": "telnyx", "voice_id": "Telnyx.Ultra.abc"}, "Telnyx.Ultra.abc"),
        ({"id": "azure.en-US-AvaNeural", "provider": "azure"}, None),
        ({"id": "Telnyx."}, None),
        ({"name": "nameless"}, None),
    ],
)
def test_records_of_voices(record: dict[str, str], name: str | None) -> None:
    voice = telnyx()._listed(record)
    assert (str(voice.name) if voice else None) == name


# Messages.


def wire(*, tagged: bool = False, complete: str | None = None) -> TelnyxWire:
    """Make a wire on which an utterance was begun, and its text is complete if it is given."""
    made = TelnyxWire(lambda utterance: {}, tagged=tagged)
    made.begin("c", utterance())
    if complete is not None:
        made.text("c", complete)
        made.end("c")
    return made


def sent(frames: Any) -> list[dict[str, Any]]:
    return [json.loads(frame) for frame in frames]


def chunk(audio: bytes = b"", text: str | None = None, **more: Any) -> str:
    fields = {"audio": base64.b64encode(audio).decode() if audio else None, "text": text, "isFinal": False}
    return json.dumps({**fields, "cached": False, **more})


FINAL = json.dumps({"audio": None, "text": "", "isFinal": True})


def test_every_sentence_is_flushed_and_the_end_is_an_empty_text() -> None:
    made = wire()
    assert sent(made.text("c", "Hello there. How")) == [{"text": "Hello there. ", "flush": True}]
    assert sent(made.flush("c")) == [{"text": "How", "flush": True}]
    assert sent(made.flush("c")) == []
    assert sent(made.text("c", " are")) == []
    assert sent(made.end("c")) == [{"text": " are", "flush": True}, {"text": ""}]
    assert not made.reusable


def test_audio_stands_in_frames_with_or_without_text_but_never_counts_twice() -> None:
    made = wire()
    assert list(made.read(chunk(b"\x01\x02", timeToFirstAudioFrameMs=7))) == [Heard("c", b"\x01\x02")]
    assert list(made.read(chunk(text="Hello."))) == []
    assert list(made.read(chunk(b"\x03\x04", "Concatenated."))) == [Heard("c", b"\x03\x04")]
    made.read(chunk(b"\x05\x06"))
    assert list(made.read(chunk(b"\x05\x06", "Sent by an old server."))) == []
    assert list(made.read(chunk(b"\x07\x08"))) == [Heard("c", b"\x07\x08")]


def test_the_last_final_is_behind_all_text() -> None:
    made = wire(complete="Hello there. And more.")
    assert list(made.read(chunk(text="Hello there."))) == []
    assert list(made.read(FINAL)) == []  # of what came before the rest was read
    assert list(made.read(chunk(b"\x01\x02"))) == [Heard("c", b"\x01\x02")]
    assert list(made.read(chunk(text="And more."))) == [Heard("c", ended=True)]


def test_a_final_before_the_end_is_none() -> None:
    made = wire()
    made.text("c", "Hello there.")
    made.read(chunk(text="Hello there."))
    assert list(made.read(FINAL)) == []
    assert list(made.parting(1000)) == []
    made.end("c")
    assert list(made.read(FINAL)) == [Heard("c", ended=True)]


def test_where_texts_do_not_come_back_the_close_is_the_end() -> None:
    made = wire(complete="# Hello *there*.")
    assert list(made.read(FINAL)) == []
    assert list(made.parting(1000)) == [Heard("c", ended=True)]
    assert list(made.parting(1011)) == []
    assert list(wire(complete="Hello.").parting(1000)) == []


def test_tags_are_taken_out_where_frames_begin() -> None:
    made = wire(tagged=True)
    tag = b"ID3\x04\x00\x00\x00\x00\x00\x04abcd"
    assert list(made.read(chunk(tag + b"\xff\xf3"))) == [Heard("c", b"\xff\xf3")]
    assert list(made.read(chunk(tag[:12]))) == []
    assert list(made.read(chunk(tag[12:] + b"\xff\xf4"))) == [Heard("c", b"\xff\xf4")]


def test_mp3_in_place_of_samples_is_no_noise_but_an_error() -> None:
    [heard] = wire().read(chunk(b"ID3\x04\x00\x00\x00\x00\x00\x00\xff\xf3"))
    assert isinstance(heard.error, IncompleteAudio)
    assert list(wire().read(chunk(b"\xff\xf3"))) == [Heard("c", b"\xff\xf3")]


@pytest.mark.parametrize(
    ("media_type", "codec"),
    [
        ("audio/pcm", Codec.PCM_S16LE),
        ("audio/mpeg; charset=binary", Codec.MP3),
        ("audio/mp3", Codec.MP3),
        ("", Codec.PCM_S16LE),
    ],
)
def test_the_answers_own_word_on_its_audio_is_taken(media_type: str, codec: Codec) -> None:
    vendor = telnyx()
    ask = vendor.ask(utterance(), vendor.credentials("tenant"))
    assert vendor.received(ask, {"content-type": media_type}).codec is codec


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ("Invalid voice_id specified", InvalidVoice),
        ("Invalid message", ProviderRejected),
        ("Provider error message", ProviderRejected),
        ("Error in audio response", ProviderUnavailable),
        ("Error in remaining audio response", ProviderUnavailable),
        ("Never heard of", ProviderUnavailable),
    ],
)
def test_errors(error: str, kind: type[VoxgateError]) -> None:
    [heard] = wire().read(json.dumps({"error": error}))
    assert heard.context == "c"
    assert type(heard.error) is kind


def test_closing_for_a_fault_of_ours() -> None:
    assert isinstance(wire().closed(1008, "whatever"), ProviderRejected)
    assert wire().closed(1011, "whatever") is None


@pytest.mark.parametrize("frame", ["{", "[]", "5", '{"audio": "!"}', '{"audio": "AA="}', '{"audio": 5}'])
def test_what_is_no_frame(frame: str) -> None:
    with pytest.raises((ValueError, LookupError, TypeError, AttributeError)):
        wire().read(frame)
