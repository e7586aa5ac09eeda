from __future__ import annotations

import math
from typing import Any

import pytest

from voxgate.errors import InvalidRequest
from voxgate.protocols.telnyx.field_rules import (
    Anything,
    AzureFormat,
    Flag,
    Language,
    Number,
    Rate,
    Rule,
    Text,
    Words,
)
from voxgate.protocols.telnyx.formats import CODECS
from voxgate.protocols.telnyx.voice_settings import Effect, Row, VoiceSettings, read
from voxgate.protocols.telnyx.voice_settings_table import LANGUAGE_NAMES, TABLE, rows_of
from voxgate.speech.catalogue import Catalogue
from voxgate.speech.language import is_tag
from voxgate.speech.utterance import Markup, SpeechSettings


def good_and_bad(rule: Rule) -> tuple[list[Any], list[Any]]:
    match rule:
        case Number(low, high, whole):
            bad: list[Any] = ["1", True, [], {}, math.inf, *([0.5] if whole else [])]
            if math.isinf(low):
                return [1, -1], bad
            good = [low, high] if not whole else [int(low), int(high)]
            return good, [*bad, low - 0.01, high + 1]
        case Rate():
            return [16_000, "16000"], ["fast", "", 0, -8000, 1.5, True, [16_000], "9" * 7]
        case Words(meanings):
            return [*meanings, *(word.upper() for word in meanings)], ["", "nonsense", 5, True, ["mp3"]]
        case AzureFormat():
            return ["audio-24khz-160kbitrate-mono-mp3"], ["mp3", 5, "webm-24khz-16bit-mono-opus"]
        case Language(names):
            return ["en", "fr-FR", "auto", *(names or {})], ["", 5, "no such language", "e"]
        case Text():
            return ["", "x" * 200], ["x" * 201, 5, True, []]
        case Flag():
            return [True, False], [0, 1, "true", []]
        case Anything():
            return [0, "x", [], {}, True], []
    raise AssertionError(f"no examples for {rule}")


@pytest.mark.parametrize(("provider", "model"), TABLE)
def test_each_row_takes_what_it_says_and_refuses_the_rest(provider: str, model: str) -> None:
    rows = rows_of(provider, model or "any")
    assert rows is TABLE[provider, model]
    for field, row in rows.items():
        good, bad = good_and_bad(row.rule)
        for value in good:
            assert read(rows, {field: value}) == expected(row, row.rule.read(value)), (field, value)
        for value in bad:
            with pytest.raises(InvalidRequest) as caught:
                read(rows, {field: value})
            assert caught.value.field == f"voice_settings.{field}"
            assert str(row.rule).replace("`", "") in caught.value.message


def expected(row: Row, meant: Any) -> VoiceSettings:
    match row.effect:
        case Effect.SPEED:
            return VoiceSettings(SpeechSettings(speed=meant))
        case Effect.PITCH:
            return VoiceSettings(SpeechSettings(pitch_semitones=meant))
        case Effect.VOLUME:
            return VoiceSettings(SpeechSettings(volume=meant))
        case Effect.FORMAT if isinstance(meant, tuple):
            return VoiceSettings(audio_format=meant[0], rate_hz=meant[1], bit_rate_kbps=meant[2])
        case Effect.FORMAT:
            assert meant in CODECS
            return VoiceSettings(audio_format=meant)
        case Effect.RATE:
            return VoiceSettings(rate_hz=meant)
        case Effect.BITS:
            return VoiceSettings(bits=meant)
        case Effect.LANGUAGE:
            return VoiceSettings(language=meant)
        case Effect.MARKUP:
            return VoiceSettings(markup=meant)
        case Effect.VENDOR:
            return VoiceSettings(SpeechSettings(extra=((row.field, meant),)))
        case Effect.NONE:
            return VoiceSettings()


def test_unknown_fields_and_nulls_are_ignored() -> None:
    rows = rows_of("Telnyx", "NaturalHD")
    assert read(rows, {"speaking_rate": "much", "voice_speed": None, "": {}}) == VoiceSettings()


def test_several_fields_add_up_and_the_vendors_own_are_sorted() -> None:
    given = {"stability": 0.5, "language_code": "fr", "similarity_boost": 1, "use_speaker_boost": False}
    settings = read(rows_of("ElevenLabs", "v3"), given)
    assert settings.language == "fr"
    assert [name for name, _ in settings.speech.extra] == [
        "similarity_boost",
        "stability",
        "use_speaker_boost",
    ]


def test_a_secret_is_never_kept() -> None:
    assert read(rows_of("ElevenLabs", "v3"), {"api_key_ref": "sk"}).speech.extra == ()


def test_kokoro_takes_a_pace_and_ignores_it() -> None:
    assert read(rows_of("Telnyx", "KokoroTTS"), {"voice_speed": 1.5}).speech == SpeechSettings()


def test_the_text_type_of_aws_and_azure() -> None:
    for provider in ("AWS", "Azure"):
        assert read(rows_of(provider, "Polly"), {"text_type": "SSML"}).markup is Markup.SSML


def test_rows_are_of_providers_and_models_that_the_catalogue_knows() -> None:
    catalogue = Catalogue.shipped()
    models = {(facts.provider, facts.model) for facts in catalogue.models()}
    for provider, model in TABLE:
        assert provider in catalogue.providers
        assert not model or (provider, model) in models
    assert not rows_of("MurfAI", "FALCON")


def test_names_of_languages_are_tags() -> None:
    assert all(map(is_tag, LANGUAGE_NAMES.values()))
