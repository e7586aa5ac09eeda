"""One candidate that tries to speak: what it is asked, and how long it may be silent."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import replace

from voxgate.audio.gain import apply_gain
from voxgate.audio.stretch import Stretcher
from voxgate.clock import Clock
from voxgate.errors import IncompleteAudio, ProviderTimeout
from voxgate.providers.contract import Abort, AudioChunk, Capabilities, WordTime
from voxgate.speech.candidate import Candidate
from voxgate.speech.text_source import TextSource
from voxgate.speech.utterance import Utterance

_AS_IS = 0.005
"""A ratio of speeds this near to 1 is not worth stretching for."""


class Shaper:
    """Does to audio what its provider cannot: speed beyond its reach, and volume.

    Args:
        utterance: what is wanted.
        capabilities: of who speaks.

    Attributes:
        asked: the utterance to ask the provider for.
    """

    def __init__(self, utterance: Utterance, capabilities: Capabilities) -> None:
        settings = utterance.settings
        low, high = capabilities.speeds if capabilities.speed else (1.0, 1.0)
        speed = min(high, max(low, settings.speed))
        self._ratio = settings.speed / speed
        if abs(self._ratio - 1) < _AS_IS:
            self._ratio = 1.0
        self._gain = 1.0 if capabilities.volume else settings.volume
        if self._ratio == self._gain == 1.0 and speed == settings.speed:
            self.asked = utterance
        else:
            volume = settings.volume if capabilities.volume else 1.0
            self.asked = replace(
                utterance, settings=replace(settings, speed=speed, volume=volume), passthrough=None
            )
        self._stretcher: Stretcher | None = None
        self._rate_hz = 0

    @property
    def idle(self) -> bool:
        """Whether audio stays as it is."""
        return self._ratio == self._gain == 1.0

    def feed(self, chunk: AudioChunk) -> AudioChunk:
        """Shape the next chunk; its audio may come later."""
        pcm = apply_gain(chunk.pcm, self._gain)
        if self._ratio != 1.0:
            if self._stretcher is None:
                self._stretcher = Stretcher(chunk.rate_hz, self._ratio)
                self._rate_hz = chunk.rate_hz
            pcm = self._stretcher.feed(pcm)
        words = tuple(
            WordTime(word.text_start, word.text_length, word.at_s / self._ratio) for word in chunk.words
        )
        return replace(chunk, pcm=pcm, words=words)

    def finish(self) -> AudioChunk | None:
        """Return what was held back."""
        stretcher, self._stretcher = self._stretcher, None
        rest = stretcher.finish() if stretcher else b""
        return AudioChunk(rest, self._rate_hz) if rest else None


class Attempt:
    """A candidate that speaks an utterance: chunks to be taken one by one.

    Args:
        candidate: who.
        utterance: what, with its words already replaced.
        text: where the text comes from if it is still being written.
        clock: time.
        first_audio_timeout_s: the longest silence before the first audio.
        stall_timeout_s: the longest silence afterwards.

    Attributes:
        abort: tells the provider at once that nobody wants it any more.
        judged: its failure was counted.
    """

    def __init__(
        self,
        candidate: Candidate,
        utterance: Utterance,
        text: TextSource | None,
        clock: Clock,
        first_audio_timeout_s: float,
        stall_timeout_s: float,
    ) -> None:
        provider = candidate.provider
        self.candidate = candidate
        self.utterance = utterance
        self.abort = Abort()
        self.judged = False
        self._text = text
        self._clock = clock
        self._first_audio_timeout_s = first_audio_timeout_s
        self._stall_timeout_s = stall_timeout_s
        self._shaper = Shaper(utterance, candidate.abilities)
        asked = self._shaper.asked
        self._chunks = (
            provider.synthesize(asked, self.abort)
            if text is None
            else provider.synthesize_text(asked, text, self.abort)
        )
        self._ready: deque[AudioChunk] = deque()
        self._heard = False
        self._done = False

    @property
    def characters_sent(self) -> int:
        """How much text the provider was given."""
        return len(self.utterance.text) if self._text is None else self._text.characters

    async def first(self) -> None:
        """Wait for the first audio; `next` gives it.

        Raises:
            VoxgateError: there will be none.
        """
        while not self._heard and not self._done:
            chunk = await self._pull()
            if chunk is not None:
                self._ready.append(chunk)

    async def next(self) -> AudioChunk | None:
        """Take the next chunk; None behind the last.

        Raises:
            VoxgateError: it could not be made.
        """
        if self._ready:
            return self._ready.popleft()
        return None if self._done else await self._pull()

    async def aclose(self) -> None:
        """Let go of the provider."""
        await self._chunks.aclose()

    async def _pull(self) -> AudioChunk | None:
        limit_s = self._stall_timeout_s if self._heard else self._first_audio_timeout_s
        try:
            if self._text is None:
                async with asyncio.timeout(limit_s):
                    chunk = await anext(self._chunks, None)
            else:
                chunk = await self._while_written(self._text, limit_s)
        except TimeoutError:
            raise ProviderTimeout(f"No audio came for {limit_s:g} seconds") from None
        if chunk is None:
            self._done = True
            chunk = self._shaper.finish()
            if not self._heard and (chunk is None or not chunk.pcm):
                raise IncompleteAudio("The provider reported success but sent no audio")
        elif not self._shaper.idle:
            chunk = self._shaper.feed(chunk)
        self._heard = self._heard or (chunk is not None and bool(chunk.pcm))
        return chunk

    async def _while_written(self, text: TextSource, limit_s: float) -> AudioChunk | None:
        """Wait for a chunk; a provider owes nothing before it has been asked to speak what it has."""
        pulling = asyncio.ensure_future(anext(self._chunks, None))
        try:
            while True:
                asked, size = text.asked and (text.ended or not self._heard), text.characters
                done, _ = await asyncio.wait({pulling}, timeout=limit_s)
                if done:
                    return pulling.result()
                if asked and size == text.characters:
                    raise TimeoutError
        finally:
            if not pulling.done():
                pulling.cancel()
                await asyncio.gather(pulling, return_exceptions=True)
