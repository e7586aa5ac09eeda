"""What a provider is.

A provider is one file with one class. It overrides `Provider.synthesize`, an async generator of PCM;
everything around it (cache, failover, buffering, encoding, receipts) is the Speaker's. One whose upstream
takes text while it is being written overrides `Provider.synthesize_text` as well; for all others sentences
are cut.

Rules a provider keeps:

* It yields `AudioChunk` with whole samples of s16le mono PCM, every chunk of one synthesis at one rate.
* It returns only after the upstream's natural end mark; an upstream that stops short raises
  `voxgate.errors.IncompleteAudio`. Upstream failures are raised as one of the `SynthesisError` classes.
* What an upstream tells about the request (its id, its own count of characters) comes as `UpstreamFacts` with
  any chunk.
* Cancelling: the generator's task is cancelled, so ``finally`` blocks run. A provider that can tell its
  upstream sooner registers a function with `Abort.on_abort`; it runs inside the very call to ``cancel()``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import ClassVar

from voxgate.audio.format import AudioFormat, pcm_duration_s
from voxgate.speech.sentences import SentenceBuffer, speakable
from voxgate.speech.utterance import Utterance
from voxgate.speech.voice import Voice, VoiceName


@dataclass(frozen=True, slots=True)
class WordTime:
    """Where a word stands in an utterance's text and in its audio.

    Attributes:
        text_start: offset of the word's first character in the utterance's text.
        text_length: characters.
        at_s: when it begins, seconds from the utterance's first sample.
    """

    text_start: int
    text_length: int
    at_s: float


@dataclass(frozen=True, slots=True)
class UpstreamFacts:
    """What an upstream tells about a request.

    Attributes:
        request_id: the upstream's own.
        characters: as the upstream counts, or bills, them.
    """

    request_id: str | None = None
    characters: int | None = None


@dataclass(frozen=True, slots=True)
class AudioChunk:
    """A piece of speech: whole samples of s16le mono PCM.

    Attributes:
        pcm: the samples; may be empty only when it brings ``words`` or ``facts``.
        rate_hz: of these samples.
        words: words that begin in this or a nearby chunk, in order.
        facts: what the upstream told, if this is where it did.
        coded: these are not samples but bytes of a finished file in this format: all of an utterance's chunks
            are, or none. Only where ``utterance.passthrough`` asked for exactly this format.
    """

    pcm: bytes
    rate_hz: int
    words: tuple[WordTime, ...] = ()
    facts: UpstreamFacts | None = None
    coded: AudioFormat | None = None

    @property
    def duration_s(self) -> float:
        """How long it sounds; an estimate from the bit rate where it is coded."""
        if self.coded is None:
            return pcm_duration_s(len(self.pcm), self.rate_hz)
        kbps = self.coded.coded_kbps
        return len(self.pcm) * 8 / (kbps * 1000) if kbps else pcm_duration_s(len(self.pcm), self.rate_hz)


class Abort:
    """Tells a running synthesis, at once and synchronously, that nobody wants it any more."""

    def __init__(self) -> None:
        self._callback: Callable[[], None] | None = None
        self.aborted = False

    def on_abort(self, callback: Callable[[], None] | None) -> None:
        """Set (or with None take back) the function to call; called at once if already aborted."""
        self._callback = callback
        if self.aborted and callback is not None:
            callback()

    def abort(self) -> None:
        """Call the registered function, the first time only."""
        if not self.aborted:
            self.aborted = True
            if self._callback is not None:
                self._callback()


class CancelSupport(StrEnum):
    """What an upstream does when told to stop."""

    HARD = "hard"
    """Stops synthesis and says so."""
    SOFT = "soft"
    """Drops text not yet begun; audio under way keeps coming and is dropped here."""
    NONE = "none"
    """Cannot be told: audio is dropped here, or the connection closed."""


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a provider can do.

    Attributes:
        ssml: takes whole SSML documents.
        text_stream: takes text while it is being written (`Provider.synthesize_text` is its own).
        speed: honours ``settings.speed``; likewise pitch and volume.
        speeds: the lowest and highest ``settings.speed`` that it takes. What lies beyond is reached by
            stretching the audio, and so is every speed of a provider that honours none.
        word_times: yields `WordTime`.
        phonemes: pronounces words as ``pronunciations`` says.
        cancel: what cancelling does upstream.
        max_characters: of one request upstream, longer texts are spoken in pieces; 0 when unlimited.
        formats: those of which it hands on whole replies untouched, as ``utterance.passthrough`` asks.
    """

    ssml: bool = False
    text_stream: bool = False
    speed: bool = False
    speeds: tuple[float, float] = (0.0, 100.0)
    pitch: bool = False
    volume: bool = False
    word_times: bool = False
    phonemes: bool = False
    cancel: CancelSupport = CancelSupport.NONE
    max_characters: int = 0
    formats: tuple[AudioFormat, ...] = ()


class Provider(ABC):
    """Speaks utterances. One instance for the life of the server.

    ``name`` is the provider segment of voice names in canonical spelling, e.g. ``Local.Espeak`` for the
    voices ``Local.Espeak.<voice>``.
    """

    name: str
    capabilities: Capabilities
    guarded: ClassVar[bool] = False
    """Whether failures in a row have it left alone for a while (`voxgate.speech.breaker`)."""

    async def start(self) -> None:
        """Get ready to speak (start workers, open pools). Called once before the first utterance."""
        return

    async def aclose(self) -> None:
        """Let go of everything `start` took."""
        return

    @abstractmethod
    def synthesize(self, utterance: Utterance, abort: Abort) -> AsyncGenerator[AudioChunk, None]:
        """Speak; see the module's rules. ``utterance.voice`` is already this provider's own voice."""

    async def synthesize_text(
        self, utterance: Utterance, text: AsyncIterable[str], abort: Abort
    ) -> AsyncGenerator[AudioChunk, None]:
        """Speak text that is still being written. Here: sentence by sentence.

        Args:
            utterance: as for `synthesize`, but for its text, which is not looked at.
            text: pieces, cut anywhere; an empty one asks for all that was written so far to be spoken now.
                May be read again from its beginning.
            abort: as for `synthesize`.
        """
        cutter = SentenceBuffer(utterance.language)
        offset, made_s = 0, 0.0

        async def speak(sentences: Sequence[str]) -> AsyncGenerator[AudioChunk, None]:
            nonlocal offset, made_s
            for sentence in sentences:
                begun_s = made_s
                if speakable(sentence):
                    async with aclosing(self.synthesize(replace(utterance, text=sentence), abort)) as chunks:
                        async for chunk in chunks:
                            made_s += chunk.duration_s
                            yield replace(chunk, words=moved(chunk.words, offset, begun_s))
                offset += len(sentence)

        async for piece in text:
            async with aclosing(speak(cutter.feed(piece) if piece else cutter.flush())) as chunks:
                async for chunk in chunks:
                    yield chunk
        async with aclosing(speak(cutter.flush())) as chunks:
            async for chunk in chunks:
                yield chunk

    def abilities(self, voice: VoiceName) -> Capabilities:
        """Say what it can do with one of its voices: all of ``capabilities``, unless models differ."""
        return self.capabilities

    def account(self, tenant: str) -> str:
        """Name whose credentials speak for a tenant: what fails with one may work with another."""
        return ""

    async def list_voices(self) -> Sequence[Voice] | None:
        """Ask the upstream which voices there are; None where it cannot be asked.

        Raises:
            VoxgateError: it did not answer.
        """
        return None


def moved(words: tuple[WordTime, ...], by: int, at_s: float) -> tuple[WordTime, ...]:
    """Move word times by characters and seconds."""
    if not words or (by == 0 and at_s == 0.0):
        return words
    return tuple(WordTime(word.text_start + by, word.text_length, word.at_s + at_s) for word in words)
