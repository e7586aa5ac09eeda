"""What Resemble makes of a request: WAV of four precisions with its timing in front, or MP3.

Source: Resemble's docs, "Streaming (HTTP)": the ``cue``, ``list`` and ``ltxt`` chunks hold when each
character sounds, so that the header is longer than 44 bytes.
"""

from __future__ import annotations

import re
import struct

import numpy as np

from voxgate.audio import g711
from voxgate.audio.format import Codec
from voxgate.testing.emulators._speech import Coding, coded, made_rate_hz, seconds
from voxgate.testing.emulators.base import Emulator

PRECISIONS = ("PCM_32", "PCM_24", "PCM_16", "MULAW")
_FORMAT_TAGS = {"MULAW": 7}
_BITS = {"PCM_32": 32, "PCM_24": 24, "PCM_16": 16, "MULAW": 8}
_TAG = re.compile(r"<[^>]*>")
_UNKNOWN_SIZE = 0xFFFFFFFF


def plain(data: str) -> str:
    """Return the text of a request, which may be SSML: tags are neither spoken nor counted."""
    return _TAG.sub("", data)


def samples(pcm: bytes, precision: str) -> bytes:
    """Bring s16le PCM to one of `PRECISIONS`."""
    match precision:
        case "PCM_16":
            return pcm
        case "MULAW":
            return g711.encode_mulaw(pcm)
        case _:
            wide = np.frombuffer(pcm, dtype="<i2").astype("<i4") << 16
            if precision == "PCM_32":
                return wide.tobytes()
            return wide.view(np.uint8).reshape(-1, 4)[:, 1:].tobytes()


def header(rate_hz: int, precision: str, data_bytes: int | None, text: str = "") -> bytes:
    """Return what stands before the samples.

    Args:
        rate_hz: of the samples.
        precision: of the samples.
        data_bytes: how many follow; None writes 0xFFFFFFFF, as older models do.
        text: whose characters get cue points; empty for a plain header.
    """
    bits = _BITS[precision]
    frame_bytes = bits // 8
    tag = _FORMAT_TAGS.get(precision, 1)
    chunks = _chunk(
        b"fmt ", struct.pack("<HHIIHH", tag, 1, rate_hz, rate_hz * frame_bytes, frame_bytes, bits)
    )
    if text:
        chunks += _chunk(b"cue ", _cue(text, rate_hz)) + _chunk(b"list", b"adtl" + _labels(text, rate_hz))
    size = _UNKNOWN_SIZE if data_bytes is None else data_bytes
    whole = _UNKNOWN_SIZE if data_bytes is None else 4 + len(chunks) + 8 + data_bytes
    return struct.pack("<4sI4s", b"RIFF", whole, b"WAVE") + chunks + struct.pack("<4sI", b"data", size)


def reply(
    emulator: Emulator, text: str, *, rate_hz: int, precision: str, output_format: str, bare: bool
) -> bytes:
    """Speak, as the fields of a WebSocket's message say."""
    pcm = emulator.speech(text, rate_hz)
    if output_format == "mp3":
        return coded(emulator, Coding(Codec.MP3, rate_hz), pcm)
    audio = samples(pcm, precision)
    if bare:
        return audio
    return header(made_rate_hz(emulator, rate_hz), precision, len(audio)) + audio


def _chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack("<4sI", name, len(body)) + body + bytes(len(body) % 2)


def _cue(text: str, rate_hz: int) -> bytes:
    points = (
        struct.pack("<II4sIII", number, at, b"data", 0, 0, at)
        for number, at in enumerate((round(seconds(place) * rate_hz) for place in range(len(text))), 1)
    )
    return struct.pack("<I", len(text)) + b"".join(points)


def _labels(text: str, rate_hz: int) -> bytes:
    labels = b""
    for number, character in enumerate(text, 1):
        coded_label = character.encode() + b"\0"
        fields = struct.pack("<II4sHHHH", number, round(seconds(1) * rate_hz), b"grph", 0, 0, 0, 65001)
        labels += _chunk(b"ltxt", fields + coded_label)
    return labels
