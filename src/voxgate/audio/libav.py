"""FFmpeg's frames, filters and encoders, reached through PyAV."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import cast

import av
import av.filter
import numpy as np

from voxgate.audio.format import BYTES_PER_SAMPLE


def frame_from_pcm(pcm: bytes, rate_hz: int) -> av.AudioFrame:
    """Return an FFmpeg frame of whole s16le mono samples."""
    frame = av.AudioFrame(format="s16", layout="mono", samples=len(pcm) // BYTES_PER_SAMPLE)
    frame.sample_rate = rate_hz
    frame.planes[0].update(pcm)
    return frame


def pcm_from_frame(frame: av.AudioFrame) -> bytes:
    """Return the s16le samples of a frame in format s16, mono; its buffer may be longer."""
    return bytes(frame.planes[0])[: frame.samples * BYTES_PER_SAMPLE]


class FilterGraph:
    """Turns frames of one kind into s16le mono PCM at a rate, with swresample.

    Built by hand, because `av.AudioResampler` of PyAV before 19 starts a thread for every core.

    Args:
        rate_hz: of the frames.
        sample_format: of the frames, by FFmpeg's name.
        layout: of the frames' channels, by FFmpeg's name; several are mixed into one.
        target_hz: rate of the output.
    """

    def __init__(self, rate_hz: int, sample_format: str, layout: str, target_hz: int) -> None:
        graph = av.filter.Graph()
        graph.threads = 1
        self._source = graph.add(
            "abuffer",
            sample_rate=str(rate_hz),
            sample_fmt=sample_format,
            channel_layout=layout,
            time_base=f"1/{rate_hz}",
        )
        self._sink = graph.add("abuffersink")
        graph.link_nodes(
            self._source,
            graph.add("aresample", osr=str(target_hz)),
            graph.add("aformat", sample_fmts="s16", sample_rates=str(target_hz), channel_layouts="mono"),
            self._sink,
        ).configure()
        self._graph = graph  # owns the filters

    def push(self, frame: av.AudioFrame | None) -> bytes:
        """Take a frame, or None for the end; return the samples that are ready."""
        self._source.push(frame)
        ready: list[bytes] = []
        while True:
            try:
                out = self._sink.pull()
            except (BlockingIOError, EOFError):
                return b"".join(ready)
            if isinstance(out, av.AudioFrame):  # it always is
                ready.append(pcm_from_frame(out))


def _float_frame_from_pcm(pcm: bytes, rate_hz: int) -> av.AudioFrame:
    samples = np.frombuffer(pcm, dtype="<i2").astype(np.float32) / 32768
    frame = av.AudioFrame(format="fltp", layout="mono", samples=samples.size)
    frame.sample_rate = rate_hz
    frame.planes[0].update(samples.tobytes())
    return frame


class PacketEncoder:
    """One of FFmpeg's audio encoders: PCM in, packets without any container out.

    It is fed in frames of its own size from a buffer, so that chunking never shows in the packets; only
    the last frame may be shorter.

    Args:
        name: FFmpeg's name of the encoder.
        rate_hz: of the PCM and of the encoder.
        kbps: bit rate; None for a lossless codec.
        floats: whether the encoder takes floating point instead of 16-bit samples.
        options: the encoder's own options, by FFmpeg's names.
    """

    def __init__(
        self,
        name: str,
        rate_hz: int,
        *,
        kbps: int | None = None,
        floats: bool = False,
        options: Mapping[str, str] | None = None,
    ) -> None:
        context = cast("av.AudioCodecContext", av.CodecContext.create(name, "w"))
        context.sample_rate = rate_hz
        context.layout = "mono"
        context.format = "fltp" if floats else "s16"
        context.thread_count = 1
        if kbps is not None:
            context.bit_rate = kbps * 1000
        context.options = dict(options or {})
        context.open()
        self.header = bytes(context.extradata or b"")
        """What the codec wants a container to say of it."""
        self.frame_samples = context.frame_size
        # PyAV before 19 puts a filter graph with a thread for every core before a codec; this goes around it.
        self._send = cast(
            "Callable[[av.AudioFrame | None], Iterable[av.Packet[av.AudioStream]]]",
            getattr(context, "_send_frame_and_recv", context.encode),
        )
        self._rate_hz = rate_hz
        self._make_frame = _float_frame_from_pcm if floats else frame_from_pcm
        self._buffer = bytearray()
        self.taken_samples = 0

    def feed(self, pcm: bytes) -> list[bytes]:
        """Take whole samples; return the packets that are complete."""
        self._buffer += pcm
        packets: list[bytes] = []
        frame_bytes = self.frame_samples * BYTES_PER_SAMPLE
        while len(self._buffer) >= frame_bytes:
            packets += self._encode(bytes(self._buffer[:frame_bytes]))
            del self._buffer[:frame_bytes]
        return packets

    def finish(self) -> list[bytes]:
        """Encode what is left, and return the last packets."""
        packets = self._encode(bytes(self._buffer)) if self._buffer else []
        self._buffer.clear()
        return packets + [bytes(packet) for packet in self._send(None) if packet.size]

    def _encode(self, pcm: bytes) -> list[bytes]:
        frame = self._make_frame(pcm, self._rate_hz)
        frame.pts = self.taken_samples
        self.taken_samples += frame.samples
        return [bytes(packet) for packet in self._send(frame) if packet.size]
