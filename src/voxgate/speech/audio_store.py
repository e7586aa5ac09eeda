"""Audio that is asked for now and fetched by its id, soon or while it is still being made.

It is made whether or not anybody fetches it, kept in memory for a while, and given to its tenant only.

When the store is full the oldest finished audio goes first. When only audio that is still being made is
left, the one that finds no room fails, and whoever reads it sees it end short.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncGenerator
from contextlib import aclosing

from voxgate.audio import wav
from voxgate.audio.format import AudioFormat, Codec, Container
from voxgate.clock import Clock
from voxgate.errors import NotFound, Overloaded, SynthesisError, VoxgateError
from voxgate.speech.delivery import Delivery

MAX_RUNNING = 256
"""Audio made at a time, all told; one more is refused."""


class StoredAudio:
    """One piece of audio, while it is made and afterwards. Read by any number of readers.

    Attributes:
        audio_id: its name, which nobody can guess.
        tenant: whose it is.
        audio_format: what it is.
        voice: compound name of the voice that was asked for.
        spoken_by: of the voice that speaks; empty until there is audio.
        kept_since_s: when all was made or failed, on the store's clock; None before.
        held_bytes: of audio so far.
        duration_s: of the whole; None until all was made.
        streamed: whether readers get it while it is made, or only then.
    """

    def __init__(self, tenant: str, audio_format: AudioFormat, voice: str, *, streamed: bool = True) -> None:
        self.audio_id = str(uuid.uuid4())
        self.tenant = tenant
        self.audio_format = audio_format
        self.voice = voice
        self.spoken_by = ""
        self.kept_since_s: float | None = None
        self.held_bytes = 0
        self.duration_s: float | None = None
        self.streamed = streamed
        self._parts: list[bytes] = []
        self._error: VoxgateError | None = None
        self._changed = asyncio.Event()

    @property
    def finished(self) -> bool:
        """Whether nothing more will come."""
        return self.kept_since_s is not None

    @property
    def size_bytes(self) -> int | None:
        """Of the whole; None while it is being made, or when that failed."""
        return self.held_bytes if self.finished and self._error is None else None

    async def ready(self) -> None:
        """Return when readers may begin: at once, or when all was made or failed."""
        while not self.streamed and not self.finished:
            await self._changed.wait()

    async def begin(self) -> None:
        """Return when there is audio; raises what went wrong before there was any."""
        while not self._parts and not self.finished:
            await self._changed.wait()
        if not self._parts and self._error is not None:
            raise self._error

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        """Yield the audio from its start, waiting for what is still to come.

        Raises:
            VoxgateError: speech failed half-way; what was yielded is not whole.
        """
        taken = 0
        while True:
            while taken < len(self._parts):
                taken += 1
                yield self._parts[taken - 1]
            if self.finished:
                break
            await self._changed.wait()
        if self._error is not None:
            raise self._error

    def cancel(self) -> None:
        """Do nothing: one reader has gone, others may come."""

    # The store's side.

    def add(self, part: bytes) -> None:
        """Take the next part."""
        self._parts.append(part)
        self.held_bytes += len(part)
        self._tell()

    def end(self, now_s: float, error: VoxgateError | None = None) -> None:
        """Say that all was made, or why not."""
        if error is None and self.audio_format.container is Container.WAV:
            self._parts[0] = _with_exact_sizes(self._parts[0], self.audio_format, self.held_bytes)
        self._error = error
        self.kept_since_s = now_s
        self._tell()

    def _tell(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()


class AudioStore:
    """Makes audio in the background and keeps it.

    Args:
        clock: time.
        max_bytes: kept in all, what is being made included.
        ttl_s: how long finished audio is kept.
        max_running: audio made at a time.
    """

    def __init__(self, clock: Clock, *, max_bytes: int, ttl_s: float, max_running: int = MAX_RUNNING) -> None:
        self._clock = clock
        self._max_bytes = max_bytes
        self._ttl_s = ttl_s
        self._max_running = max_running
        self._held_bytes = 0
        self._audio: dict[str, StoredAudio] = {}
        self._running: set[asyncio.Task[None]] = set()

    @property
    def held_bytes(self) -> int:
        """Of all audio here."""
        return self._held_bytes

    def make(self, delivery: Delivery, audio: StoredAudio) -> None:
        """Begin to make audio, which can be fetched from now on.

        Raises:
            Overloaded: too much is being made already; ``delivery`` was not begun.
        """
        if len(self._running) >= self._max_running:
            raise Overloaded("The server makes as much audio at a time as it can", retry_after_s=1.0)
        self._forget_expired()
        self._audio[audio.audio_id] = audio
        task = asyncio.create_task(self._make(delivery, audio), name=f"audio-{audio.audio_id}")
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    def find(self, audio_id: str, tenant: str) -> StoredAudio:
        """Return audio by its id; raises `NotFound` when there is none, or it is another tenant's."""
        self._forget_expired()
        audio = self._audio.get(audio_id)
        if audio is None or audio.tenant != tenant:
            raise NotFound("There is no audio with this id, or it is not kept any more")
        return audio

    async def wait(self) -> None:
        """Wait until nothing is being made."""
        while self._running:
            await asyncio.wait(self._running)

    async def _make(self, delivery: Delivery, audio: StoredAudio) -> None:
        error: VoxgateError | None = SynthesisError("Speech could not be made because of an internal error")
        try:
            await self._take(delivery, audio)
            audio.duration_s = delivery.audio_s
            error = None
        except VoxgateError as failure:
            error = failure
        finally:  # also on a bug of ours, or nobody would ever tell the readers
            delivery.cancel()
            audio.end(self._clock.now_s(), error)

    async def _take(self, delivery: Delivery, audio: StoredAudio) -> None:
        await delivery.begin()
        audio.spoken_by = delivery.spoken_by
        async with aclosing(delivery.chunks()) as parts:
            async for part in parts:
                self._make_room(len(part))
                self._held_bytes += len(part)
                audio.add(part)

    def _make_room(self, wanted_bytes: int) -> None:
        """Let go of finished audio, the oldest first; raises `Overloaded` when that is not enough."""
        while self._held_bytes + wanted_bytes > self._max_bytes:
            oldest = next((audio for audio in self._audio.values() if audio.finished), None)
            if oldest is None:
                raise Overloaded("There is no room to keep this audio")
            self._forget(oldest)

    def _forget_expired(self) -> None:
        expired_s = self._clock.now_s() - self._ttl_s
        for audio in tuple(self._audio.values()):
            if audio.kept_since_s is not None and audio.kept_since_s <= expired_s:
                self._forget(audio)

    def _forget(self, audio: StoredAudio) -> None:
        del self._audio[audio.audio_id]
        self._held_bytes -= audio.held_bytes


_BITS = {Codec.PCM_S16LE: 16, Codec.PCM_S32LE: 32}


def _with_exact_sizes(part: bytes, audio_format: AudioFormat, file_bytes: int) -> bytes:
    """Give a WAV file's first part the header that could not be written before its length was known."""
    data_bytes = file_bytes - wav.HEADER_BYTES
    header = wav.header(audio_format.rate_hz, _BITS[audio_format.codec], data_bytes)
    return header + part[wav.HEADER_BYTES :]
