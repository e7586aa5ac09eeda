"""What an audio stream is made of, and which combinations exist.

Inside voxgate audio is always signed 16-bit little-endian mono PCM at the maker's own rate. An
`AudioFormat` says what a client gets. ``RATES_HZ`` is the whole truth about which codec goes with which
rate: what is not in it is refused, never silently replaced.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from voxgate.errors import UnsupportedFormat

BYTES_PER_SAMPLE = 2
"""Of the PCM inside: 16 bits, one channel."""


class Codec(StrEnum):
    """How samples are coded."""

    PCM_S16LE = "pcm_s16le"
    PCM_S32LE = "pcm_s32le"
    MULAW = "mulaw"
    ALAW = "alaw"
    MP3 = "mp3"
    OPUS = "opus"
    VORBIS = "vorbis"
    FLAC = "flac"
    AAC = "aac"


class Container(StrEnum):
    """What the coded samples are wrapped in."""

    RAW = "raw"
    WAV = "wav"
    OGG = "ogg"
    ADTS = "adts"
    FLAC = "flac"


_TELEPHONE = (8000, 11025, 16000, 22050, 24000, 32000, 44100, 48000)
_PCM = (*_TELEPHONE, 96000)

RATES_HZ: Mapping[tuple[Codec, Container], frozenset[int]] = MappingProxyType(
    {
        (Codec.PCM_S16LE, Container.RAW): frozenset(_PCM),
        (Codec.PCM_S16LE, Container.WAV): frozenset(_PCM),
        (Codec.MULAW, Container.RAW): frozenset(_TELEPHONE),
        (Codec.ALAW, Container.RAW): frozenset(_TELEPHONE),
        # LAME, asked for more than 48 kHz, silently gives 48.
        (Codec.MP3, Container.RAW): frozenset(_TELEPHONE),
    }
)

DEFAULT_BIT_RATE_KBPS: Mapping[Codec, int] = MappingProxyType({Codec.MP3: 64})


@dataclass(frozen=True, slots=True)
class AudioFormat:
    """A format that exists: making one that does not raises `UnsupportedFormat`.

    Attributes:
        codec: how samples are coded.
        container: what they are wrapped in.
        rate_hz: samples a second.
        bit_rate_kbps: constant bit rate of a lossy codec; None means the codec's default.
    """

    codec: Codec
    rate_hz: int
    container: Container = Container.RAW
    bit_rate_kbps: int | None = None

    def __post_init__(self) -> None:
        rates = RATES_HZ.get((self.codec, self.container))
        if rates is None:
            raise UnsupportedFormat(f"{self.codec} does not go into {self.container}")
        if self.rate_hz not in rates:
            known = ", ".join(str(rate) for rate in sorted(rates))
            raise UnsupportedFormat(f"{self.codec} at {self.rate_hz} Hz is not available; rates are {known}")


def pcm_duration_s(byte_count: int, rate_hz: int) -> float:
    """Seconds of sound in ``byte_count`` bytes of s16le mono PCM."""
    return byte_count / (BYTES_PER_SAMPLE * rate_hz)
