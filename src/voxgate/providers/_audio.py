"""From the bytes that an upstream sends to chunks of PCM, whatever it coded them in."""

from __future__ import annotations

from voxgate.audio.decoder import Decoder
from voxgate.audio.format import AudioFormat, Codec, Container
from voxgate.audio.pcm_reader import PcmReader
from voxgate.errors import IncompleteAudio, InvalidRequest
from voxgate.providers.contract import AudioChunk

PCM_24K = AudioFormat(Codec.PCM_S16LE, 24_000)
"""What most vendors make when they are asked for it."""


class AudioReader:
    """Reads one reply: bare samples as they are, anything else decoded, or all of it untouched.

    Args:
        vendor: for messages.
        sent: the format that was asked of the upstream.
        passthrough: hand on the bytes as they are.
    """

    def __init__(self, vendor: str, sent: AudioFormat, *, passthrough: bool = False) -> None:
        self._vendor = vendor
        self._sent = sent
        self._passthrough = passthrough
        bare = (sent.codec, sent.container) == (Codec.PCM_S16LE, Container.RAW)
        self._reader: PcmReader | Decoder = PcmReader(sent.rate_hz) if bare else Decoder()
        self._fed = False

    def feed(self, data: bytes) -> AudioChunk | None:
        """Take the next bytes; return the audio that is ready, if any.

        Raises:
            IncompleteAudio: these are not what was asked for.
        """
        self._fed = self._fed or bool(data)
        if self._passthrough:
            return AudioChunk(data, self._sent.rate_hz, coded=self._sent) if data else None
        try:
            return self._chunk(self._reader.feed(data))
        except InvalidRequest as error:
            raise self._wrong(error) from None

    def finish(self) -> AudioChunk | None:
        """Return the rest.

        Raises:
            IncompleteAudio: the reply ended within a sample or a frame, or held no sound at all.
        """
        if not self._fed:
            raise IncompleteAudio(f"{self._vendor} reported success but sent no audio")
        if self._passthrough:
            return None
        try:
            return self._chunk(self._reader.finish())
        except InvalidRequest as error:
            raise self._wrong(error) from None

    def _chunk(self, pcm: bytes) -> AudioChunk | None:
        return AudioChunk(pcm, self._reader.rate_hz) if pcm else None

    def _wrong(self, error: InvalidRequest) -> IncompleteAudio:
        return IncompleteAudio(f"{self._vendor} did not send the audio it was asked for: {error.message}")
