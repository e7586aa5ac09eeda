"""Uplift's eight names of audio formats, in one table.

The last number of a name is the bits of a sample, but for MP3 it is kbit/s. Opus has no 22,050 Hz, so the
OGG format is Vorbis (source: Uplift docs, WebSocket page and API reference).
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from voxgate.audio.format import AudioFormat, Codec, Container
from voxgate.errors import UnsupportedFormat

DEFAULT_FORMAT = "PCM_22050_16"
"""Of a WebSocket request that names none (source: Uplift docs, WebSocket page)."""

FORMATS: Mapping[str, AudioFormat] = MappingProxyType(
    {
        DEFAULT_FORMAT: AudioFormat(Codec.PCM_S16LE, 22050),
        "WAV_22050_16": AudioFormat(Codec.PCM_S16LE, 22050, Container.WAV),
        "WAV_22050_32": AudioFormat(Codec.PCM_S32LE, 22050, Container.WAV),
        "MP3_22050_32": AudioFormat(Codec.MP3, 22050, bit_rate_kbps=32),
        "MP3_22050_64": AudioFormat(Codec.MP3, 22050, bit_rate_kbps=64),
        "MP3_22050_128": AudioFormat(Codec.MP3, 22050, bit_rate_kbps=128),
        "OGG_22050_16": AudioFormat(Codec.VORBIS, 22050, Container.OGG),
        "ULAW_8000_8": AudioFormat(Codec.MULAW, 8000),
    }
)

_WIDE_WAV = "WAV_22050_32"


def audio_format(name: str, *, wide_wav_bits: int = 32) -> AudioFormat:
    """Find the format of a name.

    Args:
        name: spelled as in `FORMATS`.
        wide_wav_bits: what ``WAV_22050_32`` holds, 32 or 16: many a player that asks for it reads 16.

    Raises:
        UnsupportedFormat: there is none of this name.
    """
    if name == _WIDE_WAV and wide_wav_bits == 16:
        return FORMATS["WAV_22050_16"]
    try:
        return FORMATS[name]
    except KeyError:
        known = ", ".join(FORMATS)
        raise UnsupportedFormat(f"outputFormat must be one of {known}", field="outputFormat") from None
