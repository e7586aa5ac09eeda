from __future__ import annotations

import pytest

from tests.unit.audio.decoding import decode_independently
from voxgate.audio.encoder import encode_whole
from voxgate.errors import UnsupportedFormat
from voxgate.protocols.uplift.formats import DEFAULT_FORMAT, FORMATS, audio_format
from voxgate.testing.scripted import tones

# Source: Uplift docs, WebSocket page and API reference; media types as the official SDK and clients use them.
DOCUMENTED = {
    "PCM_22050_16": ("audio/pcm", 22050, None),
    "WAV_22050_16": ("audio/wav", 22050, None),
    "WAV_22050_32": ("audio/wav", 22050, None),
    "MP3_22050_32": ("audio/mpeg", 22050, 32),
    "MP3_22050_64": ("audio/mpeg", 22050, 64),
    "MP3_22050_128": ("audio/mpeg", 22050, 128),
    "OGG_22050_16": ("audio/ogg", 22050, None),
    "ULAW_8000_8": ("audio/x-mulaw", 8000, None),
}


def test_the_names_are_the_documented_ones() -> None:
    assert FORMATS.keys() == DOCUMENTED.keys()
    assert DEFAULT_FORMAT == "PCM_22050_16"


@pytest.mark.parametrize("name", DOCUMENTED)
def test_a_name_means_what_it_says(name: str) -> None:
    found = audio_format(name)
    assert (found.media_type, found.rate_hz, found.bit_rate_kbps) == DOCUMENTED[name]


@pytest.mark.parametrize("name", DOCUMENTED)
def test_a_file_decodes_at_its_rate_and_length(name: str) -> None:
    pcm, rate_hz = decode_independently(
        encode_whole(tones("Hello"), 24_000, audio_format(name)), audio_format(name)
    )
    assert rate_hz == DOCUMENTED[name][1]
    assert len(pcm) / 2 / rate_hz == pytest.approx(0.2, abs=0.12)


@pytest.mark.parametrize("name", ["", "MP3_22050_96", "mp3_22050_32", "PCM", "PCM_22050_16 "])
def test_another_name_is_refused_with_the_list(name: str) -> None:
    with pytest.raises(UnsupportedFormat, match="PCM_22050_16, WAV_22050_16"):
        audio_format(name)


def test_the_wide_wav_can_be_made_of_16_bits() -> None:
    assert audio_format("WAV_22050_32", wide_wav_bits=16) == audio_format("WAV_22050_16")
    assert audio_format("MP3_22050_32", wide_wav_bits=16) == audio_format("MP3_22050_32")


@pytest.mark.parametrize(("name", "bits"), [("WAV_22050_16", 16), ("WAV_22050_32", 32)])
def test_wav_has_whole_numbers_and_a_header_of_44_bytes(name: str, bits: int) -> None:
    file = encode_whole(tones("Hi"), 22_050, audio_format(name))
    assert file[:4] == b"RIFF"
    assert int.from_bytes(file[20:22], "little") == 1  # format tag: integer PCM
    assert int.from_bytes(file[34:36], "little") == bits
    assert file[36:40] == b"data"
