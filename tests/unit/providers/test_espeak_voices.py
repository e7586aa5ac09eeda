"""Languages find their voice, and say so when it is another language's."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voxgate.errors import InvalidVoice
from voxgate.providers.espeak_voices import LANGUAGES, NearestVoice, VoiceTable, nearest_voice
from voxgate.speech.voice import Gender

VOICES = [
    {"identifier": "gmw/en", "name": "English (Great Britain)", "gender": "male",
     "languages": [["en-gb", 2], ["en", 2]]},
    {"identifier": "gmw/en-GB-x-rp", "name": "English (Received Pronunciation)", "gender": "male",
     "languages": [["en-gb-x-rp", 5], ["en-gb", 4], ["en", 5]]},
    {"identifier": "gmw/en-US", "name": "English (America)", "gender": "male",
     "languages": [["en-us", 2], ["en", 3]]},
    {"identifier": "inc/ur", "name": "Urdu", "gender": "male", "languages": [["ur", 5]]},
]  # fmt: skip
VARIANTS = [
    {"identifier": "!v/f3", "name": "female3", "gender": "female", "languages": [["variant", 5]]},
    {"identifier": "!v/Annie", "name": "Annie", "gender": "female", "languages": [["variant", 5]]},
]


@pytest.mark.parametrize(
    ("tag", "voice_id", "stand_in"),
    [
        ("en-GB", "en-gb", False),
        ("en", "en-us", False),
        ("en-AU", "en-gb", False),
        ("en_US", "en-us", False),
        ("zh-CN", "cmn", False),
        ("zh-TW", "cmn", False),
        ("zh-HK", "yue", False),
        ("zh-Hant-HK", "yue", False),
        ("cmn-Hans-CN", "cmn", False),
        ("ur-PK", "ur", False),
        ("nb-NO", "nb", False),
        ("no", "nb", False),
        ("nn-NO", "nb", True),
        ("sd", "sd", False),
        ("es-MX", "es-419", False),
        ("es-ES", "es", False),
        ("pt-BR", "pt-br", False),
        ("pt-PT", "pt", False),
        ("sr-Latn-RS", "sr", False),
        ("pa-IN", "pa", False),
        ("pa-PK", "ur", True),
        ("bal", "ur", True),
        ("ps-AF", "ur", True),
        ("skr", "ur", True),
        ("fil-PH", "id", True),
        ("tlh", "en-us", True),
        ("", "en-us", True),
    ],
)
def test_a_language_finds_its_nearest_voice(tag: str, voice_id: str, stand_in: bool) -> None:
    assert nearest_voice(tag) == NearestVoice(voice_id, stand_in)


@given(st.text(max_size=20))
def test_any_tag_finds_some_voice(tag: str) -> None:
    assert nearest_voice(tag).voice_id in LANGUAGES


@pytest.mark.parametrize(
    ("asked", "engine_name"),
    [
        ("en-gb", "gmw/en"),
        ("EN-GB", "gmw/en"),
        ("en", "gmw/en"),
        ("en-gb-x-rp", "gmw/en-GB-x-rp"),
        ("gmw/en-US", "gmw/en-US"),
        ("ur+F3", "inc/ur+f3"),
        ("en-us+annie", "gmw/en-US+Annie"),
    ],
)
def test_names_resolve_by_priority_and_without_regard_to_case(asked: str, engine_name: str) -> None:
    assert VoiceTable(VOICES, VARIANTS).resolve(asked) == engine_name


@pytest.mark.parametrize(
    "asked", ["", "xx", "ur+", "ur+nobody", "+f3", "ur+../../phondata", "../ur", "ur+f3+f3"]
)
def test_unknown_names_are_refused(asked: str) -> None:
    with pytest.raises(InvalidVoice):
        VoiceTable(VOICES, VARIANTS).resolve(asked)


def test_the_table_tells_what_there_is() -> None:
    table = VoiceTable(VOICES, VARIANTS)
    assert table.voices[1].languages == ("en-gb", "en-gb-x-rp", "en")
    assert [variant.short_name for variant in table.variants] == ["f3", "Annie"]
    assert table.variants[0].gender is Gender.FEMALE
