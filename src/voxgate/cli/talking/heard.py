"""What of the agent's voice was heard when, as one stretch of audio. Pure."""

from __future__ import annotations

from voxgate.audio.format import BYTES_PER_SAMPLE

LATE_S = 0.2
"""By which audio may come late and still be taken to follow without a pause."""


class Heard:
    """Audio as it comes in, audio as it was heard out, with silence where nothing was said.

    Args:
        rate_hz: of the audio, s16le mono PCM.
    """

    def __init__(self, rate_hz: int) -> None:
        self._rate_hz = rate_hz
        self._given = 0  # samples that were given out
        self._ahead = bytearray()  # that came, and will be heard later than now

    @property
    def duration_s(self) -> float:
        """Seconds that were given out."""
        return self._given / self._rate_hz

    def feed(self, pcm: bytes, now_s: float) -> bytes:
        """Take the next audio; returns what was heard by now.

        Args:
            pcm: whole samples.
            now_s: since the call began.
        """
        heard = self.until(now_s)
        if not self._ahead and now_s - self.duration_s > LATE_S:
            heard += self._counted(bytes(BYTES_PER_SAMPLE * (int(now_s * self._rate_hz) - self._given)))
        self._ahead += pcm
        return heard

    def until(self, now_s: float) -> bytes:
        """Return what was heard by now and not given out yet."""
        due = max(0, int(now_s * self._rate_hz) - self._given) * BYTES_PER_SAMPLE
        heard = bytes(self._ahead[:due])
        del self._ahead[:due]
        return self._counted(heard)

    def interrupt(self, now_s: float) -> bytes:
        """Forget what would be heard later than now; returns what was heard before."""
        heard = self.until(now_s)
        self._ahead.clear()
        return heard

    def finish(self) -> bytes:
        """Return the rest."""
        rest = bytes(self._ahead)
        self._ahead.clear()
        return self._counted(rest)

    def _counted(self, pcm: bytes) -> bytes:
        self._given += len(pcm) // BYTES_PER_SAMPLE
        return pcm
