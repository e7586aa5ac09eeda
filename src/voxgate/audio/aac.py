"""AAC (low complexity) in ADTS, by FFmpeg."""

from __future__ import annotations

from voxgate.audio.format import AudioFormat
from voxgate.audio.libav import PacketEncoder

_HEADER_BYTES = 7
_SYNC_MPEG4_WITHOUT_CHECKSUM = 0xFFF1
_PROFILE_LOW_COMPLEXITY = 1
_MONO = 1
_BUFFER_FULLNESS_UNSTATED = 0x7FF

_CODER = "fast"
"""FFmpeg's default, twoloop, costs up to four times as much and comes no nearer to the original in speech."""

_RATE_INDEX = {
    96000: 0,
    48000: 3,
    44100: 4,
    32000: 5,
    24000: 6,
    22050: 7,
    16000: 8,
    11025: 10,
    8000: 11,
}
"""Source: ISO/IEC 14496-3, table 1.18."""


class AacEncoder:
    """One run: ADTS frames alone, so that runs join as one stream.

    The codec puts 1,024 samples of silence before the sound, and ADTS cannot say so.

    Args:
        target: an AAC format.
    """

    def __init__(self, target: AudioFormat) -> None:
        self._codec: PacketEncoder | None = PacketEncoder(
            "aac", target.rate_hz, kbps=target.coded_kbps, floats=True, options={"aac_coder": _CODER}
        )
        self._rate_index = _RATE_INDEX[target.rate_hz]

    def feed(self, pcm: bytes) -> bytes:
        """Take whole samples; return the frames that are complete."""
        return self._frames(self._codec.feed(pcm)) if pcm and self._codec else b""

    def finish(self) -> bytes:
        """Return the last frames and free the codec."""
        if self._codec is None:
            return b""
        codec, self._codec = self._codec, None
        packets = codec.finish()
        return self._frames(packets) if codec.taken_samples else b""

    def _frames(self, packets: list[bytes]) -> bytes:
        return b"".join(self._header(len(packet)) + packet for packet in packets)

    def _header(self, packet_bytes: int) -> bytes:
        """The fixed and the variable header of one frame (source: ISO/IEC 13818-7, section 6.2)."""
        bits = _SYNC_MPEG4_WITHOUT_CHECKSUM
        for value, width in (
            (_PROFILE_LOW_COMPLEXITY, 2),
            (self._rate_index, 4),
            (0, 1),  # private
            (_MONO, 3),
            (0, 4),  # original, home, and two bits of copyright
            (packet_bytes + _HEADER_BYTES, 13),
            (_BUFFER_FULLNESS_UNSTATED, 11),
            (0, 2),  # one block in the frame
        ):
            bits = bits << width | value
        return bits.to_bytes(_HEADER_BYTES, "big")
