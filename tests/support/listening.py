"""Files back to samples, by FFmpeg or libsndfile; never by what coded them, but for AAC, FFmpeg's alone."""

from __future__ import annotations

import io

import av
import soundfile  # type: ignore[import-untyped]

RAW_FORMATS = {"audio/pcm": "s16le", "audio/x-mulaw": "mulaw", "audio/x-alaw": "alaw"}
"""What FFmpeg calls bare samples, by media type."""


def decode(data: bytes, media_type: str, raw_hz: int = 24_000, to_hz: int = 16_000) -> bytes:
    """Return s16le mono PCM at ``to_hz``.

    Args:
        data: a whole file.
        media_type: as the server told it.
        raw_hz: of bare samples, which do not say it themselves.
        to_hz: of the result.
    """
    if media_type == "audio/ogg":
        # FFmpeg coded Opus, so libsndfile reads it; it reads Vorbis, which it wrote, as FFmpeg would.
        with soundfile.SoundFile(io.BytesIO(data)) as file:
            data, raw_hz, media_type = bytes(file.buffer_read(dtype="int16")), file.samplerate, "audio/pcm"
    raw = RAW_FORMATS.get(media_type)
    options = {"sample_rate": str(raw_hz)} if raw else {}
    resampler = av.AudioResampler(format="s16", layout="mono", rate=to_hz)
    with av.open(io.BytesIO(data), mode="r", format=raw, options=options) as container:
        frames = [*container.decode(audio=0), None]
        return b"".join(out.to_ndarray().tobytes() for frame in frames for out in resampler.resample(frame))


def seconds(data: bytes, media_type: str, raw_hz: int = 24_000) -> float:
    """Tell how long a file sounds."""
    return len(decode(data, media_type, raw_hz)) / 2 / 16_000
