"""From a compressed file back to s16le mono PCM.

`decode` takes whole files. `Decoder` takes a stream in pieces and gives sound while it comes, for the
formats whose frames stand alone (MP3, AAC in ADTS) and for WAV; others it keeps until the end.
"""

from __future__ import annotations

from dataclasses import dataclass

from voxgate.audio.sniff import SNIFFED_BYTES, id3_bytes
from voxgate.audio.sources import PcmSink, Source, decode_file, open_source
from voxgate.errors import InvalidRequest

DEFAULT_MAX_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class DecodedAudio:
    """What a file held.

    Attributes:
        pcm: s16le mono.
        rate_hz: of ``pcm``.
    """

    pcm: bytes
    rate_hz: int


def decode(
    data: bytes, *, rate_hz: int | None = None, max_seconds: float = DEFAULT_MAX_SECONDS
) -> DecodedAudio:
    """Decode a whole MP3, WAV, Ogg, FLAC, AAC (ADTS), M4A or WebM file.

    Args:
        data: the file.
        rate_hz: rate of the result; None keeps the file's own.
        max_seconds: the most sound there may be in it.

    Raises:
        InvalidRequest: it is none of these, is damaged, holds no sound, or too much of it.
    """
    sink = PcmSink(rate_hz, max_seconds)
    pcm = b"".join((*decode_file(data, sink), sink.finish()))
    if sink.empty:
        raise InvalidRequest("The file holds no sound")
    return DecodedAudio(pcm, sink.rate_hz)


class Decoder:
    """Decodes one stream as it comes; which of the formats it is shows in its first bytes.

    Every method raises `InvalidRequest` as `decode` does; a provider that decodes its upstream's reply
    turns that into an error of its own.

    Args:
        rate_hz: rate of the result; None keeps the stream's own.
        max_seconds: the most sound there may be in it.
    """

    def __init__(self, *, rate_hz: int | None = None, max_seconds: float = DEFAULT_MAX_SECONDS) -> None:
        self._sink = PcmSink(rate_hz, max_seconds)
        self._max_seconds = max_seconds
        self._head = b""
        self._skip_bytes = 0
        self._source: Source | None = None

    @property
    def rate_hz(self) -> int:
        """Of the PCM given; 0 before there is any."""
        return self._sink.rate_hz

    def feed(self, data: bytes) -> bytes:
        """Take the next piece; return the s16le mono PCM that is ready."""
        if self._source is None:
            data = self._first_frames(data)
            if not data:
                return b""
            self._source = open_source(data, self._sink, self._max_seconds)
        return self._source.feed(data)

    def finish(self) -> bytes:
        """Return the rest and free the codec."""
        if self._source is None:
            raise InvalidRequest("The stream ended before any sound")
        source, self._source = self._source, None
        rest = source.finish() + self._sink.finish()
        if self._sink.empty:
            raise InvalidRequest("The stream holds no sound")
        return rest

    def _first_frames(self, data: bytes) -> bytes:
        """What follows an ID3 tag, once it is enough to tell the format by."""
        skipped = min(self._skip_bytes, len(data))
        self._skip_bytes -= skipped
        self._head += data[skipped:]
        if len(self._head) < SNIFFED_BYTES:
            return b""
        if tag_bytes := id3_bytes(self._head):
            data, self._head, self._skip_bytes = self._head, b"", tag_bytes
            return self._first_frames(data)
        head, self._head = self._head, b""
        return head
