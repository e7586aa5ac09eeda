"""Which formats exist, and what is said of each."""

from __future__ import annotations

import pytest

from voxgate.audio.format import (
    RATES_HZ,
    AudioFormat,
    Codec,
    Container,
    bit_rates_kbps,
    default_bit_rate_kbps,
    pcm_duration_s,
)
from voxgate.errors import UnsupportedFormat

EVERY_RATE_HZ = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000, 64000, 88200, 96000, 192000)


def test_a_format_exists_exactly_when_the_table_has_it() -> None:
    for codec in Codec:
        for container in Container:
            for rate_hz in EVERY_RATE_HZ:
                if rate_hz in RATES_HZ.get((codec, container), ()):
                    assert AudioFormat(codec, rate_hz, container).media_type.startswith("audio/")
                else:
                    with pytest.raises(UnsupportedFormat):
                        AudioFormat(codec, rate_hz, container)


@pytest.mark.parametrize("rate_hz", [0, -8000, 8001, 10**9])
def test_odd_rates_are_refused(rate_hz: int) -> None:
    with pytest.raises(UnsupportedFormat):
        AudioFormat(Codec.PCM_S16LE, rate_hz)


@pytest.mark.parametrize(
    ("codec", "rate_hz", "kbps"),
    [
        (Codec.MP3, 8000, 80),  # LAME would give 64
        (Codec.MP3, 24000, 192),  # LAME would give 160
        (Codec.MP3, 48000, 24),  # LAME would give 32
        (Codec.MP3, 22050, 33),
        (Codec.MP3, 22050, 0),
        (Codec.PCM_S16LE, 22050, 64),
        (Codec.MULAW, 8000, 64),
    ],
)
def test_a_bit_rate_the_codec_would_change_is_refused(codec: Codec, rate_hz: int, kbps: int) -> None:
    with pytest.raises(UnsupportedFormat):
        AudioFormat(codec, rate_hz, bit_rate_kbps=kbps)


def test_bit_rates_in_other_containers() -> None:
    AudioFormat(Codec.OPUS, 24000, Container.OGG, 6)
    AudioFormat(Codec.AAC, 8000, Container.ADTS, 48)
    with pytest.raises(UnsupportedFormat):
        AudioFormat(Codec.OPUS, 24000, Container.OGG, 257)
    with pytest.raises(UnsupportedFormat):
        AudioFormat(Codec.AAC, 8000, Container.ADTS, 49)  # more than 6,144 bits a frame


def test_every_lossy_codec_but_vorbis_has_a_default_that_it_allows() -> None:
    for (codec, container), rates in RATES_HZ.items():
        for rate_hz in rates:
            default = default_bit_rate_kbps(codec, rate_hz)
            allowed = bit_rates_kbps(codec, rate_hz)
            assert (default in allowed) if allowed else (default is None)
            assert AudioFormat(codec, rate_hz, container).coded_kbps == default


def test_a_chosen_bit_rate_is_used() -> None:
    assert AudioFormat(Codec.MP3, 22050, bit_rate_kbps=128).coded_kbps == 128


@pytest.mark.parametrize(
    ("target", "media_type"),
    [
        (AudioFormat(Codec.MP3, 24000), "audio/mpeg"),
        (AudioFormat(Codec.PCM_S16LE, 24000), "audio/pcm"),
        (AudioFormat(Codec.PCM_S32LE, 24000, Container.WAV), "audio/wav"),
        (AudioFormat(Codec.MULAW, 8000), "audio/x-mulaw"),
        (AudioFormat(Codec.OPUS, 48000, Container.OGG), "audio/ogg"),
    ],
)
def test_media_types(target: AudioFormat, media_type: str) -> None:
    assert target.media_type == media_type


def test_duration_of_pcm() -> None:
    assert pcm_duration_s(48000, 24000) == 1.0
