"""Telnyx's and its vendors' words for audio formats, in one table.

Source: Telnyx docs, WebSocket configuration page (``audio_format``) and voice settings page (vendors' words).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

from voxgate.audio.format import AudioFormat, Codec, Container
from voxgate.errors import UnsupportedFormat
from voxgate.speech.model import ModelFacts

CODECS: Mapping[str, tuple[Codec, Container]] = MappingProxyType(
    {
        "mp3": (Codec.MP3, Container.RAW),
        "linear16": (Codec.PCM_S16LE, Container.RAW),
        "wav": (Codec.PCM_S16LE, Container.WAV),
        "mulaw": (Codec.MULAW, Container.RAW),
        "alaw": (Codec.ALAW, Container.RAW),
        "ogg_vorbis": (Codec.VORBIS, Container.OGG),
        # Vendors' settings ask for these; ``audio_format`` has no word for them.
        "ogg_opus": (Codec.OPUS, Container.OGG),
        "flac": (Codec.FLAC, Container.FLAC),
        "wav32": (Codec.PCM_S32LE, Container.WAV),
    }
)
"""What each of our own names of a format means."""

AUDIO_FORMATS: Mapping[str, str] = MappingProxyType(
    {
        "mp3": "mp3",
        "linear16": "linear16",
        "pcm": "linear16",
        "wav": "wav",
        "mulaw": "mulaw",
        "alaw": "alaw",
        "ogg_vorbis": "ogg_vorbis",
    }
)
"""Values of ``audio_format``, and our names for them; ``pcm`` is an old word for ``linear16``."""

_TELEPHONY_RATE_HZ = 8000
_TELEPHONY_FIRST = frozenset({"Soniox"})
"""Providers whose µ-law and A-law are 8 kHz unless asked otherwise (source: Telnyx SDK)."""

_AZURE = re.compile(
    r"(?P<container>audio|riff|raw|ogg)-(?P<khz>\d+)khz-(?P<size>\d+)(?P<unit>kbitrate|bit)-mono-"
    r"(?P<codec>mp3|pcm|mulaw|alaw|opus)"
)
_AZURE_CODECS = MappingProxyType(
    {
        ("audio", "mp3"): "mp3",
        ("raw", "pcm"): "linear16",
        ("riff", "pcm"): "wav",
        ("raw", "mulaw"): "mulaw",
        ("raw", "alaw"): "alaw",
        ("ogg", "opus"): "ogg_opus",
    }
)
_AZURE_RATES_HZ = MappingProxyType({"11": 11025, "22": 22050, "44": 44100})


def audio_format(
    name: str, facts: ModelFacts, rate_hz: int | None = None, bit_rate_kbps: int | None = None
) -> AudioFormat:
    """Make the format a client asked for.

    Args:
        name: one of ``CODECS``.
        facts: of the model that is to speak.
        rate_hz: None for the model's default.
        bit_rate_kbps: None for the codec's default.

    Raises:
        UnsupportedFormat: the model does not offer it, or it does not exist.
    """
    facts.check_format("wav" if name == "wav32" else name, rate_hz)
    codec, container = CODECS[name]
    rate = default_rate_hz(name, facts) if rate_hz is None else rate_hz
    try:
        return AudioFormat(codec, rate, container, bit_rate_kbps)
    except UnsupportedFormat as error:
        raise UnsupportedFormat(error.message, field="sample_rate") from None


def default_rate_hz(name: str, facts: ModelFacts) -> int:
    """Tell the rate of a format when none is asked for."""
    if name in ("mulaw", "alaw") and facts.provider in _TELEPHONY_FIRST:
        return _TELEPHONY_RATE_HZ
    return facts.default_rate_hz


def read_azure(text: str) -> tuple[str, int, int | None] | None:
    """Read a format in Azure's words, such as ``audio-24khz-160kbitrate-mono-mp3``.

    Returns:
        Our name, the rate in Hz and the bit rate in kbit/s; None when it is none that can be made here.
    """
    found = _AZURE.fullmatch(text)
    name = found and _AZURE_CODECS.get((found["container"], found["codec"]))
    if not found or not name:
        return None
    rate_hz = _AZURE_RATES_HZ.get(found["khz"], int(found["khz"]) * 1000)
    return name, rate_hz, int(found["size"]) if found["unit"] == "kbitrate" else None
