"""What a REST request means, by the catalogue and the settings table alone."""

from __future__ import annotations

from typing import Any

import pytest

from voxgate.audio.format import Codec, Container
from voxgate.errors import InvalidRequest, InvalidVoice, TextTooLong, UnsupportedFormat
from voxgate.protocols.telnyx.rest_models import SpeechRequest
from voxgate.protocols.telnyx.rest_request import Settled, settle, voice_of
from voxgate.speech.catalogue import Catalogue
from voxgate.speech.utterance import Markup
from voxgate.speech.voice import DEFAULT_VOICE, VoiceName

CATALOGUE = Catalogue.shipped()


def ask(voice: str = "Telnyx.NaturalHD.astra", **fields: Any) -> Settled:
    body = SpeechRequest.model_validate({"text": "Hello.", "voice": voice, **fields})
    return settle(body, CATALOGUE.find(voice_of(body, DEFAULT_VOICE)), 10_000)


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"voice": "aws.Polly.Generative.Lucia"}, "aws.Polly.Generative.Lucia"),
        ({"voice": "Telnyx.NaturalHD.astra", "provider": "xai", "voice_id": "eve"}, "Telnyx.NaturalHD.astra"),
        ({"provider": "xai", "xai": {"voice_id": "eve"}}, "xai.eve"),
        (
            {"provider": "soniox", "soniox": {"voice_id": "Maya", "model_id": "tts-rt-v2"}},
            "soniox.tts-rt-v2.Maya",
        ),
        ({"provider": "humain", "humain": {"voice_id": "sara-en"}}, "humain.sara-en"),
        ({"provider": "xai", "voice_id": "eve", "aws": {"engine": "neural"}}, "xai.eve"),
        ({"provider": "telnyx", "model_id": "Ultra", "voice_id": "Jennifer"}, "telnyx.Ultra.Jennifer"),
        ({"provider": "Telnyx"}, str(DEFAULT_VOICE)),
    ],
)
def test_which_voice_is_asked_for(fields: dict[str, Any], name: str) -> None:
    body = SpeechRequest.model_validate({"text": "Hello.", **fields})
    assert voice_of(body, DEFAULT_VOICE) == VoiceName.parse(name)


@pytest.mark.parametrize(
    "fields", [{"provider": "aws"}, {"provider": "telnyx", "model_id": "Ultra"}, {"voice": "astra"}]
)
def test_a_voice_must_be_named(fields: dict[str, Any]) -> None:
    with pytest.raises(InvalidVoice) as raised:
        voice_of(SpeechRequest.model_validate({"text": "Hello.", **fields}), DEFAULT_VOICE)
    assert raised.value.field == "voice"


@pytest.mark.parametrize(
    ("voice", "fields", "expected"),
    [
        ("Telnyx.NaturalHD.astra", {}, (Codec.MP3, Container.RAW, 24_000)),
        ("Telnyx.Ultra.Jennifer", {}, (Codec.MP3, Container.RAW, 24_000)),
        ("Telnyx.KokoroTTS.af_heart", {}, (Codec.MP3, Container.RAW, 24_000)),
        ("Telnyx.Bayan.Ahmed", {}, (Codec.PCM_S16LE, Container.WAV, 16_000)),
        ("FishAudio.s2.1-pro.anything", {}, (Codec.PCM_S16LE, Container.RAW, 24_000)),
        ("Humain.sara-en", {}, (Codec.PCM_S16LE, Container.RAW, 24_000)),
        (
            "Telnyx.NaturalHD.astra",
            {"telnyx": {"response_format": "wav", "sampling_rate": 16000}},
            (Codec.PCM_S16LE, Container.WAV, 16_000),
        ),
        (
            "aws.Polly.Generative.Lucia",
            {"aws": {"output_format": "ogg_vorbis", "sample_rate": "22050"}},
            (Codec.VORBIS, Container.OGG, 22_050),
        ),
        (
            "azure.en-US-AvaMultilingualNeural",
            {"azure": {"output_format": "riff-16khz-16bit-mono-pcm"}},
            (Codec.PCM_S16LE, Container.WAV, 16_000),
        ),
        (
            "Minimax.speech-2.8-turbo.English_CalmWoman",
            {"minimax": {"response_format": "pcm"}},
            (Codec.PCM_S16LE, Container.RAW, 24_000),
        ),
        (
            "Resemble.Turbo.Aaron_en-US",
            {"resemble": {"format": "wav", "precision": "PCM_32", "sample_rate": "48000"}},
            (Codec.PCM_S32LE, Container.WAV, 48_000),
        ),
        (
            "Inworld.Mini.Ashley",
            {"voice_settings": {"encoding": "OGG_OPUS", "sample_rate": 48000}},
            (Codec.OPUS, Container.OGG, 48_000),
        ),
        (
            "xAI.eve",
            {"xai": {"output_format": "mulaw", "sample_rate": 8000}},
            (Codec.MULAW, Container.RAW, 8_000),
        ),
        (
            "soniox.tts-rt-v2.Maya",
            {"soniox": {"audio_format": "pcm_alaw"}},
            (Codec.ALAW, Container.RAW, 8_000),
        ),
        ("Rime.Coda.astra", {"rime": {"response_format": "pcm"}}, (Codec.PCM_S16LE, Container.RAW, 24_000)),
        ("FishAudio.s1.anything", {"fishaudio": {"format": "mp3"}}, (Codec.MP3, Container.RAW, 24_000)),
    ],
)
def test_the_format_is_the_provider_objects_or_the_models_own(
    voice: str, fields: dict[str, Any], expected: tuple[Codec, Container, int]
) -> None:
    made = ask(voice, **fields).plan.audio_format
    assert (made.codec, made.container, made.rate_hz) == expected


@pytest.mark.parametrize(
    ("voice", "fields", "speed", "volume", "pitch"),
    [
        ("Telnyx.Ultra.Jennifer", {"telnyx": {"voice_speed": 1.5, "volume": 0.5}}, 1.5, 0.5, 0.0),
        ("Telnyx.NaturalHD.astra", {"voice_settings": {"voice_speed": 2}}, 2.0, 1.0, 0.0),
        (
            "Minimax.speech-2.8-turbo.English_CalmWoman",
            {"minimax": {"speed": 0.8, "vol": 2.0, "pitch": -3}},
            0.8,
            2.0,
            -3.0,
        ),
        ("soniox.tts-rt-v2.Maya", {"soniox": {"speed": 1.3, "voice_id": "Maya"}}, 1.3, 1.0, 0.0),
        ("Rime.Coda.astra", {"rime": {"voice_speed": 0.9}}, 0.9, 1.0, 0.0),
    ],
)
def test_pace_level_and_pitch_reach_the_voice(
    voice: str, fields: dict[str, Any], speed: float, volume: float, pitch: float
) -> None:
    settings = ask(voice, **fields).plan.settings
    assert (settings.speed, settings.volume, settings.pitch_semitones) == (speed, volume, pitch)


def test_a_vendors_own_fields_are_kept_for_its_engine() -> None:
    asked = ask(
        "elevenlabs.v3.Adam", elevenlabs={"language_code": "de", "voice_settings": {"stability": 0.5}}
    )
    assert asked.plan.settings.extra == (("stability", 0.5),)
    assert asked.plan.language == "de"


def test_the_providers_object_wins_over_voice_settings_and_other_objects_count_for_nothing() -> None:
    asked = ask(
        voice_settings={"voice_speed": 1.1, "volume": 0.7},
        telnyx={"voice_speed": 1.4},
        minimax={"speed": 0.6, "response_format": "flac"},
    )
    assert (asked.plan.settings.speed, asked.plan.settings.volume) == (1.4, 0.7)
    assert asked.plan.audio_format.codec is Codec.MP3


@pytest.mark.parametrize(
    ("voice", "fields", "field"),
    [
        ("Telnyx.Ultra.Jennifer", {"telnyx": {"voice_speed": 9.0}}, "telnyx.voice_speed"),
        ("Telnyx.Ultra.Jennifer", {"voice_settings": {"voice_speed": 9.0}}, "voice_settings.voice_speed"),
        ("Telnyx.Ultra.Jennifer", {"telnyx": {"voice_speed": float("nan")}}, "telnyx.voice_speed"),
        ("Telnyx.Ultra.Jennifer", {"telnyx": {"emotion": "bored"}}, "telnyx.emotion"),
        ("Telnyx.Ultra.Jennifer", {"voice_settings": {"voice_speed": []}}, "voice_settings.voice_speed"),
        ("aws.Polly.Generative.Lucia", {"aws": {"output_format": "json"}}, "aws.output_format"),
        ("aws.Polly.Generative.Lucia", {"aws": {"sample_rate": "fast"}}, "aws.sample_rate"),
        ("azure.en-US-AvaNeural", {"azure": {"output_format": "mp3"}}, "azure.output_format"),
        ("Resemble.Turbo.Aaron_en-US", {"resemble": {"precision": "PCM_24"}}, "resemble.precision"),
        ("Inworld.Mini.Ashley", {"inworld": {"encoding": "MIDI"}}, "inworld.encoding"),
        ("Telnyx.NaturalHD.astra", {"language": "not a tag"}, "language"),
        ("Telnyx.NaturalHD.astra", {"text_type": "ssml"}, "text_type"),
        ("Telnyx.NaturalHD.astra", {"text": " \n\t"}, "text"),
        ("Telnyx.NaturalHD.astra", {"text": "?!... 🎉"}, "text"),
    ],
)
def test_what_is_wrong_is_named(voice: str, fields: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidRequest) as raised:
        ask(voice, **fields)
    assert raised.value.field == field
    assert field in raised.value.message or "." not in field


@pytest.mark.parametrize(
    ("voice", "fields", "field"),
    [
        ("Telnyx.NaturalHD.astra", {"telnyx": {"sampling_rate": 12345}}, "telnyx.sampling_rate"),
        (
            "Telnyx.NaturalHD.astra",
            {"voice_settings": {"response_format": "mp3", "sampling_rate": 96000}},
            "voice_settings.sampling_rate",
        ),
        ("Telnyx.Sukhan.urdu-professor", {"telnyx": {"response_format": "wav"}}, "telnyx.response_format"),
        ("Telnyx.Sukhan.urdu-professor", {"telnyx": {"sampling_rate": 8000}}, "telnyx.sampling_rate"),
        (
            "azure.en-US-AvaNeural",
            {"azure": {"output_format": "ogg-44khz-16bit-mono-opus"}},
            "azure.output_format",
        ),
    ],
)
def test_an_impossible_format_is_named_where_it_was_asked_for(
    voice: str, fields: dict[str, Any], field: str
) -> None:
    with pytest.raises(UnsupportedFormat) as raised:
        ask(voice, **fields)
    assert raised.value.field == field


def test_text_is_limited_as_it_came() -> None:
    assert ask(text="x" * 10_000).text == "x" * 10_000
    with pytest.raises(TextTooLong) as raised:
        ask(text="x" * 10_001)
    assert raised.value.field == "text"


def test_markdown_is_not_spoken_and_ssml_is_left_alone() -> None:
    assert ask(text="# Hello **there**").text == "Hello there"
    document = "<speak>Hello <emphasis>there</emphasis></speak>"
    asked = ask("azure.en-US-AvaNeural", text=document, text_type="ssml")
    assert (asked.text, asked.plan.markup) == (document, Markup.SSML)


def test_a_language_is_asked_of_the_voice() -> None:
    assert ask("azure.en-US-AvaNeural", language="de-DE").plan.language == "de-DE"
    assert ask("azure.en-US-AvaNeural", language="auto").plan.language is None
