"""Telling what kind of audio file something is, by its first bytes."""

from __future__ import annotations

from voxgate.errors import InvalidRequest

SNIFFED_BYTES = 16
"""As many bytes tell the kind."""

_ID3_HEADER_BYTES = 10
_DEMUXERS = {
    b"RIFF": "wav",
    b"RF64": "wav",
    b"OggS": "ogg",
    b"fLaC": "flac",
    b"\x1aE\xdf\xa3": "matroska",
}
"""First four bytes, and FFmpeg's demuxer. It is never left to FFmpeg to guess: some of its demuxers read
playlists, and would open whatever file or address an upload names."""


def demuxer_name(data: bytes) -> str:
    """FFmpeg's name for the format that begins with these bytes, without an ID3 tag before it.

    Raises `InvalidRequest` for one not known here.
    """
    if data[4:8] == b"ftyp":
        return "mp4"
    if name := _DEMUXERS.get(data[:4]):
        return name
    if len(data) >= 2 and data[0] == 0xFF:
        if data[1] & 0xF6 == 0xF0:
            return "aac"  # ADTS: twelve bits of sync, layer 0
        if data[1] & 0xE0 == 0xE0 and data[1] & 0x06:
            return "mp3"
    raise InvalidRequest("This is no audio file of a kind known here")


def id3_bytes(data: bytes) -> int:
    """Return the length of the ID3v2 tag that ``data`` begins with; 0 when there is none."""
    if data[:3] != b"ID3" or len(data) < _ID3_HEADER_BYTES:
        return 0
    size = 0
    for byte in data[6:_ID3_HEADER_BYTES]:  # four times seven bits
        size = size << 7 | byte & 0x7F
    return _ID3_HEADER_BYTES + size
