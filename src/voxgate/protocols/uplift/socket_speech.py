"""The audio of one request: a text of any length in, one encoded file out, taken as it is wanted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from voxgate.audio.format import BYTES_PER_SAMPLE, AudioFormat, Codec
from voxgate.errors import Overloaded, VoxgateError
from voxgate.providers.contract import AudioChunk
from voxgate.speech.delivery import Encoding
from voxgate.speech.receipt import Outcome
from voxgate.speech.speaker import Speaker
from voxgate.speech.stream import SpeechStream
from voxgate.speech.utterance import Utterance

PIECE_MS = 90
"""Of audio encoded at a time: at 22,050 Hz and 16 bits a little under 4 KiB, a header included."""


CONNECTION_BYTES = 1 << 20
"""Of audio that may wait for the reader of one connection, all its requests together."""
STREAM_BYTES = 96 * 1024
"""Of these for one stream: what an engine is read in at a time, and what waits for the writer besides. A
request has two at times, one to speak what comes next; with what the socket holds they make 256 KiB."""


class HeldAudio:
    """Counts how much audio of one connection may wait for its reader.

    Each stream of a request that runs gets `STREAM_BYTES`; only where there is ample room a second one speaks
    ahead. Of eight requests together that is at most `CONNECTION_BYTES`.
    """

    def __init__(self) -> None:
        self._left = CONNECTION_BYTES

    @property
    def is_ample(self) -> bool:
        """Whether there is enough to make something ahead of its time."""
        return self._left > CONNECTION_BYTES // 2

    def take(self) -> int:
        """Give a stream its share, in bytes."""
        self._left -= STREAM_BYTES
        return STREAM_BYTES

    def give_back(self) -> None:
        """Take back the share of a stream that is over."""
        self._left += STREAM_BYTES


@dataclass(frozen=True, slots=True)
class SpeechPlan:
    """How a request is to be spoken, once.

    Attributes:
        parts: what to speak, one after the other; see `voxgate.speech.routing.Router.parts`.
        target: what the client gets.
        stretch: ratio of speeds to stretch the audio by; see `voxgate.speech.delivery.split_speed`.
    """

    parts: Iterator[Utterance]
    target: AudioFormat
    stretch: float = 1.0


class RequestSpeech:
    """Speaks the parts of a text one after the other and encodes them as one file.

    A provider's own file in exactly the wanted format passes through untouched.

    Args:
        speaker: speaks.
        plan: what, and how.
        wake: called whenever `take` may have more to say.
        held: of the connection.

    Attributes:
        over: nothing more will come.
        error: why not, when it failed; what was made before it has been taken.
    """

    def __init__(self, speaker: Speaker, plan: SpeechPlan, wake: Callable[[], None], held: HeldAudio) -> None:
        self.over = False
        self.error: VoxgateError | None = None
        self._speaker = speaker
        self._wake = wake
        self._held = held
        self._waiting = plan.parts
        self._encoding = Encoding(plan.target, plan.stretch)
        self._piece_ms = PIECE_MS // 2 if plan.target.codec is Codec.PCM_S32LE else PIECE_MS
        self._ahead: SpeechStream | None = None
        self._current: SpeechStream | None = self._speak_next()

    def take(self) -> bytes | None:
        """Encode the next `PIECE_MS` of what is there; may be empty, when the encoder holds it back.

        After None, ``over`` says whether any more can come. The last audio comes with ``over``.
        """
        stream = self._current
        if stream is None:
            return None
        chunk = _next_piece(stream, self._piece_ms)
        if chunk is not None:
            if self._ahead is None and self._held.is_ample:
                self._ahead = self._speak_next()
            return self._encoding.feed(chunk) if chunk.coded is None else self._encoding.pass_on(chunk)
        if not stream.over:
            return None
        if stream.receipt.result().outcome is not Outcome.COMPLETED:
            self.cancel()
            self.error = stream.error or Overloaded("The server is about to stop")
            return None
        self._held.give_back()
        self._current, self._ahead = self._ahead or self._speak_next(), None
        if self._current is None:
            self.over = True
            return self._encoding.finish()
        return self.take()

    def cancel(self) -> None:
        """Stop at once: providers are told in this very call."""
        self.over = True
        for stream in (self._current, self._ahead):
            if stream is not None:
                stream.watch(None)
                stream.cancel()
                self._held.give_back()
        self._current = self._ahead = None

    def _speak_next(self) -> SpeechStream | None:
        utterance = next(self._waiting, None)
        if utterance is None:
            return None
        stream = self._speaker.speak(replace(utterance, hold_bytes=self._held.take()))
        stream.watch(self._wake)
        return stream


def _next_piece(stream: SpeechStream, limit_ms: int) -> AudioChunk | None:
    """Take up to ``limit_ms`` of what is there, in one piece."""
    chunk = stream.take(limit_ms)
    if chunk is None or chunk.coded is not None:
        return chunk
    pieces, left_ms = [chunk.pcm], limit_ms - _duration_ms(chunk)
    while left_ms > 0 and (more := stream.take(left_ms)) is not None:
        pieces.append(more.pcm)
        left_ms -= _duration_ms(more)
    return AudioChunk(b"".join(pieces), chunk.rate_hz) if len(pieces) > 1 else chunk


def _duration_ms(chunk: AudioChunk) -> int:
    """Whole milliseconds, at least one, so that taking comes to an end."""
    return max(1, len(chunk.pcm) * 1000 // (BYTES_PER_SAMPLE * chunk.rate_hz))
