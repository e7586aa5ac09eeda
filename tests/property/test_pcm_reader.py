"""Samples come out whole and unchanged, however they were cut, and with whatever headers between them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voxgate.audio import wav
from voxgate.audio.pcm_reader import PcmReader
from voxgate.errors import InvalidRequest

samples = (
    st.binary(max_size=200).map(lambda data: data[: len(data) // 2 * 2]).filter(lambda data: b"R" not in data)
)
EXTRA_CHUNK = b"cue \x06\x00\x00\x00abcdef"


def read(reader: PcmReader, data: bytes, cuts: list[int]) -> bytes:
    out, begin = b"", 0
    for size in cuts:
        piece = reader.feed(data[begin : begin + size])
        assert len(piece) % 2 == 0
        out, begin = out + piece, begin + size
    return out + reader.feed(data[begin:]) + reader.finish()


@given(st.lists(samples, max_size=5), st.lists(st.integers(0, 60), max_size=20), st.booleans())
def test_headers_before_every_piece_vanish(pieces: list[bytes], cuts: list[int], odd: bool) -> None:
    header = wav.header(16_000, 16)
    if odd:  # a chunk of tags in front, as Resemble sends it
        header = header[:12] + EXTRA_CHUNK + header[12:]
    data = b"".join(header + piece for piece in pieces)
    reader = PcmReader(24_000)
    assert read(reader, data, cuts) == b"".join(pieces)
    assert not pieces or reader.rate_hz == 16_000


@given(st.binary(max_size=200).filter(lambda data: len(data) % 2 == 0), st.lists(st.integers(0, 9)))
def test_without_headers_nothing_changes(data: bytes, cuts: list[int]) -> None:
    assert read(PcmReader(24_000), data, cuts) == data


def test_letters_that_only_look_like_a_header_are_samples() -> None:
    data = b"\0\0RIFF1234NOPE" + bytes(20)
    assert read(PcmReader(24_000), data, [3] * 10) == data


@pytest.mark.parametrize("data", [b"\0\0\0", b"RIFF", wav.header(24_000, 16)[:30]])
def test_a_stream_that_ends_within_something_says_so(data: bytes) -> None:
    reader = PcmReader(24_000)
    reader.feed(data)
    with pytest.raises(InvalidRequest):
        reader.finish()


def test_other_samples_than_promised_are_refused() -> None:
    with pytest.raises(InvalidRequest):
        PcmReader(24_000).feed(wav.header(24_000, 32) + bytes(8))
    reader = PcmReader(24_000)
    reader.feed(bytes(2))
    with pytest.raises(InvalidRequest):
        reader.feed(wav.header(16_000, 16))
