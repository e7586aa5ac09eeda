"""The audio of one ``voxgate say``, brought to its speed and to the output's rate as one stream."""

from __future__ import annotations

from voxgate.audio.format import BYTES_PER_SAMPLE, pcm_duration_s
from voxgate.audio.resample import Resampler
from voxgate.audio.stretch import Stretcher
from voxgate.providers.contract import AudioChunk


class Track:
    """PCM of a voice in, PCM for the outputs out.

    Args:
        rate_hz: of what comes out.
        stretch: ratio of speeds to stretch by.
    """

    def __init__(self, rate_hz: int, stretch: float = 1.0) -> None:
        self._target_hz = rate_hz
        self._stretch = stretch
        self._source_hz = 0
        self._given_bytes = 0
        self._stretcher: Stretcher | None = None
        self._resampler: Resampler | None = None

    @property
    def duration_s(self) -> float:
        """Seconds that came out so far."""
        return pcm_duration_s(self._given_bytes, self._target_hz)

    def feed(self, chunk: AudioChunk) -> bytes:
        """Take the next audio. Its rate may change, when another voice goes on."""
        rest = b""
        if chunk.rate_hz != self._source_hz or self._resampler is None:
            rest = self.finish()
            self._source_hz = chunk.rate_hz
            self._stretcher = Stretcher(chunk.rate_hz, self._stretch) if self._stretch != 1.0 else None
            self._resampler = Resampler(chunk.rate_hz, self._target_hz)
        pcm = self._stretcher.feed(chunk.pcm) if self._stretcher else chunk.pcm
        return rest + self._counted(self._resampler.feed(pcm))

    def finish(self) -> bytes:
        """Return the rest."""
        if self._resampler is None:
            return b""
        tail = self._resampler.feed(self._stretcher.finish()) if self._stretcher else b""
        rest = self._counted(tail + self._resampler.flush())
        self._resampler = self._stretcher = None
        return rest

    def _counted(self, pcm: bytes) -> bytes:
        assert len(pcm) % BYTES_PER_SAMPLE == 0  # noqa: S101 - the resampler gives whole samples
        self._given_bytes += len(pcm)
        return pcm
