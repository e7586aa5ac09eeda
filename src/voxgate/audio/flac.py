"""FLAC in its own container, by FFmpeg."""

from __future__ import annotations

import struct

from voxgate.audio.format import AudioFormat
from voxgate.audio.libav import PacketEncoder

_LAST_BLOCK_STREAMINFO = 0x80
_RATE_AT = 18
"""Where 64 bits begin of which the last 36 are the number of samples; 0 there means unknown."""
_LENGTH_MASK = (1 << 36) - 1


class FlacEncoder:
    """One run: a stream of its own with the shortest header there is (length unknown, no tags, no padding).

    Args:
        target: a FLAC format.
    """

    def __init__(self, target: AudioFormat) -> None:
        # About 50 ms, so that sound begins soon; FFmpeg would take 105 ms.
        frame_samples = 1024 if target.rate_hz <= 24000 else 2048 if target.rate_hz <= 48000 else 4096
        self._codec: PacketEncoder | None = PacketEncoder(
            "flac", target.rate_hz, options={"frame_size": str(frame_samples)}
        )
        self._header = _stream_header(self._codec.header)

    def feed(self, pcm: bytes) -> bytes:
        """Take whole samples; return the frames that are complete."""
        return self._after_header(self._codec.feed(pcm)) if pcm and self._codec else b""

    def finish(self) -> bytes:
        """Return the last frames and free the codec."""
        if self._codec is None:
            return b""
        codec, self._codec = self._codec, None
        return self._after_header(codec.finish())

    def _after_header(self, frames: list[bytes]) -> bytes:
        if not frames:
            return b""
        header, self._header = self._header, b""
        return header + b"".join(frames)


def with_exact_length(file: bytes, samples: int) -> bytes:
    """Return a finished stream with its length in the header (36 bits of STREAMINFO)."""
    field = struct.unpack_from(">Q", file, _RATE_AT)[0]
    return file[:_RATE_AT] + struct.pack(">Q", field & ~_LENGTH_MASK | samples) + file[_RATE_AT + 8 :]


def _stream_header(stream_info: bytes) -> bytes:
    """The magic word and the one metadata block that must be there (source: RFC 9639, section 8)."""
    length = struct.pack(">I", len(stream_info))[1:]
    return b"fLaC" + bytes([_LAST_BLOCK_STREAMINFO]) + length + stream_info
