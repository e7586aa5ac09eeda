"""Opus in Ogg (RFC 7845), by libopus."""

from __future__ import annotations

import struct

from voxgate.audio.format import AudioFormat
from voxgate.audio.libav import PacketEncoder
from voxgate.audio.ogg import PageWriter

_CLOCK_HZ = 48000
"""Ogg Opus counts time at 48 kHz, whatever the input's rate."""

_PACKETS_A_PAGE = 5
"""100 ms. The first page has a single packet, so that sound begins after 20 ms of input."""

_COMPLEXITY = "5"
"""Half way; 10 costs three times as much for little that speech can show."""

_VENDOR = b"voxgate"


class OpusEncoder:
    """One run: a logical Ogg stream that lasts exactly as long as its input.

    Args:
        target: an Ogg Opus format.
        serial: the stream's number; runs chained one after another must not share one.
    """

    def __init__(self, target: AudioFormat, serial: int) -> None:
        self._codec: PacketEncoder | None = PacketEncoder(
            "libopus",
            target.rate_hz,
            kbps=target.coded_kbps,
            options={"compression_level": _COMPLEXITY},
        )
        self._packet_clocks = self._codec.frame_samples * _CLOCK_HZ // target.rate_hz
        self._pre_skip: int = struct.unpack_from("<H", self._codec.header, 10)[0]
        self._rate_hz = target.rate_hz
        self._pages = PageWriter(serial)
        self._position = 0
        self._waiting: list[bytes] = []
        self._begun = False

    def feed(self, pcm: bytes) -> bytes:
        """Take whole samples; return the pages that are complete."""
        if not pcm or self._codec is None:
            return b""
        self._waiting += self._codec.feed(pcm)
        return self._full_pages(self._codec.header) if self._waiting else b""

    def finish(self) -> bytes:
        """Return the rest, cut to the input's length, and free libopus."""
        if self._codec is None:
            return b""
        codec, self._codec = self._codec, None
        self._waiting += codec.finish()
        if not codec.taken_samples:
            return b""
        # The codec looks ahead, so a packet always comes last that reaches beyond the end of the input;
        # the last page's position cuts that off.
        last = self._waiting.pop()
        pages = self._full_pages(codec.header)
        end = self._pre_skip + codec.taken_samples * _CLOCK_HZ // self._rate_hz
        return pages + self._pages.page([*self._waiting, last], end, last=True)

    def _full_pages(self, head: bytes) -> bytes:
        """All pages that are complete, the headers first."""
        pages: list[bytes] = []
        if not self._begun:
            self._begun = True
            pages += [self._pages.page([packet], 0) for packet in (head, _comment_header())]
        taken = 0
        while len(self._waiting) - taken >= self._page_packets():
            packets = self._waiting[taken : taken + self._page_packets()]
            taken += len(packets)
            self._position += len(packets) * self._packet_clocks
            pages.append(self._pages.page(packets, self._position))
        del self._waiting[:taken]
        return b"".join(pages)

    def _page_packets(self) -> int:
        return _PACKETS_A_PAGE if self._position else 1


def _comment_header() -> bytes:
    """Who made it, and no tags."""
    return b"OpusTags" + struct.pack("<I", len(_VENDOR)) + _VENDOR + struct.pack("<I", 0)
