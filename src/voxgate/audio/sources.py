"""The ways in which `voxgate.audio.decoder` gets sound out of bytes."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Protocol, TypeAlias, cast

import av

from voxgate.audio.format import BYTES_PER_SAMPLE
from voxgate.audio.libav import FilterGraph
from voxgate.audio.resample import Resampler
from voxgate.audio.sniff import SNIFFED_BYTES, demuxer_name, id3_bytes
from voxgate.audio.wav_reader import WavReader
from voxgate.errors import InvalidRequest

_LEAST_RATE_HZ = 1000
_MOST_RATE_HZ = 768000
_MOST_BYTES_A_SECOND = 600_000
"""FLAC of two channels of 24 bits at 96 kHz; what is kept until the end is bounded by it."""


class PcmSink:
    """Brings decoded frames to s16le mono at one rate, and says when it was enough.

    Args:
        rate_hz: rate of the result; None takes the first frame's.
        max_seconds: `InvalidRequest` is raised beyond it.
    """

    def __init__(self, rate_hz: int | None, max_seconds: float) -> None:
        self.rate_hz = rate_hz or 0
        self._max_seconds = max_seconds
        self._given_bytes = 0
        self._kind: tuple[int, str, str] | None = None
        self._mixer: FilterGraph | None = None
        self._resampler: Resampler | None = None

    @property
    def empty(self) -> bool:
        """Whether there was no sound yet."""
        return not self._given_bytes

    def take(self, frame: av.AudioFrame) -> bytes:
        """Take the next frame; return the PCM that is ready."""
        kind = (frame.sample_rate, frame.format.name, frame.layout.name)
        before = b""
        if self._mixer is None or self._resampler is None or kind != self._kind:
            before = self._drain()  # a chained stream may change in the middle
            self._mixer, self._resampler = self._open(*kind)
            self._kind = kind
        frame.pts = None
        return self._count(before + self._resampler.feed(self._mixer.push(frame)))

    def pass_on(self, pcm: bytes) -> bytes:
        """Count PCM that needs no work, and return it."""
        return self._count(pcm)

    def finish(self) -> bytes:
        """Return what the resampler still holds."""
        return self._count(self._drain())

    def _drain(self) -> bytes:
        resampler, self._resampler, self._mixer = self._resampler, None, None
        return resampler.flush() if resampler else b""

    def _open(self, rate_hz: int, sample_format: str, layout: str) -> tuple[FilterGraph, Resampler]:
        _check_rate(rate_hz)
        self.rate_hz = self.rate_hz or rate_hz
        return FilterGraph(rate_hz, sample_format, layout, rate_hz), Resampler(rate_hz, self.rate_hz)

    def _count(self, pcm: bytes) -> bytes:
        self._given_bytes += len(pcm)
        if pcm and self._given_bytes > self._max_seconds * self.rate_hz * BYTES_PER_SAMPLE:
            raise InvalidRequest(f"There are more than {self._max_seconds:g} seconds of sound in it")
        return pcm


def _check_rate(rate_hz: int) -> None:
    """Raise `InvalidRequest` for a rate that no sound has."""
    if not _LEAST_RATE_HZ <= rate_hz <= _MOST_RATE_HZ:
        raise InvalidRequest(f"A rate of {rate_hz} Hz is not understood")


class Source(Protocol):
    """Turns a stream into PCM, through a `PcmSink`."""

    def feed(self, data: bytes) -> bytes:
        """Take the next piece; return the PCM that is ready."""
        ...

    def finish(self) -> bytes:
        """Return the rest and free the codec."""
        ...


def open_source(head: bytes, sink: PcmSink, max_seconds: float) -> Source:
    """Return what decodes a stream that begins with ``head``; `InvalidRequest` when nothing does."""
    match demuxer_name(head):
        case "wav":
            return _WavSource(sink)
        case "mp3" | "aac" as codec:
            return _FrameSource(codec, sink)
        case _:
            return _WholeSource(sink, int(max_seconds * _MOST_BYTES_A_SECOND))


class _WavSource:
    """RIFF WAVE, by our own reader."""

    def __init__(self, sink: PcmSink) -> None:
        self._sink = sink
        self._reader = WavReader()
        self._resampler: Resampler | None = None

    def feed(self, data: bytes) -> bytes:
        pcm = self._reader.feed(data)
        if self._resampler is None:
            if not self._reader.rate_hz:
                return b""
            _check_rate(self._reader.rate_hz)
            self._sink.rate_hz = self._sink.rate_hz or self._reader.rate_hz
            self._resampler = Resampler(self._reader.rate_hz, self._sink.rate_hz)
        return self._sink.pass_on(self._resampler.feed(pcm))

    def finish(self) -> bytes:
        if self._resampler is None:
            raise InvalidRequest("The stream ended before any sound")
        return self._sink.pass_on(self._resampler.flush())


_Packet: TypeAlias = "av.Packet[av.AudioStream]"


class _FrameSource:
    """A codec whose frames can be found in a bare stream, by FFmpeg's parsers.

    FLAC is not among them: its parser loses the first frames of a short stream.
    """

    def __init__(self, codec: str, sink: PcmSink) -> None:
        self._context = cast("av.AudioCodecContext", av.CodecContext.create(codec, "r"))
        self._context.thread_count = 1
        self._sink = sink

    def feed(self, data: bytes) -> bytes:
        return b"".join(self._frames(packet) for packet in self._parse(data)) if data else b""

    def finish(self) -> bytes:
        parts = []
        while packets := self._parse(b""):  # a parser gives back one at a time
            parts += [self._frames(packet) for packet in packets]
        return b"".join((*parts, self._frames(None)))

    def _parse(self, data: bytes) -> list[_Packet]:
        try:
            return self._context.parse(data)
        except av.FFmpegError as error:
            raise InvalidRequest("The stream is damaged") from error

    def _frames(self, packet: _Packet | None) -> bytes:
        try:
            return b"".join(self._sink.take(frame) for frame in self._context.decode(packet))
        except av.FFmpegError as error:
            raise InvalidRequest("The stream is damaged") from error


class _WholeSource:
    """A container that has to be there as a whole."""

    def __init__(self, sink: PcmSink, max_bytes: int) -> None:
        self._sink = sink
        self._max_bytes = max_bytes
        self._data = bytearray()

    def feed(self, data: bytes) -> bytes:
        self._data += data
        if len(self._data) > self._max_bytes:
            raise InvalidRequest("There is more data than so many seconds of sound can need")
        return b""

    def finish(self) -> bytes:
        data, self._data = bytes(self._data), bytearray()
        return b"".join(decode_file(data, self._sink))


def decode_file(data: bytes, sink: PcmSink) -> Iterator[bytes]:
    """Yield a whole file's PCM, frame by frame, so that the sink can stop it."""
    name = demuxer_name(data[id3_bytes(data) :][:SNIFFED_BYTES])
    try:
        file = av.open(io.BytesIO(data), format=name, metadata_errors="replace")
        with cast("av.container.InputContainer", file) as container:
            stream = next(iter(container.streams.audio), None)
            # PyAV leaves out the codec context where FFmpeg has no decoder; its type says otherwise.
            if stream is None or stream.codec_context is None:
                raise InvalidRequest("The file holds no sound that can be decoded")
            stream.codec_context.thread_count = 1
            for frame in container.decode(stream):
                yield sink.take(frame)
    except av.FFmpegError as error:
        raise InvalidRequest("The file is damaged, or coded in a way not known here") from error
