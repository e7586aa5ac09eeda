from __future__ import annotations

import pytest

from voxgate.speech.language import guess_language, is_tag, normal_tag, primary_language, speaks


@pytest.mark.parametrize(
    ("tag", "language"),
    [("ar-EG", "ar"), ("arb", "ar"), ("cmn-CN", "zh"), ("EN_us", "en"), ("yue-CN", "yue"), ("iw", "he")],
)
def test_primary_language_has_one_name(tag: str, language: str) -> None:
    assert primary_language(tag) == language


@pytest.mark.parametrize(
    ("have", "wanted", "answer"),
    [
        ("en-US", "en", True),
        ("en-US", "EN-us", True),
        ("en", "en-US", False),
        ("en-US", "en-GB", False),
        ("arb", "ar", True),
        ("cmn-CN", "zh", True),
        ("arb", "ar-EG", False),
        ("fil-PH", "fi", False),
        ("zh-CN-liaoning", "zh-CN", True),
    ],
)
def test_a_filter_takes_in_the_regions_of_its_language(have: str, wanted: str, answer: bool) -> None:
    assert speaks(have, wanted) is answer


@pytest.mark.parametrize(
    ("voice_id", "language"),
    [
        ("en-US-AvaMultilingualNeural", "en-US"),
        ("zh-CN-liaoning-XiaobeiNeural", "zh-CN"),
        ("fil-PH-AngeloNeural", "fil-PH"),
        ("en-UK-ruby", "en-GB"),
        ("Aaron_en-US", "en-US"),
        ("French_Female_News Anchor", "fr"),
        ("Chinese (Mandarin)_News_Anchor", "zh"),
        ("hindi_male_1_v2", "hi"),
        ("astra", None),
        ("af_heart", None),
        ("Wise_Woman", None),
        ("d9348e0d-5a3c-4a3e-8a25-0f0c4b8f3c11", None),
    ],
)
def test_an_id_that_says_its_language_is_believed(voice_id: str, language: str | None) -> None:
    assert guess_language(voice_id) == language


@pytest.mark.parametrize(
    ("text", "answer"), [("en", True), ("ur-PK", True), ("auto", False), ("multi", False), ("", False)]
)
def test_words_are_told_from_tags(text: str, answer: bool) -> None:
    assert is_tag(text) is answer


def test_tags_are_spelled_the_usual_way() -> None:
    assert [normal_tag(tag) for tag in ("EN_us", "pt-br", "es-419", "ur")] == [
        "en-US",
        "pt-BR",
        "es-419",
        "ur",
    ]
