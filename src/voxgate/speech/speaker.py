"""The one door to speech: ``speaker.speak(utterance)`` gives a running `SpeechStream`.

For each utterance the Speaker runs one task, the pump: it asks the router who can speak, looks in the
cache, lets the first candidate speak, moves on to the next while nothing was heard and another may do better,
and keeps what was spoken whole. Candidates whose breaker is open are passed over. With ``hedge_after_s`` a
candidate that is slow to begin gets a rival, and whoever is heard first goes on alone. Whatever happens, the
stream leaves exactly one Receipt.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from itertools import count

import structlog

from voxgate.audio.format import AudioFormat
from voxgate.clock import Clock
from voxgate.errors import Overloaded, ProviderUnavailable, SynthesisError, VoxgateError
from voxgate.providers.contract import AudioChunk, WordTime
from voxgate.speech.attempt import Attempt
from voxgate.speech.breaker import Breakers
from voxgate.speech.cache import CachedSpeech, CacheKey, SpeechCache
from voxgate.speech.candidate import Candidate, FindCandidates
from voxgate.speech.prices import Prices
from voxgate.speech.receipt import Receipt, ReceiptSink
from voxgate.speech.stream import SpeechStream
from voxgate.speech.text_source import TextSource
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
        hedge_after_s: a candidate that is silent for longer gets a rival; 0 never.
        prices: what speech costs.

    Attributes:
        breakers: which providers are left alone for a while.
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
        hedge_after_s: float = 0.0,
        prices: Prices | None = None,
    ) -> None:
        self._find_candidates = find_candidates
        self._cache = cache
        self._clock = clock
        self._sinks = tuple(sinks)
        self._first_audio_timeout_s = first_audio_timeout_s
        self._stall_timeout_s = stall_timeout_s
        self._hedge_after_s = hedge_after_s
        self._prices = prices or Prices({})
        self.breakers = Breakers()
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

    def speak(self, utterance: Utterance, text: TextSource | None = None) -> SpeechStream:
        """Begin to speak; whatever goes wrong later shows in the stream. Never raises, never waits.

        Args:
            utterance: what to say.
            text: where its text comes from if it is still being written; then ``utterance.text`` is not
                looked at, no lexicon is applied, and no cache asked.
        """
        stream = SpeechStream(utterance, next(self._ids), self._clock, self._account(lambda: stream))
        stream.text_is_written = text is not None
        self._streams.add(stream)
        self._unheard.add(stream.utterance_id)
        task = asyncio.create_task(self._pump(stream, text), name=f"speech-{stream.utterance_id}")
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

    async def _pump(self, stream: SpeechStream, text: TextSource | None) -> None:
        try:
            await self._speak_best(stream, text)
        except VoxgateError as error:
            stream.fail(error)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            # Nobody has cancelled the pump: a provider let one escape that was meant for work of its own.
            log.error("a provider's work was cancelled", provider=stream.provider)
            stream.fail(ProviderUnavailable("The provider gave up its work"))
        except Exception as error:
            # The last line of defence, at the root of a task: a bug in a provider ends its own stream only.
            # The exception's text may hold what was to be spoken, so only its type is told.
            log.error("speech failed unexpectedly", error_type=type(error).__qualname__)
            stream.fail(SynthesisError("Speech could not be made because of an internal error"))
        else:
            stream.end()

    async def _speak_best(self, stream: SpeechStream, text: TextSource | None) -> None:
        try:
            candidates = self._askable(self._find_candidates(stream.utterance))
            if self._hedge_after_s and len(candidates) > 1:
                await self._speak_first(candidates, stream, text)
            else:
                await self._speak_in_turn(candidates, stream, text)
        finally:
            if text is not None:
                stream.characters_accepted = text.characters

    async def _speak_in_turn(
        self, candidates: Sequence[Candidate], stream: SpeechStream, text: TextSource | None
    ) -> None:
        for candidate in candidates:
            utterance = await self._still_to_speak(candidate, stream)
            if utterance is None:
                return
            attempt = self._begin(candidate, utterance, text)
            try:
                stream.abort.on_abort(attempt.abort.abort)
                await attempt.first()
                await self._carry(attempt, stream)
                return
            except VoxgateError as error:
                self._judge(attempt, error)
                # Once something was heard, going on with another voice from the top would repeat it.
                last = candidate is candidates[-1]
                if last or not error.fails_over or stream.first_audio_ms is not None:
                    raise
                log.warning("provider failed before first audio", provider=stream.provider, code=error.code)
            finally:
                await self._let_go(attempt)

    async def _speak_first(
        self, candidates: Sequence[Candidate], stream: SpeechStream, text: TextSource | None
    ) -> None:
        """Let candidates begin one after the other, and the first that is heard go on."""
        race: dict[asyncio.Task[None], Attempt] = {}
        stream.abort.on_abort(lambda: _abort_all(race))
        waiting = deque(candidates)
        try:
            while True:
                if waiting:
                    candidate = waiting.popleft()
                    utterance = await self._still_to_speak(candidate, stream)
                    if utterance is None:
                        return
                    attempt = self._begin(candidate, utterance, text)
                    race[asyncio.create_task(attempt.first(), name="speech-rival")] = attempt
                patience_s = self._hedge_after_s if waiting else None
                done, _ = await asyncio.wait(race, timeout=patience_s, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    attempt = race.pop(task)
                    try:
                        await self._finish_race(task, attempt, race, stream)
                        return
                    except VoxgateError as error:
                        self._judge(attempt, error)
                        heard = stream.first_audio_ms is not None
                        if heard or not error.fails_over or not (race or waiting):
                            raise
                    finally:
                        await self._let_go(attempt)
        finally:
            await self._drop_all(race)

    async def _finish_race(
        self,
        task: asyncio.Task[None],
        attempt: Attempt,
        race: dict[asyncio.Task[None], Attempt],
        stream: SpeechStream,
    ) -> None:
        """Go on alone with the first that has audio; raises why if it has none."""
        task.result()
        stream.abort.on_abort(attempt.abort.abort)
        await self._drop_all(race)
        await self._carry(attempt, stream)

    async def _drop_all(self, race: dict[asyncio.Task[None], Attempt]) -> None:
        _abort_all(race)
        for task in race:
            task.cancel()
        await asyncio.gather(*race, return_exceptions=True)
        for attempt in race.values():
            await self._let_go(attempt)
        race.clear()

    def _askable(self, candidates: Sequence[Candidate]) -> Sequence[Candidate]:
        """Pass over candidates that are to be left alone for a while.

        Raises:
            Overloaded: that leaves none; it says what to wait for.
        """
        now_s = self._clock.now_s()
        waits_s = [self.breakers.wait_s(each.breaker, now_s) if each.breaker else 0.0 for each in candidates]
        askable = [candidate for candidate, wait_s in zip(candidates, waits_s, strict=True) if not wait_s]
        if candidates and not askable:
            raise Overloaded("The provider of this voice does not answer", retry_after_s=min(waits_s))
        return askable

    async def _still_to_speak(self, candidate: Candidate, stream: SpeechStream) -> Utterance | None:
        """Return the utterance as its provider is to get it; None where silence or the cache was enough."""
        stream.spoken_by, stream.provider = str(candidate.utterance.voice), candidate.provider.name
        if stream.text_is_written:
            return candidate.utterance
        utterance = worded(candidate.utterance, phonemes=candidate.abilities.phonemes)
        if silenced(candidate.utterance, utterance):
            await stream.put(PAUSE, shared=True)
            return None
        cached = self._cache.find(utterance) if utterance.cacheable else None
        if cached is None:
            return utterance
        stream.cached = True
        self._unheard.discard(stream.utterance_id)
        chunk = AudioChunk(cached.pcm, cached.rate_hz, cached.words, coded=cached.coded)
        await stream.put(chunk, shared=True)
        return None

    def _begin(self, candidate: Candidate, utterance: Utterance, text: TextSource | None) -> Attempt:
        if candidate.breaker is not None:
            self.breakers.begin(candidate.breaker)
        return Attempt(
            candidate, utterance, text, self._clock, self._first_audio_timeout_s, self._stall_timeout_s
        )

    def _judge(self, attempt: Attempt, error: VoxgateError | None) -> None:
        """Count how an attempt went, once."""
        key = attempt.candidate.breaker
        if key is None or attempt.judged:
            return
        attempt.judged = True
        if error is None:
            self.breakers.succeeded(key)
        else:
            self.breakers.failed(key, error, self._clock.now_s())

    async def _let_go(self, attempt: Attempt) -> None:
        await attempt.aclose()
        if attempt.candidate.breaker is not None and not attempt.judged:
            self.breakers.gave_up(attempt.candidate.breaker)

    async def _carry(self, attempt: Attempt, stream: SpeechStream) -> None:
        candidate, utterance = attempt.candidate, attempt.utterance
        stream.spoken_by, stream.provider = str(candidate.utterance.voice), candidate.provider.name
        stream.characters_sent = len(utterance.text)
        cacheable = utterance.cacheable and not stream.text_is_written
        recording = _Recording(self._cache.max_entry_bytes if cacheable else 0)
        self._unheard.discard(stream.utterance_id)
        try:
            while (chunk := await attempt.next()) is not None:
                if chunk.facts is not None:
                    stream.learn(chunk.facts)
                recording.add(chunk)
                await stream.put(chunk)
        finally:
            stream.characters_sent = attempt.characters_sent
            stream.cost = self._prices.of(candidate.utterance.voice, stream.characters_billed)
        self._judge(attempt, None)
        if cacheable and (speech := recording.speech()) is not None:
            self._cache.put(CacheKey.of(utterance, speech.coded), speech)


def _abort_all(race: dict[asyncio.Task[None], Attempt]) -> None:
    for attempt in race.values():
        attempt.abort.abort()


class _Recording:
    """Keeps an utterance's audio for the cache, unless it grows beyond what the cache takes."""

    def __init__(self, max_bytes: int) -> None:
        self._left_bytes = max_bytes
        self._pieces: list[bytes] = []
        self._words: list[WordTime] = []
        self._rate_hz = 0
        self._coded: AudioFormat | None = None

    def add(self, chunk: AudioChunk) -> None:
        self._left_bytes -= len(chunk.pcm)
        if self._left_bytes < 0:
            self._pieces.clear()
            self._words.clear()
            return
        self._pieces.append(chunk.pcm)
        self._words.extend(chunk.words)
        self._rate_hz = chunk.rate_hz
        self._coded = chunk.coded

    def speech(self) -> CachedSpeech | None:
        if self._left_bytes < 0 or not self._pieces:
            return None
        return CachedSpeech(b"".join(self._pieces), self._rate_hz, tuple(self._words), self._coded)
