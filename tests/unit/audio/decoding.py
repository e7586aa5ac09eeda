"""Decoders that are not voxgate's own, for what its encoders make."""

from __future__ import annotations

import io
from typing import cast

import av
import numpy as np
import soundfile  # type: ignore[import-untyped]

from voxgate.audio import flac, g711
from voxgate.audio.format import AudioFormat, Codec, Container


def decode_independently(data: bytes, target: AudioFormat) -> tuple[bytes, int]:
    """PCM and its rate: by libsndfile what FFmpeg or voxgate wrote, by FFmpeg what others wrote."""
    match target.codec, target.container:
        case Codec.PCM_S16LE, Container.RAW:
            return data, target.rate_hz
        case Codec.PCM_S32LE, Container.RAW:
            return (np.frombuffer(data, "<i4") >> 16).astype("<i2").tobytes(), target.rate_hz
        case Codec.MULAW, _:
            return g711.decode_mulaw(data), target.rate_hz
        case Codec.ALAW, _:
            return g711.decode_alaw(data), target.rate_hz
        case ((Codec.AAC | Codec.VORBIS | Codec.MP3), _):
            return by_ffmpeg(data)
        case Codec.FLAC, _:
            # libsndfile stumbles at the end of a stream whose header does not say where it is.
            samples = len(by_ffmpeg(data)[0]) // 2
            return by_libsndfile(flac.with_exact_length(data, samples))
        case _:
            return by_libsndfile(data)


def by_libsndfile(data: bytes) -> tuple[bytes, int]:
    with soundfile.SoundFile(io.BytesIO(data)) as file:
        return bytes(file.buffer_read(dtype="int16")), file.samplerate


def by_ffmpeg(data: bytes) -> tuple[bytes, int]:
    with cast("av.container.InputContainer", av.open(io.BytesIO(data))) as container:
        stream = container.streams.audio[0]
        resampler = av.AudioResampler(format="s16", layout="mono", rate=stream.rate)
        frames = [out for frame in container.decode(stream) for out in resampler.resample(frame)]
        return b"".join(frame.to_ndarray().tobytes() for frame in frames), stream.rate
