"""WAV headers as other readers see them."""

from __future__ import annotations

import io
import struct
import wave

import pytest

from voxgate.audio import wav


@pytest.mark.parametrize("bits", [16, 32])
@pytest.mark.parametrize("data_bytes", [0, 4, 48000, None])
def test_it_is_44_bytes_of_whole_number_pcm(bits: int, data_bytes: int | None) -> None:
    made = wav.header(22050, bits, data_bytes)
    assert len(made) == 44
    (tag,) = struct.unpack_from("<H", made, 20)
    assert tag == 1


def test_pythons_reader_agrees() -> None:
    samples = bytes(range(256)) * 4
    with wave.open(io.BytesIO(wav.header(24000, 32, len(samples)) + samples)) as reader:
        assert (reader.getframerate(), reader.getnchannels(), reader.getsampwidth()) == (24000, 1, 4)
        assert reader.getnframes() == len(samples) // 4
        assert reader.readframes(10**6) == samples


def test_sizes_not_known_yet_are_all_ones() -> None:
    made = wav.header(8000, 16)
    assert struct.unpack_from("<I", made, 4) == struct.unpack_from("<I", made, 40) == (0xFFFFFFFF,)


def test_more_than_a_riff_file_can_hold_counts_as_not_known() -> None:
    assert wav.header(8000, 16, 2**32 - 20) == wav.header(8000, 16)


def test_sizes_are_filled_in_afterwards() -> None:
    samples = b"\x01\x02" * 500
    assert wav.with_exact_sizes(wav.header(8000, 16) + samples) == wav.header(8000, 16, 1000) + samples
