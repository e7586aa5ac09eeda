"""The running synthesis of one utterance, as its consumer sees it.

The pump (in `voxgate.speech.speaker`) puts audio in; one consumer takes it out, either without waiting
(`SpeechStream.take`, with `SpeechStream.watch` to learn when to try again) or by iterating. Between them
stand at most ``BUFFER_BYTES`` of PCM: when it is full the pump waits, and the provider with it, so a reader
that stops reading stops its own synthesis and nobody else's.

A stream ends in exactly one of three ways, and exactly one Receipt tells which: all its audio was taken
(completed), its error was reached (failed), or `SpeechStream.cancel` was called (cancelled).
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from enum import Enum, auto

from voxgate.audio.format import BYTES_PER_SAMPLE
from voxgate.clock import Clock
from voxgate.errors import VoxgateError
from voxgate.providers.contract import Abort, AudioChunk, UpstreamFacts
from voxgate.speech.receipt import Outcome, Receipt
from voxgate.speech.utterance import Utterance

BUFFER_BYTES = 32 * 1024
"""Of PCM held for a consumer that is behind; then the provider waits. Together with what an engine's job
holds (`voxgate.engines.job.BUFFER_BYTES`) it makes the 256 KiB that one stream may cost."""


class _State(Enum):
    RUNNING = auto()
    MADE = auto()  # all audio is in the buffer
    FAILED = auto()  # an error stands behind what is in the buffer
    OVER = auto()  # the Receipt is out


class SpeechStream:
    """Audio of one utterance, while it is being made. Made by `voxgate.speech.speaker.Speaker.speak`.

    Attributes:
        utterance: what was asked for.
        utterance_id: unique within the process.
        spoken_by: compound name of the voice that speaks, known from the first audio on.
        cached: whether the cache answers; known from the first audio on.
        first_audio_ms: from ``speak`` to the first audio; None before it.
        error: why it failed; set once the audio made before the failure was taken.
        receipt: resolves to the Receipt.
    """

    def __init__(
        self,
        utterance: Utterance,
        utterance_id: int,
        clock: Clock,
        on_receipt: Callable[[Receipt], None],
    ) -> None:
        self.utterance = utterance
        self.utterance_id = utterance_id
        self.spoken_by = str(utterance.voice)
        self.provider = ""
        self.cached = False
        self.text_is_written = False
        self.characters_accepted = len(utterance.text)
        self.characters_sent = 0
        self.cost: float | None = None
        self._characters_told: int | None = None
        self._request_id: str | None = None
        self.first_audio_ms: float | None = None
        self.error: VoxgateError | None = None
        self.receipt: asyncio.Future[Receipt] = asyncio.get_running_loop().create_future()
        self.abort = Abort()
        self._clock = clock
        self._began_s = clock.now_s()
        self._on_receipt = on_receipt
        self._state = _State.RUNNING
        self._failure: VoxgateError | None = None
        self._chunks: deque[AudioChunk] = deque()
        self._taken_of_first = 0
        self._held_bytes = 0
        self._room = asyncio.Event()
        self._room.set()
        self._watcher: Callable[[], None] | None = None
        self._made_s = 0.0
        self._delivered_s = 0.0
        self._task: asyncio.Task[None] | None = None

    # The consumer's side.

    @property
    def over(self) -> bool:
        """Whether nothing more will come: completed, failed (see ``error``) or cancelled."""
        return self._state is _State.OVER

    def take(self, limit_ms: int = 100) -> AudioChunk | None:
        """Take up to ``limit_ms`` of audio, or None when none is waiting just now.

        After None, ``over`` says whether any more can come.
        """
        if not self._chunks:
            self._settle()
            return None
        chunk, begin = self._chunks[0], self._taken_of_first
        end = begin + chunk.rate_hz * limit_ms // 1000 * BYTES_PER_SAMPLE
        if end >= len(chunk.pcm) or chunk.coded is not None:
            self._chunks.popleft()
            self._taken_of_first = 0
        else:
            self._taken_of_first = end
        # The words go out with the first piece.
        pcm = chunk.pcm[begin:end] if chunk.coded is None else chunk.pcm
        piece = AudioChunk(pcm, chunk.rate_hz, chunk.words if begin == 0 else (), coded=chunk.coded)
        self._held_bytes -= len(piece.pcm)
        self._delivered_s += piece.duration_s
        if self._held_bytes < BUFFER_BYTES:
            self._room.set()
        self._settle()
        return piece

    def watch(self, callback: Callable[[], None] | None) -> None:
        """Have ``callback`` called (on the loop, it must not block) whenever `take` may have more to say."""
        self._watcher = callback

    def cancel(self) -> None:
        """Stop at once: nothing more can be taken, the provider is told in this very call."""
        if self._state is _State.OVER:
            return
        self._chunks.clear()
        self._held_bytes = 0
        self.abort.abort()
        self._stop_pump()
        self._finish(Outcome.CANCELLED)

    def __aiter__(self) -> SpeechStream:
        return self

    async def __anext__(self) -> AudioChunk:
        while True:
            chunk = self.take()
            if chunk is not None:
                return chunk
            if self.error is not None:
                raise self.error
            if self.over:
                raise StopAsyncIteration
            changed = asyncio.Event()
            self.watch(changed.set)
            await changed.wait()
            self.watch(None)

    # The pump's side.

    def attach(self, task: asyncio.Task[None]) -> None:
        """Tie the stream to the task that fills it, so that `cancel` can end it."""
        self._task = task

    async def put(self, chunk: AudioChunk, *, shared: bool = False) -> None:
        """Add audio, waiting for room; ``shared`` audio (the cache's) takes no memory and does not wait."""
        if not chunk.pcm and not chunk.words:
            return
        if self.first_audio_ms is None and chunk.pcm:
            self.first_audio_ms = (self._clock.now_s() - self._began_s) * 1000
        self._made_s += chunk.duration_s
        self._chunks.append(chunk)
        self._held_bytes += len(chunk.pcm)
        self._notify()
        if self._held_bytes >= BUFFER_BYTES and not shared:
            self._room.clear()
            await self._room.wait()

    @property
    def characters_billed(self) -> int:
        """As the upstream told, else as many as it was sent."""
        return self.characters_sent if self._characters_told is None else self._characters_told

    def learn(self, facts: UpstreamFacts) -> None:
        """Note what the upstream told of its request; an utterance may take several."""
        self._request_id = facts.request_id or self._request_id
        if facts.characters is not None:
            self._characters_told = (self._characters_told or 0) + facts.characters

    def end(self) -> None:
        """Say that all audio was put."""
        self._close(_State.MADE)

    def fail(self, error: VoxgateError) -> None:
        """Say that no more audio comes, and why."""
        self._failure = error
        self._close(_State.FAILED)

    def _close(self, state: _State) -> None:
        if self._state is _State.RUNNING:
            self._state = state
            self._task = None
            self._settle()
            self._notify()

    # Both.

    def _settle(self) -> None:
        """Bring a stream whose audio is all taken to its end."""
        if self._chunks or self._state in (_State.RUNNING, _State.OVER):
            return
        if self._state is _State.FAILED:
            self.error = self._failure
            self._finish(Outcome.FAILED)
        else:
            self._finish(Outcome.COMPLETED)

    def _stop_pump(self) -> None:
        if self._task is not None:
            self._task.cancel()
            self._task = None

    def _notify(self) -> None:
        if self._watcher is not None:
            self._watcher()

    def _finish(self, outcome: Outcome) -> None:
        self._state = _State.OVER
        receipt = Receipt(
            utterance_id=self.utterance_id,
            tenant=self.utterance.tenant,
            voice=str(self.utterance.voice),
            spoken_by=self.spoken_by,
            provider=self.provider,
            characters_accepted=self.characters_accepted,
            characters_sent=self.characters_sent,
            characters_billed=self.characters_billed,
            cost=self.cost,
            audio_made_s=self._made_s,
            audio_delivered_s=self._delivered_s,
            first_audio_ms=self.first_audio_ms,
            cached=self.cached,
            outcome=outcome,
            error_code=self.error.code if self.error is not None else None,
            provider_request_id=(self.error and self.error.provider_request_id) or self._request_id,
        )
        if not self.receipt.done():
            self.receipt.set_result(receipt)
        self._on_receipt(receipt)
        self._notify()
