"""The formats of ``voxgate say``, and which one is meant."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from voxgate.audio.format import AudioFormat, Codec, Container
from voxgate.errors import UnsupportedFormat

DEFAULT = "mp3"
_RATE_HZ, _TELEPHONE_RATE_HZ = 24_000, 8_000


@dataclass(frozen=True, slots=True)
class Kind:
    """A format as people name it.

    Attributes:
        suffixes: that files of it have; the first is given to a new one.
        codec: how samples are coded.
        container: what they are wrapped in.
        rate_hz: when nobody says otherwise.
    """

    suffixes: tuple[str, ...]
    codec: Codec
    container: Container = Container.RAW
    rate_hz: int = _RATE_HZ


KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        "mp3": Kind((".mp3",), Codec.MP3),
        "wav": Kind((".wav",), Codec.PCM_S16LE, Container.WAV),
        "flac": Kind((".flac",), Codec.FLAC, Container.FLAC),
        "opus": Kind((".opus",), Codec.OPUS, Container.OGG),
        "vorbis": Kind((".ogg", ".oga"), Codec.VORBIS, Container.OGG),
        "aac": Kind((".aac",), Codec.AAC, Container.ADTS),
        "pcm": Kind((".pcm", ".raw"), Codec.PCM_S16LE),
        "mulaw": Kind((".ulaw", ".mulaw"), Codec.MULAW, rate_hz=_TELEPHONE_RATE_HZ),
        "alaw": Kind((".alaw",), Codec.ALAW, rate_hz=_TELEPHONE_RATE_HZ),
    }
)


def choose_format(name: str | None, output: Path | None, rate_hz: int | None) -> tuple[str, AudioFormat]:
    """Settle on a format.

    Args:
        name: as it was asked for; None leaves it to the file's name, or else to the default.
        output: the file, if it is known.
        rate_hz: None for the format's usual rate.

    Returns:
        The suffix for a file that has no name yet, and the format.

    Raises:
        UnsupportedFormat: there is no such format or no such rate in it, or a file's name tells none.
    """
    kind = _by_name(name) if name else _by_suffix(output)
    return kind.suffixes[0], AudioFormat(kind.codec, rate_hz or kind.rate_hz, kind.container)


def _by_name(name: str) -> Kind:
    kind = KINDS.get(name.lower())
    if kind is None:
        raise UnsupportedFormat(
            f"There is no format {name!r:.40}; there are {', '.join(KINDS)}", field="format"
        )
    return kind


def _by_suffix(output: Path | None) -> Kind:
    suffix = output.suffix.lower() if output else ""
    if output is None or not suffix:
        return KINDS[DEFAULT]
    for kind in KINDS.values():
        if suffix in kind.suffixes:
            return kind
    raise UnsupportedFormat(
        f"The name {output.name!r:.60} tells no format; say which with --format ({', '.join(KINDS)})",
        field="format",
    )
