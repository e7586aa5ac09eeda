from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from voxgate.audio.format import AudioFormat, Codec, Container
from voxgate.errors import InvalidRequest, InvalidVoice, UnsupportedFormat
from voxgate.protocols.telnyx.handshake import SessionRequest, agree, plan_speech, read_query
from voxgate.speech.catalogue import Catalogue
from voxgate.speech.utterance import Markup, SpeechSettings
from voxgate.speech.voice import DEFAULT_VOICE, Voice, VoiceName

CATALOGUE = Catalogue.shipped()
WAV_96 = AudioFormat(Codec.PCM_S16LE, 96_000, Container.WAV)
WAV_8 = AudioFormat(Codec.PCM_S16LE, 8000, Container.WAV)


def read(query: Mapping[str, str], *, voice_required: bool = False) -> SessionRequest:
    return read_query(query, default_voice=DEFAULT_VOICE, voice_required=voice_required)


def voice(name: str, *, hosted: bool = False) -> Voice:
    return replace(CATALOGUE.find(VoiceName.parse(name), identity_verified=True), hosted=hosted)


def test_an_empty_query_takes_every_default() -> None:
    request = read({})
    assert request == SessionRequest(DEFAULT_VOICE)
    plan = plan_speech(request, voice("Telnyx.NaturalHD.astra"))
    assert plan.audio_format == AudioFormat(Codec.MP3, 24_000)
    assert (plan.language, plan.markup, plan.settings) == (None, Markup.TEXT, SpeechSettings())


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ({"voice": "aws.Polly.Generative.Lucia"}, VoiceName("aws", "Polly.Generative", "Lucia")),
        (
            {
                "voice": "azure.en-US-AvaMultilingualNeural",
                "provider": "aws",
                "model_id": "x",
                "voice_id": "y",
            },
            VoiceName("azure", "", "en-US-AvaMultilingualNeural"),
        ),
        (
            {"provider": "aws", "model_id": "Polly.Generative", "voice_id": "Lucia"},
            VoiceName("aws", "Polly.Generative", "Lucia"),
        ),
        ({"model_id": "NaturalHD", "voice_id": "luna"}, VoiceName("Telnyx", "NaturalHD", "luna")),
        ({"provider": "TELNYX"}, DEFAULT_VOICE),
        ({"voice": "Local.Test.paced chunk-40"}, VoiceName("Local", "Test", "paced+chunk-40")),
        (
            {"voice": "minimax.speech-02-hd.Chinese (Mandarin)_News_Anchor"},
            VoiceName("minimax", "speech-02-hd", "Chinese (Mandarin)_News_Anchor"),
        ),
    ],
)
def test_how_a_voice_is_named(query: Mapping[str, str], named: VoiceName) -> None:
    assert read(query).voice == named


@pytest.mark.parametrize(
    "query",
    [{"voice": ""}, {"voice": "astra"}, {"voice": "Telnyx."}, {"provider": "aws"}, {"model_id": "NaturalHD"}],
)
def test_half_a_voice_is_refused(query: Mapping[str, str]) -> None:
    with pytest.raises(InvalidVoice):
        read(query)


def test_strict_servers_want_a_voice() -> None:
    with pytest.raises(InvalidRequest) as caught:
        read({}, voice_required=True)
    assert caught.value.field == "voice"


def test_everything_that_is_documented_is_read() -> None:
    request = read(
        {
            "audio_format": "LINEAR16",
            "sample_rate": "16000",
            "language": "fr-FR",
            "text_type": "ssml",
            "disable_cache": "True",
            "inactivity_timeout": "60",
            "socket_id": "my socket",
            "pronunciation_dict_id": "c215a3e1-be41-4701-97e8-1d3c22f9a5b7",
            "speed": "7",
            "utm_source": "x",
        }
    )
    assert request == SessionRequest(
        DEFAULT_VOICE,
        "linear16",
        16_000,
        "fr-FR",
        Markup.SSML,
        True,
        60,
        "my socket",
        "c215a3e1-be41-4701-97e8-1d3c22f9a5b7",
    )


@pytest.mark.parametrize(("word", "flag"), [("true", True), ("1", True), ("false", False), ("0", False)])
def test_booleans(word: str, flag: bool) -> None:
    assert read({"disable_cache": word}).disable_cache is flag


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("audio_format", "opus"),
        ("audio_format", ""),
        ("sample_rate", "fast"),
        ("sample_rate", "-8000"),
        ("sample_rate", "24000.0"),
        ("sample_rate", "٢٤٠٠٠"),
        ("sample_rate", ""),
        ("sample_rate", "9" * 5000),
        ("language", "klingon!"),
        ("text_type", "html"),
        ("disable_cache", "yes"),
        ("inactivity_timeout", "0"),
        ("inactivity_timeout", "soon"),
        ("inactivity_timeout", "99999999"),
    ],
)
def test_what_is_wrong_is_named(name: str, value: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        read({name: value})
    assert caught.value.field == name


@pytest.mark.parametrize(
    ("named", "query", "audio"),
    [
        ("Telnyx.NaturalHD.astra", {"audio_format": "pcm"}, AudioFormat(Codec.PCM_S16LE, 24_000)),
        ("Telnyx.NaturalHD.astra", {"audio_format": "wav", "sample_rate": "96000"}, WAV_96),
        ("Telnyx.KokoroTTS.af_heart", {"audio_format": "wav", "sample_rate": "8000"}, WAV_8),
        ("Telnyx.Sukhan.urdu-professor", {}, AudioFormat(Codec.MP3, 22_050)),
        ("resemble.Pro.Amelia_en-US", {}, AudioFormat(Codec.MP3, 48_000)),
        ("soniox.tts-rt-v2.Emma", {"audio_format": "mulaw"}, AudioFormat(Codec.MULAW, 8000)),
        ("azure.en-US-AvaNeural", {"audio_format": "alaw"}, AudioFormat(Codec.ALAW, 24_000)),
        ("aws.Polly.Lucia", {"audio_format": "ogg_vorbis"}, AudioFormat(Codec.VORBIS, 24_000, Container.OGG)),
    ],
)
def test_formats_that_are_honoured(named: str, query: Mapping[str, str], audio: AudioFormat) -> None:
    assert plan_speech(read(query), voice(named)).audio_format == audio


@pytest.mark.parametrize(
    ("named", "query", "field"),
    [
        ("Telnyx.NaturalHD.astra", {"sample_rate": "96000"}, "sample_rate"),
        ("Telnyx.NaturalHD.astra", {"sample_rate": "12345"}, "sample_rate"),
        ("Telnyx.Sukhan.urdu-professor", {"audio_format": "wav"}, "audio_format"),
        ("Telnyx.Sukhan.urdu-professor", {"sample_rate": "24000"}, "sample_rate"),
        ("Telnyx.Bayan.Ahmed", {"sample_rate": "48000"}, "sample_rate"),
        ("minimax.speech-02-hd.English_Graceful_Lady", {"audio_format": "wav"}, "audio_format"),
        ("azure.en-US-AvaNeural", {"audio_format": "mulaw", "sample_rate": "96000"}, "sample_rate"),
    ],
)
def test_formats_that_are_refused(named: str, query: Mapping[str, str], field: str) -> None:
    with pytest.raises(UnsupportedFormat) as caught:
        plan_speech(read(query), voice(named))
    assert caught.value.field == field


def test_a_language_is_honoured_by_a_stand_in_and_by_who_takes_one() -> None:
    request = read({"language": "fr"})
    assert plan_speech(request, voice("Telnyx.NaturalHD.astra")).language == "fr"
    assert plan_speech(request, voice("aws.Polly.Lucia", hosted=True)).language == "fr"


def test_a_language_that_would_be_ignored_is_refused() -> None:
    with pytest.raises(InvalidRequest) as caught:
        plan_speech(read({"language": "fr"}), voice("Local.Espeak.en-us", hosted=True))
    assert caught.value.field == "language"
    assert plan_speech(read({"language": "en"}), voice("Local.Espeak.en-us", hosted=True)).language == "en"


@pytest.mark.parametrize("named", ["aws.Polly.Lucia", "azure.en-US-AvaNeural", "Local.Espeak.en-us"])
def test_ssml_where_it_is_taken(named: str) -> None:
    assert plan_speech(read({"text_type": "ssml"}), voice(named)).markup is Markup.SSML


def test_ssml_elsewhere_is_refused() -> None:
    with pytest.raises(InvalidRequest) as caught:
        plan_speech(read({"text_type": "ssml"}), voice("Telnyx.NaturalHD.astra"))
    assert caught.value.field == "text_type"


def test_voice_settings_win_over_the_query() -> None:
    fish = voice("fishaudio.s2.1-pro.Aria")
    plan = agree(read({"audio_format": "mp3"}), fish, {"format": "opus", "sample_rate": 48_000})
    assert plan.audio_format == AudioFormat(Codec.OPUS, 48_000, Container.OGG)
    lucia = voice("aws.Polly.Lucia")
    plan = agree(read({"language": "es-ES"}), lucia, {"language_code": "es-MX", "text_type": "ssml"})
    assert (plan.language, plan.markup) == ("es-MX", Markup.SSML)


def test_voice_settings_are_held_to_what_the_model_can_do() -> None:
    with pytest.raises(UnsupportedFormat):
        agree(read({}), voice("minimax.speech-02-hd.English_Graceful_Lady"), {"response_format": "wav"})
    with pytest.raises(InvalidRequest):
        agree(read({}), voice("Telnyx.NaturalHD.astra"), {"voice_speed": 2.5})


def test_resembles_precision_is_of_wav_only() -> None:
    amelia = voice("resemble.Pro.Amelia_en-US")
    plan = agree(read({"audio_format": "wav"}), amelia, {"precision": "PCM_32"})
    assert plan.audio_format == AudioFormat(Codec.PCM_S32LE, 48_000, Container.WAV)
    assert agree(read({}), amelia, {"precision": "PCM_32"}).audio_format.codec is Codec.MP3


def test_a_hint_of_the_language_is_not_held_to_the_voices_own() -> None:
    qwen = voice("Telnyx.Qwen3TTS.Delta", hosted=True)
    assert agree(read({}), qwen, {"language_boost": "French"}).language == "fr"
