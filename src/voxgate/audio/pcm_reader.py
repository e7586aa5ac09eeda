"""Bare samples as they come over a network: cut anywhere, now and then with a header nobody asked for.

Upstreams that promise headerless s16le mono PCM cut it at odd offsets (about one reply in five, measured live
by others), and some put a WAV header before the first piece or before every piece. Here half a sample waits
for its other half, and headers are read and taken out, wherever they stand.
"""

from __future__ import annotations

import struct

from voxgate.errors import InvalidRequest

_RIFF = b"RIFF"
_KIND = b"WAVE"
_HEADER = struct.Struct("<4sI4s")
_CHUNK = struct.Struct("<4sI")
_FMT = struct.Struct("<HHIIHH")
_MOST_HEADER_BYTES = 64 * 1024
_PCM = 1
_EXTENSIBLE = 0xFFFE


class PcmReader:
    """Reads one stream of s16le mono PCM.

    Args:
        rate_hz: as promised; a header's own word wins.

    Attributes:
        rate_hz: of the samples that `feed` returned last.
    """

    def __init__(self, rate_hz: int) -> None:
        self.rate_hz = rate_hz
        self._held = b""
        self._made = False

    def feed(self, data: bytes) -> bytes:
        """Take the next piece; return whole samples, perhaps none.

        Raises:
            InvalidRequest: a header says that these are not 16-bit mono samples, or changes the rate in
                mid-stream.
        """
        data = self._held + data
        self._held = b""
        clean = bytearray()
        while (start := data.find(_RIFF)) >= 0:
            clean += data[:start]
            length = self._header_bytes(data[start:], first=not clean and not self._made)
            if length is None:
                self._held = data[start:]
                return self._whole(clean)
            if length == 0:
                clean += _RIFF
                length = len(_RIFF)
            data = data[start + length :]
        tail = next((size for size in (3, 2, 1) if data.endswith(_RIFF[:size])), 0)
        clean += data[: len(data) - tail]
        self._held = data[len(data) - tail :]
        return self._whole(clean)

    def finish(self) -> bytes:
        """Return what was held back.

        Raises:
            InvalidRequest: the stream ended within a sample or within a header.
        """
        rest, self._held = self._held, b""
        if len(rest) % 2 or rest.startswith(_RIFF):
            raise InvalidRequest("The stream ended within a sample")
        return rest

    def _whole(self, clean: bytearray) -> bytes:
        if len(clean) % 2:
            self._held = bytes(clean[-1:]) + self._held
            del clean[-1:]
        self._made = self._made or bool(clean)
        return bytes(clean)

    def _header_bytes(self, data: bytes, *, first: bool) -> int | None:
        """Measure a header: None when more bytes must come, 0 when it is none after all."""
        if len(data) < _HEADER.size:
            return None if _KIND.startswith(data[8:]) else 0
        if data[8 : _HEADER.size] != _KIND:
            return 0
        position = _HEADER.size
        while len(data) >= position + _CHUNK.size:
            name, size = _CHUNK.unpack_from(data, position)
            position += _CHUNK.size
            if name == b"data":
                return position
            if name == b"fmt ":
                if len(data) < position + _FMT.size:
                    return None
                self._check(_FMT.unpack_from(data, position), first=first)
            position += size + size % 2
            if position > _MOST_HEADER_BYTES:
                raise InvalidRequest("A WAV header in the stream never ends")
        return None

    def _check(self, fields: tuple[int, ...], *, first: bool) -> None:
        tag, channels, rate_hz, _, _, bits = fields
        if tag not in (_PCM, _EXTENSIBLE) or channels != 1 or bits != 16:
            raise InvalidRequest(
                f"Expected 16-bit mono samples, not tag {tag}, {channels} channels, {bits} bits"
            )
        if rate_hz != self.rate_hz and not first:
            raise InvalidRequest("The stream changes its rate on the way")
        self.rate_hz = rate_hz
