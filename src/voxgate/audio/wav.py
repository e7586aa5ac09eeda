"""RIFF WAVE: writing headers and finding the samples in a stream.

A header written here is always 44 bytes long, because readers exist that skip 44 bytes without looking.
A header read here may be of any length: chunks are walked until ``data``.
"""

from __future__ import annotations

import struct

HEADER_BYTES = 44

_UNKNOWN_SIZE = 0xFFFFFFFF
_TAG_INTEGER_PCM = 1
_RIFF_OVERHEAD = HEADER_BYTES - 8
"""What the RIFF size counts besides the samples: everything after itself."""


def header(rate_hz: int, bits: int, data_bytes: int | None = None) -> bytes:
    """Return the 44 bytes before the samples of a mono file of whole numbers (format tag 1).

    Args:
        rate_hz: samples a second.
        bits: of a sample, 16 or 32.
        data_bytes: size of what follows; None, when it is not known yet, writes 0xFFFFFFFF.
    """
    frame_bytes = bits // 8
    known = data_bytes is not None and data_bytes + _RIFF_OVERHEAD < _UNKNOWN_SIZE
    data_size = data_bytes if data_bytes is not None and known else _UNKNOWN_SIZE
    riff_size = data_size + _RIFF_OVERHEAD if known else _UNKNOWN_SIZE
    return struct.pack(
        "<4sI4s4sIHHIIHH4sI",
        b"RIFF",
        riff_size,
        b"WAVE",
        b"fmt ",
        16,
        _TAG_INTEGER_PCM,
        1,
        rate_hz,
        rate_hz * frame_bytes,
        frame_bytes,
        bits,
        b"data",
        data_size,
    )


def with_exact_sizes(file: bytes) -> bytes:
    """Return a finished file, written by `header` with unknown sizes, with its true sizes filled in."""
    data_bytes = len(file) - HEADER_BYTES
    return b"".join(
        (
            file[:4],
            struct.pack("<I", data_bytes + _RIFF_OVERHEAD),
            file[8 : HEADER_BYTES - 4],
            struct.pack("<I", data_bytes),
            file[HEADER_BYTES:],
        )
    )
