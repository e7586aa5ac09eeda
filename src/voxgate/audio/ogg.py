"""Ogg pages (RFC 3533): writing them, and giving written ones another serial number."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence

_HEADER = struct.Struct("<4sBBqIIIB")
_SERIAL_AT = 14
_CHECKSUM_AT = 22
_FIRST_PAGE = 0x02
_LAST_PAGE = 0x04
_SEGMENT_BYTES = 255

_BITS_REVERSED = bytes(int(f"{value:08b}"[::-1], 2) for value in range(256))


def checksum(page: bytes) -> int:
    """CRC-32 as Ogg has it (polynomial 0x04C11DB7, most significant bit first, no inversion).

    zlib computes the same sum over bits in reverse order, and in C.
    """
    reversed_sum = zlib.crc32(page.translate(_BITS_REVERSED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int.from_bytes(reversed_sum.to_bytes(4, "little").translate(_BITS_REVERSED), "big")


class PageWriter:
    """Writes the pages of one logical stream, whole packets on each.

    Args:
        serial: the stream's number; streams chained one after another must not share one.
    """

    def __init__(self, serial: int) -> None:
        self._serial = serial
        self._pages = 0

    def page(self, packets: Sequence[bytes], position: int, *, last: bool = False) -> bytes:
        """Return a page.

        Args:
            packets: at most 255 segments of 255 bytes in all.
            position: samples up to the end of this page, in the codec's own count.
            last: whether the stream ends here.
        """
        lacing = b"".join(_lacing(packet) for packet in packets)
        kind = (_FIRST_PAGE if self._pages == 0 else 0) | (_LAST_PAGE if last else 0)
        header = _HEADER.pack(b"OggS", 0, kind, position, self._serial, self._pages, 0, len(lacing))
        self._pages += 1
        return _with_checksum(header + lacing + b"".join(packets))


class SerialRewriter:
    """Gives every page of a stream the same serial number, whatever it had.

    Args:
        serial: the number to write.
    """

    def __init__(self, serial: int) -> None:
        self._serial = struct.pack("<I", serial)
        self._buffer = bytearray()

    def feed(self, data: bytes) -> bytes:
        """Take the next piece of an Ogg stream; return the pages that are whole."""
        self._buffer += data
        pages: list[bytes] = []
        while size := _page_size(self._buffer):
            page = bytes(self._buffer[:size])
            del self._buffer[:size]
            pages.append(_with_checksum(page[:_SERIAL_AT] + self._serial + page[_SERIAL_AT + 4 :]))
        return b"".join(pages)


def _lacing(packet: bytes) -> bytes:
    """A packet's length in segments: 255 for each full one, and a shorter one that ends it."""
    full, rest = divmod(len(packet), _SEGMENT_BYTES)
    return bytes([_SEGMENT_BYTES] * full + [rest])


def _page_size(data: bytearray) -> int:
    """Bytes of the page at the start of ``data``; 0 while it is not all there."""
    if len(data) < _HEADER.size:
        return 0
    segments = data[_HEADER.size - 1]
    lacing = data[_HEADER.size : _HEADER.size + segments]
    size = _HEADER.size + segments + sum(lacing)
    return size if len(lacing) == segments and len(data) >= size else 0


def _with_checksum(page: bytes) -> bytes:
    blank = page[:_CHECKSUM_AT] + bytes(4) + page[_CHECKSUM_AT + 4 :]
    return blank[:_CHECKSUM_AT] + struct.pack("<I", checksum(blank)) + blank[_CHECKSUM_AT + 4 :]
