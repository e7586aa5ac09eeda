"""MP3 at a constant bit rate, by LAME."""

from __future__ import annotations

import lameenc

from voxgate.audio.format import AudioFormat

_QUALITY = 7
"""LAME's scale, 0 slowest to 9 fastest. 7 costs a third of 2."""


class Mp3Encoder:
    """One run: frames alone, without ID3 tag and without LAME's Info frame, so that runs join as one stream.

    The run's first frame reaches back into no earlier one (the bit reservoir starts empty), so each run
    decodes on its own. First bytes come after 30 ms (48 kHz) to 100 ms (8 kHz) of input.

    Args:
        target: an MP3 format; LAME is given PCM at its rate, so it never resamples.
    """

    def __init__(self, target: AudioFormat) -> None:
        self._target = target
        self._lame: lameenc.Encoder | None = None

    def feed(self, pcm: bytes) -> bytes:
        """Take whole samples; return the frames that are complete."""
        if not pcm:
            return b""
        if self._lame is None:
            self._lame = self._open()
        return bytes(self._lame.encode(pcm))

    def finish(self) -> bytes:
        """Return the last frames and free LAME."""
        if self._lame is None:
            return b""
        lame, self._lame = self._lame, None
        return bytes(lame.flush())

    def _open(self) -> lameenc.Encoder:
        lame = lameenc.Encoder()
        lame.silence()
        lame.set_channels(1)
        lame.set_in_sample_rate(self._target.rate_hz)
        lame.set_out_sample_rate(self._target.rate_hz)
        lame.set_bit_rate(self._target.coded_kbps)
        lame.set_quality(_QUALITY)
        return lame
