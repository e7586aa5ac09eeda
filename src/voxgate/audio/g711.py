"""µ-law and A-law, the two companding laws of ITU-T G.711, by table.

G.711 codes 14-bit (µ-law) or 13-bit (A-law) samples. A 16-bit sample becomes one by an arithmetic shift
to the right; a magnitude that lies exactly on a decision value belongs to the interval above it.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

_U8 = npt.NDArray[np.uint8]
_I16 = npt.NDArray[np.int16]
_I32 = npt.NDArray[np.int32]

_MULAW_BIAS = 33
_MULAW_CLIP = 8158  # the largest 14-bit magnitude that does not overflow with the bias
_MULAW_INVERT = 0xFF
_ALAW_INVERT_EVEN_BITS = 0x55


def _every_sample() -> _I32:
    """Each 16-bit sample, in the order of its bits: 0 to 32767, then -32768 to -1."""
    return np.arange(65536, dtype=np.uint16).view(np.int16).astype(np.int32)


def _bit_length(values: _I32) -> _I32:
    # frexp gives x = m * 2**e with 0.5 <= m < 1, so e is the bit length of a whole number.
    return np.frexp(values.astype(np.float64))[1].astype(np.int32)


def _build_mulaw_codes() -> _U8:
    """One code for each 16-bit sample, indexed by the sample's bits."""
    sample = _every_sample() >> 2
    biased = np.minimum(np.abs(sample), _MULAW_CLIP) + _MULAW_BIAS
    segment = _bit_length(biased) - 6
    step = (biased >> (segment + 1)) & 0x0F
    sign = np.where(sample < 0, 0x80, 0)
    codes: _I32 = (sign | (segment << 4) | step) ^ _MULAW_INVERT
    return codes.astype(np.uint8)


def _build_alaw_codes() -> _U8:
    """One code for each 16-bit sample, indexed by the sample's bits."""
    sample = _every_sample() >> 3
    magnitude = np.where(sample < 0, -1 - sample, sample)
    segment = np.maximum(_bit_length(magnitude) - 5, 0)
    step = (magnitude >> np.maximum(segment, 1)) & 0x0F
    sign = np.where(sample < 0, 0, 0x80)
    codes: _I32 = (sign | (segment << 4) | step) ^ _ALAW_INVERT_EVEN_BITS
    return codes.astype(np.uint8)


def _build_mulaw_samples() -> _I16:
    code = np.arange(256, dtype=np.int32) ^ _MULAW_INVERT
    segment, step = (code >> 4) & 7, code & 0x0F
    magnitude = ((2 * step + _MULAW_BIAS) << segment) - _MULAW_BIAS
    return (np.where(code & 0x80, -magnitude, magnitude) << 2).astype("<i2")


def _build_alaw_samples() -> _I16:
    code = np.arange(256, dtype=np.int32) ^ _ALAW_INVERT_EVEN_BITS
    segment, step = (code >> 4) & 7, code & 0x0F
    magnitude = np.where(segment == 0, 2 * step + 1, (2 * step + 33) << np.maximum(segment - 1, 0))
    return (np.where(code & 0x80, magnitude, -magnitude) << 3).astype("<i2")


_MULAW_CODES = _build_mulaw_codes()
_ALAW_CODES = _build_alaw_codes()
_MULAW_SAMPLES = _build_mulaw_samples()
_ALAW_SAMPLES = _build_alaw_samples()


def _look_up(table: _U8 | _I16, index: npt.NDArray[np.unsignedinteger]) -> bytes:
    found: _U8 | _I16 = table[index]
    return found.tobytes()


def encode_mulaw(pcm: bytes) -> bytes:
    """µ-law codes, one byte for each sample of whole s16le PCM."""
    return _look_up(_MULAW_CODES, np.frombuffer(pcm, dtype="<u2"))


def encode_alaw(pcm: bytes) -> bytes:
    """A-law codes, one byte for each sample of whole s16le PCM."""
    return _look_up(_ALAW_CODES, np.frombuffer(pcm, dtype="<u2"))


def decode_mulaw(codes: bytes) -> bytes:
    """s16le PCM, two bytes for each µ-law code."""
    return _look_up(_MULAW_SAMPLES, np.frombuffer(codes, dtype=np.uint8))


def decode_alaw(codes: bytes) -> bytes:
    """s16le PCM, two bytes for each A-law code."""
    return _look_up(_ALAW_SAMPLES, np.frombuffer(codes, dtype=np.uint8))
