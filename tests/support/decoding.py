"""Decodes what vendors' formats carry with FFmpeg, which our encoders do not all come from."""

from __future__ import annotations

import io

import av
import numpy as np

_SILENT = 500
"""The amplitude below which a codec's echo of what is to come may be."""


def decoded(audio: bytes, container: str, rate_hz: int = 0) -> tuple[bytes, int]:
    """Return s16le mono PCM, without the silence that codecs put before it, and its rate.

    Args:
        audio: a whole file, or bare samples.
        container: FFmpeg's name of it; ``mulaw`` and ``alaw`` mean bare samples.
        rate_hz: of bare samples.
    """
    options = {"sample_rate": str(rate_hz)} if container in ("mulaw", "alaw") else {}
    with av.open(io.BytesIO(audio), "r", format=container, options=options) as file:
        stream = file.streams.audio[0]
        resampler = av.AudioResampler(format="s16", layout="mono", rate=stream.rate)
        frames = [made for frame in file.decode(stream) for made in resampler.resample(frame)]
        frames += resampler.resample(None)
        samples = np.concatenate([frame.to_ndarray().reshape(-1) for frame in frames])
    sounds = np.abs(samples.astype(int)) > _SILENT
    return samples[int(sounds.argmax()) :].astype("<i2").tobytes(), stream.rate
