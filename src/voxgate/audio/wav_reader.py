"""Finding the samples in a RIFF WAVE stream, and bringing them to s16le mono.

Chunks are walked until ``data``; a header may be of any length and arrive in any pieces.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from voxgate.audio import g711
from voxgate.errors import InvalidRequest

_Channels = npt.NDArray[np.floating]

_RIFF_HEADER = struct.Struct("<4sI4s")
_CHUNK_HEADER = struct.Struct("<4sI")
_FMT = struct.Struct("<HHIIHH")
_MOST_FMT_BYTES = 256
_EXTENSIBLE = 0xFFFE
_SUBFORMAT_AT = 24

_UNKNOWN_FROM = 0x7FFFF000
"""Sizes from here on were written by somebody who did not know: 0x7FFFF000 (SoX), 0xFFFFFFFF (FFmpeg)."""


def _24_bits(data: bytes) -> _Channels:
    padded = np.zeros((len(data) // 3, 4), dtype=np.uint8)
    padded[:, 1:] = np.frombuffer(data, dtype=np.uint8).reshape(-1, 3)
    return padded.view("<i4")[:, 0] / 65536.0


_DECODERS: Mapping[tuple[int, int], Callable[[bytes], _Channels]] = MappingProxyType(
    {
        (1, 8): lambda data: (np.frombuffer(data, dtype=np.uint8) - 128.0) * 256,
        (1, 16): lambda data: np.frombuffer(data, dtype="<i2").astype(np.float64),
        (1, 24): _24_bits,
        (1, 32): lambda data: np.frombuffer(data, dtype="<i4") / 65536.0,
        (3, 32): lambda data: np.frombuffer(data, dtype="<f4") * 32768.0,
        (3, 64): lambda data: np.frombuffer(data, dtype="<f8") * 32768.0,
        (6, 8): lambda data: np.frombuffer(g711.decode_alaw(data), dtype="<i2").astype(np.float64),
        (7, 8): lambda data: np.frombuffer(g711.decode_mulaw(data), dtype="<i2").astype(np.float64),
    }
)
"""By format tag and bits: samples on the scale of 16-bit PCM."""


class WavReader:
    """Reads one stream.

    Raises `InvalidRequest` for what is not WAVE or is coded in a way not known here; a provider that reads
    its upstream's reply turns that into an error of its own.

    Attributes:
        rate_hz: samples a second; 0 until the header was read.
    """

    def __init__(self) -> None:
        self.rate_hz = 0
        self._buffer = bytearray()
        self._riff_size: int | None = None
        self._skip_bytes = 0
        self._channels = 0
        self._block_bytes = 0
        self._decode: Callable[[bytes], _Channels] | None = None
        self._untouched = False
        self._in_data = False
        self._left_bytes: int | None = None

    @property
    def complete(self) -> bool:
        """Whether all samples that the header promised have come; True as well when it promised none."""
        return self._in_data and (self._left_bytes is None or self._left_bytes < self._block_bytes)

    def feed(self, data: bytes) -> bytes:
        """Take the next piece of the stream; return its whole samples as s16le mono PCM."""
        self._buffer += data
        while not self._in_data and self._walk():
            pass
        return self._samples() if self._in_data else b""

    def _walk(self) -> bool:
        """Go past one chunk, or a part of it; False when that needs more bytes."""
        buffer = self._buffer
        if self._skip_bytes:
            skipped = min(self._skip_bytes, len(buffer))
            del buffer[:skipped]
            self._skip_bytes -= skipped
            return skipped > 0
        if self._riff_size is None:
            return self._read_riff_header()
        if len(buffer) < _CHUNK_HEADER.size:
            return False
        name, size = _CHUNK_HEADER.unpack_from(buffer)
        if name == b"fmt ":
            return self._read_fmt(size)
        del buffer[: _CHUNK_HEADER.size]
        if name == b"data":
            self._begin_data(size)
        else:
            self._skip_bytes = size + size % 2  # chunks are padded to an even length
        return True

    def _read_riff_header(self) -> bool:
        if len(self._buffer) < _RIFF_HEADER.size:
            return False
        name, self._riff_size, kind = _RIFF_HEADER.unpack_from(self._buffer)
        if name not in (b"RIFF", b"RF64") or kind != b"WAVE":
            raise InvalidRequest("This is not a WAV file")
        del self._buffer[: _RIFF_HEADER.size]
        return True

    def _read_fmt(self, size: int) -> bool:
        if not _FMT.size <= size <= _MOST_FMT_BYTES:
            raise InvalidRequest("The WAV file's format chunk has an impossible size")
        padded = size + size % 2
        if len(self._buffer) < _CHUNK_HEADER.size + padded:
            return False
        body = bytes(self._buffer[_CHUNK_HEADER.size : _CHUNK_HEADER.size + size])
        del self._buffer[: _CHUNK_HEADER.size + padded]
        tag, self._channels, self.rate_hz, _, self._block_bytes, bits = _FMT.unpack_from(body)
        if tag == _EXTENSIBLE and size >= _SUBFORMAT_AT + 2:
            tag = struct.unpack_from("<H", body, _SUBFORMAT_AT)[0]
        self._decode = _DECODERS.get((tag, bits))
        regular = self._channels and self.rate_hz and self._block_bytes * 8 == self._channels * bits
        if self._decode is None or not regular:
            raise InvalidRequest(f"WAV with format tag {tag} and {bits} bits is not understood")
        self._untouched = (tag, bits, self._channels) == (1, 16, 1)
        return True

    def _begin_data(self, size: int) -> None:
        if self._decode is None:
            raise InvalidRequest("The WAV file has samples before it says what they are")
        unknown = size >= _UNKNOWN_FROM or (
            size == 0 and (not self._riff_size or self._riff_size >= _UNKNOWN_FROM)
        )
        self._left_bytes = None if unknown else size
        self._in_data = True

    def _samples(self) -> bytes:
        available = len(self._buffer)
        if self._left_bytes is not None:
            available = min(available, self._left_bytes)
        taken = available - available % self._block_bytes
        data = bytes(self._buffer[:taken])
        del self._buffer[:taken]
        if self._left_bytes is not None:
            self._left_bytes -= taken
            if self.complete:
                self._buffer.clear()  # what follows is tags
        if self._untouched or self._decode is None:
            return data
        mixed: _Channels = self._decode(data).reshape(-1, self._channels).mean(axis=1)
        whole: npt.NDArray[np.int16] = np.nan_to_num(mixed).round().clip(-32768, 32767).astype("<i2")
        return whole.tobytes()
