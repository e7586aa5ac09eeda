"""Ogg pages, read back by the rules of RFC 3533."""

from __future__ import annotations

import struct

import pytest

from voxgate.audio import ogg


def slow_checksum(page: bytes) -> int:
    """The sum, bit by bit, as the RFC describes it."""
    register = 0
    for byte in page:
        register ^= byte << 24
        for _ in range(8):
            register = (register << 1 ^ (0x04C11DB7 if register >> 31 else 0)) & 0xFFFFFFFF
    return register


def take_apart(page: bytes) -> tuple[int, int, int, int, list[bytes]]:
    """Kind, position, serial, number and packets of one page, its checksum proved."""
    magic, version, kind, position, serial, number, checksum, segments = struct.unpack_from(
        "<4sBBqIIIB", page
    )
    assert (magic, version) == (b"OggS", 0)
    assert checksum == slow_checksum(page[:22] + bytes(4) + page[26:])
    packets, at, packet = [], 27 + segments, b""
    for size in page[27 : 27 + segments]:
        packet += page[at : at + size]
        at += size
        if size < 255:
            packets.append(packet)
            packet = b""
    assert at == len(page)
    assert packet == b""
    return kind, position, serial, number, packets


@pytest.mark.parametrize("size", [0, 1, 254, 255, 256, 510, 4000])
def test_packets_survive(size: int) -> None:
    packets = [b"first", bytes(size), b"last"]
    page = ogg.PageWriter(7).page(packets, 1234)
    assert take_apart(page) == (0x02, 1234, 7, 0, packets)


def test_first_and_last_pages_are_marked_and_numbers_count_up() -> None:
    writer = ogg.PageWriter(1)
    pages = [writer.page([b"a"], 0), writer.page([b"b"], 10), writer.page([], 20, last=True)]
    assert [take_apart(page)[0] for page in pages] == [0x02, 0x00, 0x04]
    assert [take_apart(page)[3] for page in pages] == [0, 1, 2]


@pytest.mark.parametrize("piece_bytes", [1, 13, 10_000])
def test_a_new_serial_changes_nothing_else(piece_bytes: int) -> None:
    old, new = ogg.PageWriter(0xDEADBEEF), ogg.PageWriter(3)
    contents = [([b"head"], 0), ([bytes(300), b"x"], 960), ([b"end"], 1920)]
    stream = b"".join(old.page(*content) for content in contents)
    rewriter = ogg.SerialRewriter(3)
    pieces = [stream[at : at + piece_bytes] for at in range(0, len(stream), piece_bytes)]
    assert b"".join(map(rewriter.feed, pieces)) == b"".join(new.page(*content) for content in contents)
