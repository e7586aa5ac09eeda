"""The one door to speech: ``speaker.speak(utterance)`` gives a running `SpeechStream`.

For each utterance the Speaker runs one task, the pump: it asks the router who can speak, looks in the
cache, lets the first candidate speak, moves on to the next while nothing was heard and the failure may
pass, and keeps what was spoken whole. Whatever happens, the stream leaves exactly one Receipt.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import aclosing
from itertools import count

import structlog

from voxgate.clock import Clock
from voxgate.errors import IncompleteAudio, ProviderTimeout, SynthesisError, VoxgateError
from voxgate.providers.contract import AudioChunk, WordTime
from voxgate.speech.cache import CachedSpeech, CacheKey, SpeechCache
from voxgate.speech.candidate import Candidate, FindCandidates
from voxgate.speech.receipt import Receipt, ReceiptSink
from voxgate.speech.stream import SpeechStream
from voxgate.speech.utterance import Utterance
from voxgate.speech.wording import silenced, worded

PAUSE = AudioChunk(bytes(4800), 24_000)
"""100 ms of silence, instead of a text all of whose words were replaced by nothing."""

log = structlog.get_logger()


class Speaker:
    """Speaks utterances for every protocol.

    Args:
        find_candidates: says who can speak an utterance, best first.
        cache: recent speech.
        clock: time.
        sinks: each takes every Receipt.
        first_audio_timeout_s: a candidate that is silent for longer is given up.
        stall_timeout_s: likewise between two chunks, while there is room for the next.
    """

    def __init__(
        self,
        find_candidates: FindCandidates,
        cache: SpeechCache,
        clock: Clock,
        sinks: Iterable[ReceiptSink] = (),
        *,
        first_audio_timeout_s: float = 10.0,
        stall_timeout_s: float = 15.0,
    ) -> None:
        self._find_candidates = find_candidates
        self._cache = cache
        self._clock = clock
        self._sinks = tuple(sinks)
        self._first_audio_timeout_s = first_audio_timeout_s
        self._stall_timeout_s = stall_timeout_s
        self._ids = count(1)
        self._running: set[asyncio.Task[None]] = set()
        self._streams: set[SpeechStream] = set()
        self._unheard: set[int] = set()

    @property
    def somebody_waits(self) -> bool:
        """Whether a stream has no audio yet: a front that is far ahead of its listener may step back."""
        return bool(self._unheard)

    @property
    def streams(self) -> int:
        """How many streams are not over yet."""
        return len(self._streams)

    @property
    def cache_bytes(self) -> int:
        """How much audio the cache holds."""
        return self._cache.size_bytes

    def speak(self, utterance: Utterance) -> SpeechStream:
        """Begin to speak; whatever goes wrong later shows in the stream. Never raises, never waits."""
        stream = SpeechStream(utterance, next(self._ids), self._clock, self._account(lambda: stream))
        self._streams.add(stream)
        self._unheard.add(stream.utterance_id)
        task = asyncio.create_task(self._pump(stream), name=f"speech-{stream.utterance_id}")
        stream.attach(task)
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return stream

    async def aclose(self) -> None:
        """Cancel every stream and wait until no pump is left."""
        for stream in tuple(self._streams):
            stream.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    def _account(self, stream: Callable[[], SpeechStream]) -> Callable[[Receipt], None]:
        def account(receipt: Receipt) -> None:
            self._streams.discard(stream())
            self._unheard.discard(receipt.utterance_id)
            for sink in self._sinks:
                sink(receipt)

        return account

    async def _pump(self, stream: SpeechStream) -> None:
        try:
            await self._speak_best(stream)
        except VoxgateError as error:
            stream.fail(error)
        except Exception as error:
            # The last line of defence, at the root of a task: a bug in a provider ends its own stream only.
            # The exception's text may hold what was to be spoken, so only its type is told.
            log.error("speech failed unexpectedly", error_type=type(error).__qualname__)
            stream.fail(SynthesisError("Speech could not be made because of an internal error"))
        else:
            stream.end()

    async def _speak_best(self, stream: SpeechStream) -> None:
        candidates = self._find_candidates(stream.utterance)
        for candidate in candidates:
            try:
                await self._speak_with(candidate, stream)
                return
            except VoxgateError as error:
                # Once something was heard, going on with another voice from the top would repeat it.
                last = candidate is candidates[-1]
                if last or not error.retryable or stream.first_audio_ms is not None:
                    raise
                log.warning("provider failed before first audio", provider=stream.provider, code=error.code)

    async def _speak_with(self, candidate: Candidate, stream: SpeechStream) -> None:
        utterance = worded(candidate.utterance, phonemes=candidate.provider.capabilities.phonemes)
        stream.spoken_by, stream.provider = str(utterance.voice), candidate.provider.name
        if silenced(candidate.utterance, utterance):
            await stream.put(PAUSE, shared=True)
            return
        key = CacheKey.of(utterance) if utterance.cacheable else None
        cached = self._cache.get(key) if key is not None else None
        if cached is not None:
            stream.cached = True
            self._unheard.discard(stream.utterance_id)
            await stream.put(AudioChunk(cached.pcm, cached.rate_hz, cached.words), shared=True)
            return
        stream.characters_sent = len(utterance.text)
        recording = _Recording(self._cache.max_entry_bytes if key is not None else 0)
        async with aclosing(candidate.provider.synthesize(utterance, stream.abort)) as chunks:
            await self._carry(chunks, stream, recording)
        speech = recording.speech()
        if key is not None and speech is not None:
            self._cache.put(key, speech)

    async def _carry(
        self, chunks: AsyncGenerator[AudioChunk, None], stream: SpeechStream, recording: _Recording
    ) -> None:
        timeout_s = self._first_audio_timeout_s
        heard = False
        while True:
            try:
                async with asyncio.timeout(timeout_s):
                    chunk = await anext(chunks, None)
            except TimeoutError:
                raise ProviderTimeout(f"No audio came for {timeout_s:g} seconds") from None
            if chunk is None:
                break
            if chunk.pcm and not heard:
                heard = True
                self._unheard.discard(stream.utterance_id)
            timeout_s = self._stall_timeout_s if heard else timeout_s
            recording.add(chunk)
            await stream.put(chunk)
        if not heard:
            raise IncompleteAudio("The provider reported success but sent no audio")


class _Recording:
    """Keeps an utterance's audio for the cache, unless it grows beyond what the cache takes."""

    def __init__(self, max_bytes: int) -> None:
        self._left_bytes = max_bytes
        self._pieces: list[bytes] = []
        self._words: list[WordTime] = []
        self._rate_hz = 0

    def add(self, chunk: AudioChunk) -> None:
        self._left_bytes -= len(chunk.pcm)
        if self._left_bytes < 0:
            self._pieces.clear()
            self._words.clear()
            return
        self._pieces.append(chunk.pcm)
        self._words.extend(chunk.words)
        self._rate_hz = chunk.rate_hz

    def speech(self) -> CachedSpeech | None:
        if self._left_bytes < 0 or not self._pieces:
            return None
        return CachedSpeech(b"".join(self._pieces), self._rate_hz, tuple(self._words))
