"""Changing the rate of s16le mono PCM, with FFmpeg's swresample."""

from __future__ import annotations

from voxgate.audio.format import BYTES_PER_SAMPLE
from voxgate.audio.libav import FilterGraph, frame_from_pcm

_TAIL_S = 0.02
"""Silence given to the filter at the end; longer than its reach (1.5 ms at 22.05 kHz, 4 ms at 8 kHz)."""


class Resampler:
    """Changes the rate of one stream.

    Any chunking of the input, odd byte counts included, gives the same bytes as one piece. The output is
    not delayed against the input and lasts exactly as long: ``ceil(samples * target_hz / source_hz)``
    samples in all.

    Args:
        source_hz: rate of the input.
        target_hz: rate of the output; equal rates pass samples through untouched.
    """

    def __init__(self, source_hz: int, target_hz: int) -> None:
        self._source_hz = source_hz
        self._target_hz = target_hz
        self._odd_byte = b""
        self._taken = 0
        self._given = 0
        self._filter = None if source_hz == target_hz else FilterGraph(source_hz, "s16", "mono", target_hz)

    def feed(self, pcm: bytes) -> bytes:
        """Take the next piece; return what is ready, always whole samples."""
        whole = self._whole_samples(pcm)
        if self._filter is None or not whole:
            return whole
        self._taken += len(whole) // BYTES_PER_SAMPLE
        ready = self._filter.push(frame_from_pcm(whole, self._source_hz))
        self._given += len(ready) // BYTES_PER_SAMPLE
        return ready

    def flush(self) -> bytes:
        """Return the rest and free the filter; a lone last byte, half a sample, is dropped."""
        if self._filter is None:
            return b""
        filter_, self._filter = self._filter, None
        missing = -(-self._taken * self._target_hz // self._source_hz) - self._given
        silence = bytes(BYTES_PER_SAMPLE * int(_TAIL_S * self._source_hz))
        tail = filter_.push(frame_from_pcm(silence, self._source_hz))
        return tail[: BYTES_PER_SAMPLE * missing]

    def _whole_samples(self, pcm: bytes) -> bytes:
        joined = self._odd_byte + pcm if self._odd_byte else pcm
        cut = len(joined) - len(joined) % BYTES_PER_SAMPLE
        self._odd_byte = joined[cut:]
        return joined[:cut]
