"""What an audio stream is made of, and which combinations exist.

Inside voxgate audio is always signed 16-bit little-endian mono PCM at the maker's own rate. An
`AudioFormat` says what a client gets. ``RATES_HZ`` is the whole truth about which codec goes with which
rate, and `bit_rates_kbps` about which bit rates a codec has there: what is not in them is refused, never
silently replaced.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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


_SPEECH = (8000, 11025, 16000, 22050, 24000, 32000, 44100, 48000)
_WIDE = (*_SPEECH, 96000)

RATES_HZ: Mapping[tuple[Codec, Container], frozenset[int]] = MappingProxyType(
    {
        (Codec.PCM_S16LE, Container.RAW): frozenset(_WIDE),
        (Codec.PCM_S16LE, Container.WAV): frozenset(_WIDE),
        (Codec.PCM_S32LE, Container.RAW): frozenset(_WIDE),
        (Codec.PCM_S32LE, Container.WAV): frozenset(_WIDE),
        (Codec.MULAW, Container.RAW): frozenset(_SPEECH),
        (Codec.ALAW, Container.RAW): frozenset(_SPEECH),
        # LAME, asked for more than 48 kHz, silently gives 48.
        (Codec.MP3, Container.RAW): frozenset(_SPEECH),
        # Opus codes at five rates and no other (RFC 6716, section 2).
        (Codec.OPUS, Container.OGG): frozenset((8000, 12000, 16000, 24000, 48000)),
        (Codec.VORBIS, Container.OGG): frozenset(_WIDE),
        (Codec.FLAC, Container.FLAC): frozenset(_WIDE),
        (Codec.AAC, Container.ADTS): frozenset(_WIDE),
    }
)

_MPEG1_KBPS = (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
_MPEG2_KBPS = (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
# The standard's table goes on to 160, but LAME stops at 64 without a word.
_MPEG2_5_KBPS = (8, 16, 24, 32, 40, 48, 56, 64)

_AAC_BITS_PER_FRAME = 6144
_AAC_SAMPLES_PER_FRAME = 1024

_DEFAULT_BIT_RATES_KBPS: Mapping[Codec, Mapping[int, int]] = MappingProxyType(
    {
        # The least at which LAME's low-pass filter keeps nearly all that the rate can carry.
        Codec.MP3: {
            8000: 32,
            11025: 32,
            16000: 48,
            22050: 64,
            24000: 64,
            32000: 64,
            44100: 96,
            48000: 96,
        },
        Codec.OPUS: {8000: 16, 12000: 20, 16000: 24, 24000: 32, 48000: 48},
        # FFmpeg's own encoder needs more than the best AAC encoders for the same speech.
        Codec.AAC: {
            8000: 32,
            11025: 40,
            16000: 48,
            22050: 64,
            24000: 64,
            32000: 80,
            44100: 96,
            48000: 96,
            96000: 128,
        },
    }
)

_MEDIA_TYPES: Mapping[tuple[Codec, Container], str] = MappingProxyType(
    {
        (Codec.PCM_S16LE, Container.RAW): "audio/pcm",
        (Codec.PCM_S16LE, Container.WAV): "audio/wav",
        (Codec.PCM_S32LE, Container.RAW): "audio/pcm",
        (Codec.PCM_S32LE, Container.WAV): "audio/wav",
        # audio/basic would promise 8 kHz.
        (Codec.MULAW, Container.RAW): "audio/x-mulaw",
        (Codec.ALAW, Container.RAW): "audio/x-alaw",
        (Codec.MP3, Container.RAW): "audio/mpeg",
        (Codec.OPUS, Container.OGG): "audio/ogg",
        (Codec.VORBIS, Container.OGG): "audio/ogg",
        (Codec.FLAC, Container.FLAC): "audio/flac",
        (Codec.AAC, Container.ADTS): "audio/aac",
    }
)


def bit_rates_kbps(codec: Codec, rate_hz: int) -> Sequence[int]:
    """The constant bit rates that a codec has at a rate, ascending; empty when it has none to choose."""
    match codec:
        case Codec.MP3 if rate_hz >= 32000:
            return _MPEG1_KBPS
        case Codec.MP3 if rate_hz >= 16000:
            return _MPEG2_KBPS
        case Codec.MP3:
            return _MPEG2_5_KBPS
        case Codec.OPUS:
            return range(6, 257)  # one channel; source: RFC 6716, section 2.1.1
        case Codec.AAC:
            return range(8, min(256, _AAC_BITS_PER_FRAME * rate_hz // _AAC_SAMPLES_PER_FRAME // 1000) + 1)
        case _:
            return ()


def default_bit_rate_kbps(codec: Codec, rate_hz: int) -> int | None:
    """What a codec uses at a rate when nobody chose; None when it has no constant bit rate."""
    return _DEFAULT_BIT_RATES_KBPS.get(codec, {}).get(rate_hz)


@dataclass(frozen=True, slots=True)
class AudioFormat:
    """A format that exists: making one that does not raises `UnsupportedFormat`.

    Attributes:
        codec: how samples are coded.
        container: what they are wrapped in.
        rate_hz: samples a second.
        bit_rate_kbps: of MP3 (constant), or about which Opus and AAC stay; None means the codec's default.
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
        if self.bit_rate_kbps is not None:
            self._check_bit_rate(self.bit_rate_kbps)

    def _check_bit_rate(self, kbps: int) -> None:
        allowed = bit_rates_kbps(self.codec, self.rate_hz)
        if not allowed:
            raise UnsupportedFormat(f"{self.codec} has no bit rate to choose")
        if kbps not in allowed:
            known = (
                f"from {allowed[0]} to {allowed[-1]}"
                if isinstance(allowed, range)
                else ", ".join(str(each) for each in allowed)
            )
            raise UnsupportedFormat(
                f"{self.codec} at {self.rate_hz} Hz has no {kbps} kbit/s; bit rates are {known}"
            )

    @property
    def media_type(self) -> str:
        """What HTTP calls it, without parameters."""
        return _MEDIA_TYPES[self.codec, self.container]

    @property
    def coded_kbps(self) -> int | None:
        """The constant bit rate that an encoder uses: the chosen one or the codec's default."""
        return self.bit_rate_kbps or default_bit_rate_kbps(self.codec, self.rate_hz)


def pcm_duration_s(byte_count: int, rate_hz: int) -> float:
    """Seconds of sound in ``byte_count`` bytes of s16le mono PCM."""
    return byte_count / (BYTES_PER_SAMPLE * rate_hz)
