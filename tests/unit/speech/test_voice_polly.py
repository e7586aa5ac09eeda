from __future__ import annotations

import pytest

from voxgate.errors import InvalidVoice
from voxgate.speech import polly
from voxgate.speech.voice import VoiceName


@pytest.mark.parametrize(
    ("text", "voice_id"),
    [
        ("AWS.Polly.Danielle-Neural", "Danielle-Neural"),
        ("AWS.Polly.Joanna", "Joanna"),
        ("AWS.Joanna", "Joanna"),
        ("AWS.Polly.Generative.Lucia", "Lucia-Generative"),
        ("AWS.polly.NEURAL.Lucia", "Lucia-Neural"),
        ("AWS.Polly.Lucia-longform", "Lucia-longform"),
        ("AWS.Polly.Lucia-long-form", "Lucia-longform"),
        ("AWS.Polly.Long-Form.Lucia", "Lucia-longform"),
        ("AWS.Polly.standard.Lucia", "Lucia"),
        ("AWS.neural.Lucia", "Lucia-Neural"),
        ("AWS.Polly.Neural.Lucia-Neural", "Lucia-Neural"),
    ],
)
def test_both_shapes_mean_the_same(text: str, voice_id: str) -> None:
    assert polly.canonical(VoiceName.parse(text)) == VoiceName("AWS", "Polly", voice_id)


@pytest.mark.parametrize(
    "text", ["AWS.Polly.Fast.Lucia", "AWS.Polly.Neural.Lucia-Generative", "AWS.Other.Lucia"]
)
def test_an_engine_that_does_not_exist_or_contradicts_is_refused(text: str) -> None:
    with pytest.raises(InvalidVoice):
        polly.canonical(VoiceName.parse(text))


@pytest.mark.parametrize(
    ("voice_id", "parts"),
    [
        ("Lucia-longform", ("Lucia", "long-form")),
        ("Joanna-Neural", ("Joanna", "neural")),
        ("Joanna", ("Joanna", None)),
        ("Joanna-Fancy", ("Joanna-Fancy", None)),
    ],
)
def test_split_engine_gives_aws_its_own_words(voice_id: str, parts: tuple[str, str | None]) -> None:
    assert polly.split_engine(voice_id) == parts
