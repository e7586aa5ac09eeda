from __future__ import annotations

import pytest

from voxgate.audio.format import RATES_HZ, AudioFormat, Codec, Container
from voxgate.errors import UnsupportedFormat
from voxgate.protocols.telnyx.formats import AUDIO_FORMATS, CODECS, audio_format, read_azure
from voxgate.speech.model import ModelFacts

ANY = ModelFacts("Telnyx", "NaturalHD")


@pytest.mark.parametrize("word", AUDIO_FORMATS)
def test_every_documented_word_is_a_format_at_the_default_rate(word: str) -> None:
    assert audio_format(AUDIO_FORMATS[word], ANY).rate_hz == 24_000


@pytest.mark.parametrize("name", CODECS)
def test_a_rate_is_honoured_or_refused(name: str) -> None:
    for rate_hz in (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000, 96000, 192_000, 1):
        if rate_hz in RATES_HZ[CODECS[name]]:
            assert audio_format(name, ANY, rate_hz).rate_hz == rate_hz
        else:
            with pytest.raises(UnsupportedFormat) as caught:
                audio_format(name, ANY, rate_hz)
            assert caught.value.field == "sample_rate"


def test_a_model_that_documents_its_refusals_refuses() -> None:
    sukhan = ModelFacts("Telnyx", "Sukhan", exact=True, formats=("mp3", "linear16"), rates_hz=(22050,))
    with pytest.raises(UnsupportedFormat):
        audio_format("wav", sukhan)
    with pytest.raises(UnsupportedFormat):
        audio_format("mp3", sukhan, 24_000)


def test_the_default_rate_is_the_models_and_for_telephony_the_providers() -> None:
    assert audio_format("mp3", ModelFacts("Resemble", "Pro", default_rate_hz=48_000)).rate_hz == 48_000
    assert audio_format("mulaw", ModelFacts("Soniox", "tts-rt-v2")).rate_hz == 8000
    assert audio_format("mp3", ModelFacts("Soniox", "tts-rt-v2")).rate_hz == 24_000


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("audio-24khz-160kbitrate-mono-mp3", ("mp3", 24_000, 160)),
        ("audio-48khz-96kbitrate-mono-mp3", ("mp3", 48_000, 96)),
        ("riff-22khz-16bit-mono-pcm", ("wav", 22_050, None)),
        ("raw-44khz-16bit-mono-pcm", ("linear16", 44_100, None)),
        ("raw-8khz-8bit-mono-mulaw", ("mulaw", 8000, None)),
        ("raw-8khz-8bit-mono-alaw", ("alaw", 8000, None)),
        ("ogg-24khz-16bit-mono-opus", ("ogg_opus", 24_000, None)),
        ("webm-24khz-16bit-mono-opus", None),
        ("riff-8khz-8bit-mono-mulaw", None),
        ("amr-wb-16000hz", None),
        ("mp3", None),
    ],
)
def test_azures_words(text: str, read: tuple[str, int, int | None] | None) -> None:
    assert read_azure(text) == read


def test_a_bit_rate_that_does_not_exist_is_refused() -> None:
    assert audio_format("mp3", ANY, 24_000, 160) == AudioFormat(Codec.MP3, 24_000, Container.RAW, 160)
    with pytest.raises(UnsupportedFormat):
        audio_format("mp3", ANY, 24_000, 161)
