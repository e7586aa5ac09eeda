"""Damaged files are decoded or refused; nothing else ever happens."""

from __future__ import annotations

import contextlib

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.audio.signals import noise
from voxgate.audio.decoder import Decoder, decode
from voxgate.audio.encoder import encode_whole
from voxgate.audio.format import RATES_HZ, AudioFormat, Codec, Container
from voxgate.errors import InvalidRequest

MAX_SECONDS = 20.0
FILES = [
    encode_whole(noise(9000), 22050, AudioFormat(codec, max(rates), container))
    for (codec, container), rates in RATES_HZ.items()
    if container is not Container.RAW or codec is Codec.MP3
]


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    file = bytearray(draw(st.sampled_from(FILES)))
    anywhere = st.integers(0, len(file) - 1)
    header = st.integers(0, min(100, len(file) - 1))
    for at, value in draw(st.lists(st.tuples(header | anywhere, st.integers(0, 255)), max_size=20)):
        file[at] = value
    return bytes(file[: draw(st.just(len(file)) | anywhere)])


@settings(max_examples=400, deadline=None)
@given(data=damaged() | st.binary(max_size=200))
def test_damaged_files(data: bytes) -> None:
    with contextlib.suppress(InvalidRequest):
        audio = decode(data, max_seconds=MAX_SECONDS)
        assert 0 < len(audio.pcm) <= MAX_SECONDS * audio.rate_hz * 2
    with contextlib.suppress(InvalidRequest):
        decoder = Decoder(max_seconds=MAX_SECONDS)
        pcm = decoder.feed(data[:777]) + decoder.feed(data[777:]) + decoder.finish()
        assert 0 < len(pcm) <= MAX_SECONDS * decoder.rate_hz * 2
