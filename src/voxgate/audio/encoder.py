"""From PCM to the bytes a client asked for.

An encoder serves one run: audio that belongs together, from its first byte to a flush. It keeps state, so
that any chunking of the input, odd byte counts and empty pieces included, gives the same bytes as one
piece. It may be used from any thread, but by one at a time; the codecs release the GIL.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np

from voxgate.audio import flac, g711, wav
from voxgate.audio.aac import AacEncoder
from voxgate.audio.format import BYTES_PER_SAMPLE, AudioFormat, Codec, Container
from voxgate.audio.mp3 import Mp3Encoder
from voxgate.audio.opus import OpusEncoder
from voxgate.audio.resample import Resampler
from voxgate.audio.vorbis import VorbisEncoder
from voxgate.errors import UnsupportedFormat


class Encoder(Protocol):
    """Encodes one run."""

    def feed(self, pcm: bytes) -> bytes:
        """Take the next piece of s16le mono PCM; return what is ready, perhaps nothing."""
        ...

    def finish(self) -> bytes:
        """Return the rest and free the codec; the encoder is of no use afterwards."""
        ...


def open_encoder(target: AudioFormat, source_hz: int, *, continues: int = 0) -> Encoder:
    """Return an encoder of PCM at ``source_hz``, resampling included, for one run of a client's stream.

    Args:
        target: what comes out.
        source_hz: rate of the PCM that will be fed.
        continues: how many runs of the same stream were sent before; True means one. A later run of WAV
            writes no second header. MP3 and ADTS runs join as one stream in any case, as do bare samples.
            Ogg and FLAC begin a new chained stream; an Ogg stream is numbered by this count, and the
            numbers in one chain must differ.
    """
    return _ResamplingEncoder(Resampler(source_hz, target.rate_hz), _open_codec(target, int(continues)))


def encode_whole(pcm: bytes, source_hz: int, target: AudioFormat) -> bytes:
    """Return a whole reply as one file; the headers of WAV and FLAC get its exact size."""
    resampler, codec = Resampler(source_hz, target.rate_hz), _open_codec(target, 0)
    samples = resampler.feed(pcm) + resampler.flush()
    file = codec.feed(samples) + codec.finish()
    match target.container:
        case Container.WAV:
            return wav.with_exact_sizes(file)
        case Container.FLAC if file:
            return flac.with_exact_length(file, len(samples) // BYTES_PER_SAMPLE)
        case _:
            return file


def _open_codec(target: AudioFormat, runs_before: int) -> Encoder:
    match target.codec, target.container:
        case Codec.PCM_S16LE, Container.RAW:
            return _SampleEncoder(_same)
        case Codec.PCM_S32LE, Container.RAW:
            return _SampleEncoder(_widen_to_32_bits)
        case Codec.PCM_S16LE, Container.WAV:
            return _SampleEncoder(_same, b"" if runs_before else wav.header(target.rate_hz, 16))
        case Codec.PCM_S32LE, Container.WAV:
            return _SampleEncoder(_widen_to_32_bits, b"" if runs_before else wav.header(target.rate_hz, 32))
        case Codec.MULAW, Container.RAW:
            return _SampleEncoder(g711.encode_mulaw)
        case Codec.ALAW, Container.RAW:
            return _SampleEncoder(g711.encode_alaw)
        case Codec.MP3, Container.RAW:
            return Mp3Encoder(target)
        case Codec.OPUS, Container.OGG:
            return OpusEncoder(target, serial=1 + runs_before)
        case Codec.VORBIS, Container.OGG:
            return VorbisEncoder(target, serial=1 + runs_before)
        case Codec.FLAC, Container.FLAC:
            return flac.FlacEncoder(target)
        case Codec.AAC, Container.ADTS:
            return AacEncoder(target)
        case _:
            raise UnsupportedFormat(f"{target.codec} in {target.container} has no encoder")


def _same(pcm: bytes) -> bytes:
    return pcm


def _widen_to_32_bits(pcm: bytes) -> bytes:
    return (np.frombuffer(pcm, dtype="<i2").astype("<i4") << 16).tobytes()


class _SampleEncoder:
    """Codes each sample by itself, after an optional header."""

    def __init__(self, code: Callable[[bytes], bytes], header: bytes = b"") -> None:
        self._code = code
        self._header = header

    def feed(self, pcm: bytes) -> bytes:
        if not pcm:
            return b""
        header, self._header = self._header, b""
        return header + self._code(pcm)

    def finish(self) -> bytes:
        header, self._header = self._header, b""
        return header


class _ResamplingEncoder:
    """Brings PCM to the codec's rate, in whole samples."""

    def __init__(self, resampler: Resampler, codec: Encoder) -> None:
        self._resampler = resampler
        self._codec = codec

    def feed(self, pcm: bytes) -> bytes:
        return self._codec.feed(self._resampler.feed(pcm))

    def finish(self) -> bytes:
        return self._codec.feed(self._resampler.flush()) + self._codec.finish()
