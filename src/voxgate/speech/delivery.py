"""Speech for an answer that is read to its end: a whole text in, one encoded stream out.

A provider's own file in exactly the wanted format passes through untouched; all else is encoded here. A long
text is cut into pieces at sentence ends. They are spoken one after the other; while one is being delivered
the next is already being made, and no more than that, so a reader that stops reading stops its own
synthesis.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterable

from voxgate.audio.format import AudioFormat, pcm_duration_s
from voxgate.audio.stretch import Stretcher
from voxgate.errors import Overloaded
from voxgate.providers.contract import AudioChunk
from voxgate.speech.receipt import Outcome
from voxgate.speech.run import RunEncoder
from voxgate.speech.speaker import Speaker
from voxgate.speech.stream import SpeechStream
from voxgate.speech.utterance import Utterance

SLOWEST_SPOKEN = 0.55
"""Speeds below are reached by stretching. espeak gets to 0.47, and stand-ins are up to 1/9 slower."""

_BATCH_MS = 1000
_INLINE_S = 0.1
"""The most audio that is encoded in one turn of the event loop; more goes to a thread."""


def split_speed(speed: float) -> tuple[float, float]:
    """Split a speed into what the voice is asked for and the ratio to stretch its audio by."""
    if speed >= SLOWEST_SPOKEN:
        return speed, 1.0
    return SLOWEST_SPOKEN, speed / SLOWEST_SPOKEN


class Delivery:
    """Speaks utterances one after the other and encodes them as one stream. For one reader.

    Whoever begins it calls `cancel` in the end, whatever happened: nothing goes on being made for nobody.

    Args:
        speaker: speaks.
        utterances: in order, at least one.
        target: what comes out.
        stretch: ratio of speeds to stretch by, keeping the pitch; see `split_speed`.

    Attributes:
        spoken_by: compound name of the voice that speaks; known once `begin` has returned.
        cancelled: `cancel` was called before all was delivered.
        audio_s: seconds of audio encoded so far.
    """

    def __init__(
        self, speaker: Speaker, utterances: Iterable[Utterance], target: AudioFormat, *, stretch: float = 1.0
    ) -> None:
        self.spoken_by = ""
        self.cancelled = False
        self._speaker = speaker
        self._waiting = iter(utterances)
        self._current: SpeechStream | None = None
        self._ahead: SpeechStream | None = None
        self._batch: AudioChunk | None = None
        self._encoding = Encoding(target, stretch)

    @property
    def audio_s(self) -> float:
        """Seconds of audio encoded so far, stretching included."""
        return self._encoding.audio_s

    async def begin(self) -> None:
        """Start to speak, and return when there is audio: what goes wrong until then is raised here.

        Raises:
            VoxgateError: as the Speaker's streams fail.
        """
        self._current = self._speak_next()
        self._batch = await self._next_batch()

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        """Yield the encoded audio as it is made; it just ends when cancelled.

        Raises:
            VoxgateError: speech failed half-way; what was yielded is not whole.
        """
        while self._batch is not None and not self.cancelled:
            if encoded := await self._encode(self._batch):
                yield encoded
            self._batch = await self._next_batch()
        if not self.cancelled and (encoded := self._encoding.finish()):
            yield encoded

    def cancel(self) -> None:
        """Stop at once: providers are told in this very call. Nothing if all was delivered."""
        for stream in (self._current, self._ahead):
            if stream is not None:
                self.cancelled = True
                stream.cancel()

    def _speak_next(self) -> SpeechStream | None:
        utterance = next(self._waiting, None)
        return None if utterance is None or self.cancelled else self._speaker.speak(utterance)

    async def _next_batch(self) -> AudioChunk | None:
        """Wait for audio and take all that is there, up to a second. None when all was taken."""
        while (stream := self._current) is not None:
            chunk = await anext(stream, None)
            if self.cancelled:
                return None
            if chunk is None:
                _check_not_stopped(stream)
                self._current, self._ahead = self._ahead or self._speak_next(), None
            elif chunk.pcm:
                self._ahead = self._ahead or self._speak_next()
                if not self.spoken_by:
                    self.spoken_by = stream.spoken_by
                    return chunk  # the very first goes out by itself: the sooner it is heard
                return _with_more(chunk, stream)
        return None

    async def _encode(self, batch: AudioChunk) -> bytes:
        if batch.coded is not None:
            return self._encoding.pass_on(batch)
        if pcm_duration_s(len(batch.pcm), batch.rate_hz) <= _INLINE_S:
            return self._encoding.feed(batch)
        return await asyncio.to_thread(self._encoding.feed, batch)


def _with_more(chunk: AudioChunk, stream: SpeechStream) -> AudioChunk:
    pieces, rate_hz = [chunk.pcm], chunk.rate_hz
    for _ in range(_BATCH_MS // 100 - 1):
        more = stream.take()
        if more is None:
            break
        pieces.append(more.pcm)
    return AudioChunk(b"".join(pieces), rate_hz, coded=chunk.coded)


def _check_not_stopped(stream: SpeechStream) -> None:
    """Tell an end from being cancelled by somebody else: the Speaker, when the server stops."""
    if stream.receipt.done() and stream.receipt.result().outcome is Outcome.CANCELLED:
        raise Overloaded("The server is about to stop")


class Encoding:
    """Stretches and encodes PCM, also when its rate changes because another provider goes on.

    Args:
        target: what comes out.
        stretch: ratio of speeds to stretch by, keeping the pitch; see `split_speed`.

    Attributes:
        audio_s: seconds of audio encoded so far.
    """

    def __init__(self, target: AudioFormat, stretch: float) -> None:
        self.audio_s = 0.0
        self._stretch = stretch
        self._stretcher: Stretcher | None = None
        self._rate_hz = 0
        self._run = RunEncoder(target)

    def feed(self, chunk: AudioChunk) -> bytes:
        """Encode the next piece; return what is ready, perhaps nothing."""
        rest = b""
        if chunk.rate_hz != self._rate_hz:
            rest = self._run_out()
            self._rate_hz = chunk.rate_hz
            self._stretcher = Stretcher(chunk.rate_hz, self._stretch) if self._stretch != 1.0 else None
        pcm = self._stretcher.feed(chunk.pcm) if self._stretcher else chunk.pcm
        return rest + self._coded(pcm)

    def pass_on(self, chunk: AudioChunk) -> bytes:
        """Hand on bytes of a finished file: there is nothing to be done to them."""
        self.audio_s += chunk.duration_s
        return chunk.pcm

    def finish(self) -> bytes:
        """Return what was held back."""
        return self._run_out() + self._run.finish()

    def _run_out(self) -> bytes:
        """Encode what the stretcher has held back."""
        stretcher, self._stretcher = self._stretcher, None
        return self._coded(stretcher.finish()) if stretcher else b""

    def _coded(self, pcm: bytes) -> bytes:
        if not pcm:
            return b""
        self.audio_s += pcm_duration_s(len(pcm), self._rate_hz)
        encoded = self._run.encode(AudioChunk(pcm, self._rate_hz))
        self._run.mark_sent()
        return encoded
