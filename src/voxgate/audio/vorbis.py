"""Vorbis in Ogg, by libsndfile; FFmpeg as PyAV ships it has no libvorbis."""

from __future__ import annotations

import io

import soundfile  # type: ignore[import-untyped]

from voxgate.audio.format import BYTES_PER_SAMPLE, AudioFormat
from voxgate.audio.ogg import SerialRewriter


class VorbisEncoder:
    """One run: a logical Ogg stream at libsndfile's normal quality, which is variable in bit rate.

    libsndfile fills pages of about 4 KiB before it hands them out: the headers come with the first 20 ms of
    input, but sound only after 0.5 to 2 s of it. Live listeners are better served by another format.

    Args:
        target: an Ogg Vorbis format.
        serial: the stream's number, in place of libsndfile's random one; runs chained one after another
            must not share one.
    """

    def __init__(self, target: AudioFormat, serial: int) -> None:
        self._sink = _Sink()
        self._file: soundfile.SoundFile | None = soundfile.SoundFile(
            self._sink, "w", samplerate=target.rate_hz, channels=1, format="OGG", subtype="VORBIS"
        )
        self._pages = SerialRewriter(serial)
        # Blocks of one size, because the codec decides by all that it has been given so far.
        self._block_bytes = target.rate_hz // 50 * BYTES_PER_SAMPLE
        self._buffer = bytearray()
        self._begun = False

    def feed(self, pcm: bytes) -> bytes:
        """Take whole samples; return the pages that are complete."""
        if self._file is None:
            return b""
        self._buffer += pcm
        while len(self._buffer) >= self._block_bytes:
            self._write(self._file, bytes(self._buffer[: self._block_bytes]))
            del self._buffer[: self._block_bytes]
        return self._pages.feed(self._sink.take())

    def finish(self) -> bytes:
        """Return the rest and free the codec."""
        if self._file is None:
            return b""
        file, self._file = self._file, None
        if self._buffer:
            self._write(file, bytes(self._buffer))
        file.close()
        return self._pages.feed(self._sink.take()) if self._begun else b""

    def _write(self, file: soundfile.SoundFile, pcm: bytes) -> None:
        self._begun = True
        file.buffer_write(pcm, dtype="int16")


class _Sink(io.RawIOBase):
    """A file that can only be written, from front to back; libsndfile asks for no more."""

    def __init__(self) -> None:
        super().__init__()
        self._parts: list[bytes] = []
        self._position = 0

    def write(self, data: bytes) -> int:  # type: ignore[override]  # libsndfile's wrapper passes bytes
        self._parts.append(data)
        self._position += len(data)
        return len(data)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Stay: it is only called to find the size of a new file, which is nothing."""
        return self._position

    def tell(self) -> int:
        return self._position

    def take(self) -> bytes:
        taken, self._parts = b"".join(self._parts), []
        return taken
