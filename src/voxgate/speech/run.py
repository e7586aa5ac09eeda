"""Runs: audio that belongs together on a client's stream, and the encoder that each has.

A run goes from its first byte to a final, an idle moment or an interruption. Encoders hold back up to 200 ms
of speech, so the front ends the run where the client should hear all of it, and throws it away where the
client should hear no more. Between runs there is no encoder: an idle connection costs none.
"""

from __future__ import annotations

from voxgate.audio.encoder import Encoder, open_encoder
from voxgate.audio.format import AudioFormat
from voxgate.providers.contract import AudioChunk

MAX_PIECE_MS = 100
"""Of audio that a front encodes in one turn of the event loop."""


class RunEncoder:
    """Encodes one client's stream, run by run.

    Args:
        target: what the client gets.
    """

    def __init__(self, target: AudioFormat) -> None:
        self._target = target
        self._encoder: Encoder | None = None
        self._source_hz = 0
        self._opened = 0
        self._sent = False

    @property
    def is_open(self) -> bool:
        """Whether a run has begun and not ended."""
        return self._encoder is not None

    def encode(self, chunk: AudioChunk) -> bytes:
        """Encode the next audio of the run, beginning one if there is none.

        Args:
            chunk: at most ``MAX_PIECE_MS``. Where its rate differs from the one before, the encoder of that
                is flushed, and the run goes on with another.

        Returns:
            What is ready, perhaps nothing.
        """
        rest = self.finish() if chunk.rate_hz != self._source_hz else b""
        if self._encoder is None:
            self._encoder = open_encoder(self._target, chunk.rate_hz, continues=self._continues)
            self._source_hz = chunk.rate_hz
            self._opened += 1
        return rest + self._encoder.feed(chunk.pcm)

    def finish(self) -> bytes:
        """End the run and return what the encoder had held back."""
        encoder, self._encoder = self._encoder, None
        return encoder.finish() if encoder is not None else b""

    def discard(self) -> None:
        """Throw the run away."""
        self._encoder = None

    def mark_sent(self) -> None:
        """Say that audio has gone out to the client: only then does a later run continue a stream.

        A run that is thrown away before any of it was sent leaves no trace, so the header it would have
        brought is still to come.
        """
        self._sent = True

    @property
    def _continues(self) -> int:
        return self._opened if self._sent else 0
