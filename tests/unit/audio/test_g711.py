"""µ-law and A-law against the standard's own definition of segments, and against the interpreter's codec."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from voxgate.audio import g711

EVERY_SAMPLE = range(-32768, 32768)
EVERY_SAMPLE_PCM = np.arange(-32768, 32768).astype("<i2").tobytes()
EVERY_CODE = bytes(range(256))


def mulaw_code(sample: int) -> int:
    """G.711, tables 2a and 2b: eight segments of sixteen steps, each segment's steps twice as wide."""
    value = sample >> 2  # 14 bits
    negative, magnitude = value < 0, abs(value)
    start, width = -1, 2  # the first interval of the first segment is half as wide: it is zero's
    for segment in range(8):
        end = start + 16 * width
        if magnitude < end or segment == 7:
            step = min((magnitude - start) // width, 15)  # beyond the last step is overload
            break
        start, width = end, 2 * width
    return 0xFF ^ ((0x80 if negative else 0) | segment << 4 | step)


def mulaw_sample(code: int) -> int:
    """The middle of the code's interval, 14 bits, brought to 16."""
    code ^= 0xFF
    start, width = -1, 2
    for _ in range(code >> 4 & 7):
        start, width = start + 16 * width, 2 * width
    low = start + (code & 15) * width
    magnitude = low + width // 2
    return 4 * (-magnitude if code & 0x80 else magnitude)


def alaw_code(sample: int) -> int:
    """G.711, tables 1a and 1b: the first two segments alike, the others' steps twice as wide each."""
    value = sample >> 3  # 13 bits
    negative = value < 0
    magnitude = -1 - value if negative else value
    start, width = 0, 2
    for segment in range(8):
        end = start + 16 * width
        if magnitude < end:
            step = (magnitude - start) // width
            break
        start, width = end, width if segment == 0 else 2 * width
    return 0x55 ^ ((0 if negative else 0x80) | segment << 4 | step)


def alaw_sample(code: int) -> int:
    """The middle of the code's interval, 13 bits, brought to 16."""
    code ^= 0x55
    start, width = 0, 2
    for segment in range(code >> 4 & 7):
        start, width = start + 16 * width, width if segment == 0 else 2 * width
    magnitude = start + (code & 15) * width + width // 2
    return 8 * (magnitude if code & 0x80 else -magnitude)


def test_mulaw_codes_equal_the_standards_for_every_sample() -> None:
    assert g711.encode_mulaw(EVERY_SAMPLE_PCM) == bytes(mulaw_code(sample) for sample in EVERY_SAMPLE)


def test_alaw_codes_equal_the_standards_for_every_sample() -> None:
    assert g711.encode_alaw(EVERY_SAMPLE_PCM) == bytes(alaw_code(sample) for sample in EVERY_SAMPLE)


def test_mulaw_samples_equal_the_standards_for_every_code() -> None:
    expected = np.array([mulaw_sample(code) for code in range(256)], dtype="<i2")
    assert g711.decode_mulaw(EVERY_CODE) == expected.tobytes()


def test_alaw_samples_equal_the_standards_for_every_code() -> None:
    expected = np.array([alaw_sample(code) for code in range(256)], dtype="<i2")
    assert g711.decode_alaw(EVERY_CODE) == expected.tobytes()


def test_known_codes() -> None:
    """Silence and full scale, as printed in the standard's tables."""
    pcm = np.array([0, 32767, -32768], dtype="<i2").tobytes()
    assert g711.encode_mulaw(pcm) == bytes([0xFF, 0x80, 0x00])
    assert g711.encode_alaw(pcm) == bytes([0xD5, 0xAA, 0x2A])


def test_every_code_survives_a_round_trip() -> None:
    # µ-law has two zeros, and PCM one.
    assert g711.encode_mulaw(g711.decode_mulaw(EVERY_CODE)) == EVERY_CODE.replace(b"\x7f", b"\xff")
    assert g711.encode_alaw(g711.decode_alaw(EVERY_CODE)) == EVERY_CODE


def test_the_interpreters_own_codec_agrees() -> None:
    """An independent implementation, where Python still has it (up to 3.12)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        audioop = pytest.importorskip("audioop")
    assert g711.encode_mulaw(EVERY_SAMPLE_PCM) == audioop.lin2ulaw(EVERY_SAMPLE_PCM, 2)
    assert g711.encode_alaw(EVERY_SAMPLE_PCM) == audioop.lin2alaw(EVERY_SAMPLE_PCM, 2)
    assert g711.decode_mulaw(EVERY_CODE) == audioop.ulaw2lin(EVERY_CODE, 2)
    assert g711.decode_alaw(EVERY_CODE) == audioop.alaw2lin(EVERY_CODE, 2)


def test_no_samples_no_codes() -> None:
    for function in (g711.encode_mulaw, g711.encode_alaw, g711.decode_mulaw, g711.decode_alaw):
        assert function(b"") == b""
