"""OpenAI's words for audio formats (source: OpenAI API reference, audio/speech)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from voxgate.audio.format import AudioFormat, Codec, Container
from voxgate.errors import UnsupportedFormat

RATE_HZ = 24_000
"""What OpenAI's voices make, and every format here unless another rate is asked for."""

FORMATS: Mapping[str, AudioFormat] = MappingProxyType(
    {
        "mp3": AudioFormat(Codec.MP3, RATE_HZ),
        "opus": AudioFormat(Codec.OPUS, RATE_HZ, Container.OGG),
        "aac": AudioFormat(Codec.AAC, RATE_HZ, Container.ADTS),
        "flac": AudioFormat(Codec.FLAC, RATE_HZ, Container.FLAC),
        "wav": AudioFormat(Codec.PCM_S16LE, RATE_HZ, Container.WAV),
        "pcm": AudioFormat(Codec.PCM_S16LE, RATE_HZ),
    }
)


def audio_format(name: str, rate_hz: int | None = None) -> AudioFormat:
    """Return what a ``response_format`` means.

    Args:
        name: one of ``FORMATS``.
        rate_hz: None for 24 kHz.

    Raises:
        UnsupportedFormat: the format does not exist at this rate.
    """
    try:
        return replace(FORMATS[name], rate_hz=rate_hz or RATE_HZ)
    except UnsupportedFormat as error:
        raise UnsupportedFormat(error.message, field="sample_rate") from None
