"""What a provider is.

A provider is one file with one class. It overrides `Provider.synthesize`, an async generator of PCM;
everything around it (cache, failover, buffering, encoding, receipts) is the Speaker's.

Rules a provider keeps:

* It yields `AudioChunk` with whole samples of s16le mono PCM, every chunk of one synthesis at one rate.
* It returns only after the upstream's natural end mark; an upstream that stops short raises
  `voxgate.errors.IncompleteAudio`. Upstream failures are raised as one of the `SynthesisError` classes.
* Cancelling: the generator's task is cancelled, so ``finally`` blocks run. A provider that can tell its
  upstream sooner registers a function with `Abort.on_abort`; it runs inside the very call to ``cancel()``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

from voxgate.speech.utterance import Utterance


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
class AudioChunk:
    """A piece of speech: whole samples of s16le mono PCM.

    Attributes:
        pcm: the samples; may be empty only when it brings ``words``.
        rate_hz: of these samples.
        words: words that begin in this or a nearby chunk, in order.
    """

    pcm: bytes
    rate_hz: int
    words: tuple[WordTime, ...] = ()


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
        speed: honours ``settings.speed``; likewise pitch and volume.
        word_times: yields `WordTime`.
        phonemes: pronounces words as ``pronunciations`` says.
        cancel: what cancelling does upstream.
        max_characters: of one utterance; 0 when unlimited.
    """

    ssml: bool = False
    speed: bool = False
    pitch: bool = False
    volume: bool = False
    word_times: bool = False
    phonemes: bool = False
    cancel: CancelSupport = CancelSupport.NONE
    max_characters: int = 0


class Provider(ABC):
    """Speaks utterances. One instance for the life of the server.

    ``name`` is the provider segment of voice names in canonical spelling, e.g. ``Local.Espeak`` for the
    voices ``Local.Espeak.<voice>``.
    """

    name: ClassVar[str]
    capabilities: ClassVar[Capabilities]

    async def start(self) -> None:
        """Get ready to speak (start workers, open pools). Called once before the first utterance."""
        return

    async def aclose(self) -> None:
        """Let go of everything `start` took."""
        return

    @abstractmethod
    def synthesize(self, utterance: Utterance, abort: Abort) -> AsyncGenerator[AudioChunk, None]:
        """Speak; see the module's rules. ``utterance.voice`` is already this provider's own voice."""
