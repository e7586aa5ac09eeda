"""Which voice ``model`` and ``voice`` mean."""

from __future__ import annotations

import pytest

from voxgate.errors import InvalidRequest, InvalidVoice
from voxgate.protocols.openai.rest_voices import OPENAI_VOICES, TELNYX_MODELS, voice_name
from voxgate.speech.catalogue import Catalogue

CATALOGUE = Catalogue.shipped()


@pytest.mark.parametrize("model", TELNYX_MODELS)
def test_each_of_openais_voices_is_openais_own(model: str) -> None:
    assert len(set(OPENAI_VOICES)) == 13
    for voice in OPENAI_VOICES:
        name = voice_name(CATALOGUE, model, voice)
        assert str(CATALOGUE.find(name).name) == f"OpenAI.{model}.{voice}"


@pytest.mark.parametrize(
    ("model", "voice", "name"),
    [
        ("tts-1", "Alloy", "OpenAI.tts-1.alloy"),
        ("gpt-4o-mini-tts-2025-12-15", "verse", "OpenAI.gpt-4o-mini-tts.verse"),
        ("tts-1", "astra", "Telnyx.NaturalHD.astra"),
        ("tts-1-hd", "Luna", "Telnyx.NaturalHD.luna"),
        ("tts-1", "Telnyx.Ultra.Jennifer", "Telnyx.Ultra.Jennifer"),
        ("anything at all", "aws.Polly.Generative.Lucia", "aws.Polly.Generative.Lucia"),
        ("Telnyx.NaturalHD", "astra", "Telnyx.NaturalHD.astra"),
        ("xai", "eve", "xai.eve"),
        ("MiniMax.speech-2.8-turbo", "English_CalmWoman", "MiniMax.speech-2.8-turbo.English_CalmWoman"),
        ("Local.Espeak", "ur", "Local.Espeak.ur"),
    ],
)
def test_which_voice_is_meant(model: str, voice: str, name: str) -> None:
    assert str(voice_name(CATALOGUE, model, voice)) == name


def test_an_ultra_voice_goes_by_the_model_that_telnyx_calls_it_by() -> None:
    name = voice_name(CATALOGUE, "gpt-4o-mini-tts", "Jennifer")
    assert (name.provider, name.model) == ("Telnyx", "Ultra")


def test_a_name_in_both_lists_is_the_dialects() -> None:
    assert str(voice_name(CATALOGUE, "tts-1", "nova")) == "OpenAI.tts-1.nova"
    assert str(voice_name(CATALOGUE, "tts-1", "nova", telnyx_first=True)) == "Telnyx.NaturalHD.nova"
    assert str(voice_name(CATALOGUE, "tts-1", "alloy", telnyx_first=True)) == "OpenAI.tts-1.alloy"


def test_a_custom_voice_is_openais_unless_it_is_known() -> None:
    assert str(voice_name(CATALOGUE, "tts-1", "voice_1234", custom=True)) == "OpenAI.tts-1.voice_1234"
    assert str(voice_name(CATALOGUE, "tts-1", "astra", custom=True)) == "Telnyx.NaturalHD.astra"


def test_an_unknown_voice_is_a_mistake_and_what_is_known_is_told() -> None:
    with pytest.raises(InvalidVoice) as raised:
        voice_name(CATALOGUE, "tts-1", "nobody")
    assert raised.value.field == "voice"
    assert "alloy" in raised.value.message


@pytest.mark.parametrize("model", ["gpt-5", "whisper-1", "Nobody.Model", "Telnyx.NaturalXXL"])
def test_an_unknown_model_is_a_mistake_of_the_model(model: str) -> None:
    with pytest.raises(InvalidRequest) as raised:
        voice_name(CATALOGUE, model, "alloy")
    assert raised.value.field == "model"
