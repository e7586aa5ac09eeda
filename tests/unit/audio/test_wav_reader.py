"""Finding samples in WAV files of every make."""

from __future__ import annotations

import struct

import numpy as np
import pytest

from tests.unit.audio.signals import from_pcm, noise
from voxgate.audio import g711, wav
from voxgate.audio.wav_reader import WavReader
from voxgate.errors import InvalidRequest

PCM = noise(500)


def chunk(name: bytes, body: bytes, size: int | None = None) -> bytes:
    return name + struct.pack("<I", len(body) if size is None else size) + body + bytes(len(body) % 2)


def fmt(tag: int = 1, channels: int = 1, rate_hz: int = 16000, bits: int = 16, more: bytes = b"") -> bytes:
    block = channels * bits // 8
    return chunk(b"fmt ", struct.pack("<HHIIHH", tag, channels, rate_hz, rate_hz * block, block, bits) + more)


def riff(*chunks: bytes, size: int | None = None) -> bytes:
    body = b"WAVE" + b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(body) if size is None else size) + body


def read(file: bytes) -> bytes:
    return WavReader().feed(file)


def test_what_is_written_here_is_read_here() -> None:
    reader = WavReader()
    assert reader.feed(wav.header(24000, 16, len(PCM)) + PCM) == PCM
    assert reader.rate_hz == 24000
    assert reader.complete


@pytest.mark.parametrize(
    "file",
    [
        pytest.param(riff(chunk(b"LIST", b"odd"), fmt(), chunk(b"data", PCM)), id="odd chunk first"),
        pytest.param(riff(fmt(more=b"\0\0"), chunk(b"fact", b"1234"), chunk(b"data", PCM)), id="18-byte fmt"),
        pytest.param(riff(fmt(), chunk(b"data", PCM), chunk(b"LIST", b"artist")), id="tags after"),
        pytest.param(riff(fmt(), chunk(b"data", PCM, 0xFFFFFFFF), size=0xFFFFFFFF), id="unknown sizes"),
        pytest.param(riff(fmt(), chunk(b"data", PCM, 0), size=0), id="sizes of zero"),
        pytest.param(riff(fmt(), chunk(b"data", PCM, 0x7FFFF000), size=0x7FFFF024), id="SoX to a pipe"),
        pytest.param(riff(chunk(b"JUNK", bytes(5000)), fmt(), chunk(b"data", PCM)), id="a long chunk"),
        pytest.param(
            riff(fmt(0xFFFE, more=struct.pack("<HHIH", 22, 16, 4, 1) + bytes(14)), chunk(b"data", PCM)),
            id="extensible",
        ),
    ],
)
@pytest.mark.parametrize("piece_bytes", [1, 7, 100_000])
def test_headers_of_every_make_in_any_pieces(file: bytes, piece_bytes: int) -> None:
    reader = WavReader()
    out = b"".join(reader.feed(file[at : at + piece_bytes]) for at in range(0, len(file), piece_bytes))
    assert out == PCM
    assert reader.complete


def test_a_stream_cut_short_is_not_complete() -> None:
    reader = WavReader()
    assert reader.feed(riff(fmt(), chunk(b"data", PCM))[:-100]) == PCM[:-100]
    assert not reader.complete
    assert not WavReader().complete


def test_an_empty_file_is_complete() -> None:
    reader = WavReader()
    assert reader.feed(wav.header(8000, 16, 0) + b"LIST") == b""
    assert reader.complete


WAVE = from_pcm(PCM)


@pytest.mark.parametrize(
    ("tag", "bits", "data", "tolerance"),
    [
        (1, 8, (np.round(WAVE / 256) + 128).astype("u1").tobytes(), 128),
        (1, 24, b"".join(b"\0" + PCM[at : at + 2] for at in range(0, len(PCM), 2)), 0),
        (1, 32, (WAVE.astype("<i4") * 65536).tobytes(), 0),
        (3, 32, (WAVE / 32768).astype("<f4").tobytes(), 0),
        (3, 64, (WAVE / 32768).astype("<f8").tobytes(), 0),
        (6, 8, g711.encode_alaw(PCM), 600),
        (7, 8, g711.encode_mulaw(PCM), 600),
    ],
    ids=lambda value: str(value) if isinstance(value, int) else "",
)
def test_other_codings_of_samples(tag: int, bits: int, data: bytes, tolerance: int) -> None:
    out = from_pcm(read(riff(fmt(tag, 1, 16000, bits), chunk(b"data", data))))
    assert np.abs(out - WAVE).max() <= tolerance


def test_channels_are_mixed() -> None:
    stereo = np.stack([WAVE, -WAVE / 2], axis=1).astype("<i2").tobytes()
    out = from_pcm(read(riff(fmt(channels=2), chunk(b"data", stereo))))
    assert np.abs(out - WAVE / 4).max() <= 1


def test_floats_beyond_full_scale_are_clipped_and_nonsense_is_silence() -> None:
    data = np.array([2.0, -2.0, np.nan], dtype="<f4").tobytes()
    assert from_pcm(read(riff(fmt(3, 1, 16000, 32), chunk(b"data", data)))).tolist() == [32767, -32768, 0]


@pytest.mark.parametrize(
    "file",
    [
        pytest.param(b"OggS" + bytes(40), id="not RIFF"),
        pytest.param(b"RIFF\0\0\0\0AVI " + bytes(40), id="not WAVE"),
        pytest.param(riff(chunk(b"data", PCM)), id="no fmt"),
        pytest.param(riff(chunk(b"fmt ", b"abc")), id="short fmt"),
        pytest.param(riff(chunk(b"fmt ", bytes(8), 10**6)), id="huge fmt"),
        pytest.param(riff(fmt(tag=85), chunk(b"data", PCM)), id="MP3 in WAV"),
        pytest.param(riff(fmt(rate_hz=0), chunk(b"data", PCM)), id="no rate"),
        pytest.param(riff(fmt(channels=0), chunk(b"data", PCM)), id="no channels"),
    ],
)
def test_what_cannot_be_read_is_refused(file: bytes) -> None:
    with pytest.raises(InvalidRequest):
        read(file)
