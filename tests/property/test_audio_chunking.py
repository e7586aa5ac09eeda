"""However a stream is cut into pieces, the same bytes come out."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.audio.signals import noise
from voxgate.audio.decoder import Decoder
from voxgate.audio.encoder import encode_whole, open_encoder
from voxgate.audio.format import RATES_HZ, AudioFormat, Codec, Container
from voxgate.audio.resample import Resampler
from voxgate.audio.stretch import Stretcher

FORMATS = [
    AudioFormat(codec, rate_hz, container)
    for (codec, container), rates in RATES_HZ.items()
    for rate_hz in sorted(rates)
]

# Empty pieces, odd ones, and ones longer than any codec's frame.
piece_sizes = st.lists(
    st.one_of(st.integers(0, 9), st.integers(0, 700), st.sampled_from([882, 1764, 2400, 9001])),
    min_size=1,
    max_size=40,
)


def in_pieces(
    pcm: bytes, sizes: list[int], feed: Callable[[bytes], bytes], finish: Callable[[], bytes]
) -> bytes:
    """Feed ``pcm`` cut into these sizes, and what remains as one piece."""
    out = []
    for size in sizes:
        piece, pcm = pcm[:size], pcm[size:]
        out.append(feed(piece))
    return b"".join([*out, feed(pcm), finish()])


@settings(max_examples=60, deadline=None)
@given(
    sizes=piece_sizes,
    samples=st.integers(0, 8000),
    rates_hz=st.sampled_from([(22050, 8000), (8000, 22050), (24000, 16000), (11025, 96000), (16000, 16000)]),
)
def test_resampling(sizes: list[int], samples: int, rates_hz: tuple[int, int]) -> None:
    pcm = noise(samples)
    whole, cut = Resampler(*rates_hz), Resampler(*rates_hz)
    assert in_pieces(pcm, sizes, cut.feed, cut.flush) == whole.feed(pcm) + whole.flush()


@pytest.mark.parametrize("target", FORMATS, ids=lambda f: f"{f.codec}-{f.container}-{f.rate_hz}")
@settings(max_examples=10, deadline=None)
@given(sizes=piece_sizes, samples=st.integers(0, 9000), source_hz=st.sampled_from([22050, 24000, 16000]))
def test_encoding(target: AudioFormat, sizes: list[int], samples: int, source_hz: int) -> None:
    pcm = noise(samples)
    whole, cut = open_encoder(target, source_hz), open_encoder(target, source_hz)
    assert in_pieces(pcm, sizes, cut.feed, cut.finish) == whole.feed(pcm) + whole.finish()


@settings(max_examples=25, deadline=None)
@given(
    sizes=piece_sizes,
    samples=st.integers(0, 9000),
    speed=st.sampled_from([0.25, 0.37, 0.5, 1.0, 1.3, 4.0]),
    rate_hz=st.sampled_from([8000, 22050]),
)
def test_stretching(sizes: list[int], samples: int, speed: float, rate_hz: int) -> None:
    pcm = noise(samples)
    whole, cut = Stretcher(rate_hz, speed), Stretcher(rate_hz, speed)
    assert in_pieces(pcm, sizes, cut.feed, cut.finish) == whole.feed(pcm) + whole.finish()


@pytest.mark.parametrize(
    "source",
    [
        AudioFormat(Codec.PCM_S16LE, 22050, Container.WAV),
        AudioFormat(Codec.PCM_S32LE, 22050, Container.WAV),
        AudioFormat(Codec.MP3, 22050),
        AudioFormat(Codec.AAC, 22050, Container.ADTS),
        AudioFormat(Codec.FLAC, 22050, Container.FLAC),
        AudioFormat(Codec.OPUS, 24000, Container.OGG),
        AudioFormat(Codec.VORBIS, 22050, Container.OGG),
    ],
    ids=lambda f: f"{f.codec}-{f.container}",
)
@settings(max_examples=15, deadline=None)
@given(sizes=piece_sizes, samples=st.integers(1, 9000), rate_hz=st.sampled_from([None, 16000]))
def test_decoding(source: AudioFormat, sizes: list[int], samples: int, rate_hz: int | None) -> None:
    file = encode_whole(noise(samples), 22050, source)
    whole, cut = Decoder(rate_hz=rate_hz), Decoder(rate_hz=rate_hz)
    assert in_pieces(file, sizes, cut.feed, cut.finish) == whole.feed(file) + whole.finish()


@settings(max_examples=15, deadline=None)
@given(sizes=piece_sizes, samples=st.integers(0, 9000))
def test_a_trailing_half_sample_changes_nothing(sizes: list[int], samples: int) -> None:
    pcm = noise(samples)
    for codec in (Codec.PCM_S16LE, Codec.PCM_S32LE, Codec.MULAW, Codec.MP3):
        target = AudioFormat(codec, 8000, Container.RAW)
        whole, cut = open_encoder(target, 22050), open_encoder(target, 22050)
        assert in_pieces(pcm + b"\x55", sizes, cut.feed, cut.finish) == whole.feed(pcm) + whole.finish()
