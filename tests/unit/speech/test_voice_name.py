from __future__ import annotations

import pytest

from voxgate.errors import InvalidVoice
from voxgate.speech.model import ModelFacts
from voxgate.speech.voice import DEFAULT_VOICE, Gender, Voice, VoiceName


@pytest.mark.parametrize(
    ("text", "provider", "model", "voice_id"),
    [
        ("Telnyx.NaturalHD.astra", "Telnyx", "NaturalHD", "astra"),
        ("MiniMax.speech-2.8-turbo.Narrator", "MiniMax", "speech-2.8-turbo", "Narrator"),
        ("aws.Polly.Generative.Lucia", "aws", "Polly.Generative", "Lucia"),
        ("AWS.Polly.Danielle-Neural", "AWS", "Polly", "Danielle-Neural"),
        ("azure.en-US-AvaMultilingualNeural", "azure", "", "en-US-AvaMultilingualNeural"),
        ("azure.en-US-Emma:DragonHDLatestNeural", "azure", "", "en-US-Emma:DragonHDLatestNeural"),
        ("xAI.eve", "xAI", "", "eve"),
        ("FishAudio.s2.1-pro.933563129e564b19", "FishAudio", "s2.1-pro", "933563129e564b19"),
        (
            "Telnyx.Qwen3TTS.d9348e0d-5a3c-4a3e-8a25-0f0c4b8f3c11",
            "Telnyx",
            "Qwen3TTS",
            "d9348e0d-5a3c-4a3e-8a25-0f0c4b8f3c11",
        ),
        ("Telnyx.KokoroTTS.af_heart", "Telnyx", "KokoroTTS", "af_heart"),
        ("  Telnyx.NaturalHD.astra\n", "Telnyx", "NaturalHD", "astra"),
        (
            "MiniMax.speech-02-hd.Cantonese_ProfessionalHost (F)",
            "MiniMax",
            "speech-02-hd",
            "Cantonese_ProfessionalHost (F)",
        ),
    ],
)
def test_parse_splits_at_the_first_and_the_last_dot(
    text: str, provider: str, model: str, voice_id: str
) -> None:
    assert VoiceName.parse(text) == VoiceName(provider, model, voice_id)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   ",
        "astra",
        ".astra",
        "Telnyx.",
        "Telnyx..astra",
        "Telnyx.NaturalHD.",
        "Telnyx. .astra",
        "Telnyx.NaturalHD.as\ntra",
        "Telnyx.NaturalHD.astra\x00",
        "Telnyx.NaturalHD." + "a" * 200,
    ],
)
def test_parse_refuses_what_is_no_name(text: str) -> None:
    with pytest.raises(InvalidVoice) as refused:
        VoiceName.parse(text)
    assert refused.value.field == "voice"


def test_a_name_reads_as_it_was_written() -> None:
    for text in ("Telnyx.NaturalHD.astra", "azure.en-US-AvaNeural", "aws.Polly.Generative.Lucia"):
        assert str(VoiceName.parse(text)) == text


def test_from_parts_takes_telnyx_when_no_provider_is_given() -> None:
    assert VoiceName.from_parts(None, "NaturalHD", "astra") == DEFAULT_VOICE
    assert VoiceName.from_parts("azure", None, "en-US-AvaNeural") == VoiceName("azure", "", "en-US-AvaNeural")


@pytest.mark.parametrize("voice_id", [None, "", "  "])
def test_from_parts_needs_a_voice_id(voice_id: str | None) -> None:
    with pytest.raises(InvalidVoice) as refused:
        VoiceName.from_parts("telnyx", "NaturalHD", voice_id)
    assert refused.value.field == "voice_id"


def test_from_parts_refuses_control_characters() -> None:
    with pytest.raises(InvalidVoice):
        VoiceName.from_parts("telnyx", "Natural\r\nHD", "astra")


def test_record_is_the_union_that_clients_read() -> None:
    voice = Voice(
        VoiceName("Telnyx", "Bayan", "Amanda"),
        "Amanda",
        ("en-US",),
        Gender.FEMALE,
        accent="American",
        facts=ModelFacts("Telnyx", "Bayan"),
    )
    assert voice.record() == {
        "id": "Telnyx.Bayan.Amanda",
        "name": "Amanda",
        "provider": "telnyx",
        "model_id": "Bayan",
        "voice_id": "Amanda",
        "language": "en-US",
        "gender": "female",
        "hosted": False,
        "label": "Amanda",
        "accent": "American",
    }


def test_record_leaves_out_an_accent_that_is_not_known() -> None:
    record = Voice(VoiceName("xAI", "", "eve"), "Eve", ("en",)).record()
    assert "accent" not in record
    assert record["model_id"] == ""
