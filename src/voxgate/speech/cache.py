"""Recent speech, kept as PCM so that it can be spliced and encoded anew for any client.

Only whole, successful utterances are kept. The key carries the tenant: tenants never hear each other's
cache. When the cache is full the least recently used entries go first.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from voxgate.audio.format import AudioFormat
from voxgate.providers.contract import WordTime
from voxgate.speech.utterance import Markup, Pronunciation, SpeechSettings, Utterance
from voxgate.speech.voice import VoiceName


@dataclass(frozen=True, slots=True)
class CacheKey:
    """Everything that changes how an utterance sounds, and whose it is."""

    tenant: str
    voice: VoiceName
    text: str
    markup: Markup
    language: str | None
    settings: SpeechSettings
    pronunciations: tuple[Pronunciation, ...]
    coded: AudioFormat | None = None

    @classmethod
    def of(cls, utterance: Utterance, coded: AudioFormat | None = None) -> CacheKey:
        """Make the key of an utterance as its provider will get it, for PCM or for a finished file."""
        return cls(
            utterance.tenant,
            utterance.voice,
            utterance.text,
            utterance.markup,
            utterance.language,
            utterance.settings,
            utterance.pronunciations,
            coded,
        )


@dataclass(frozen=True, slots=True)
class CachedSpeech:
    """One whole utterance.

    Attributes:
        pcm: s16le mono, or a file in the format ``coded``.
        rate_hz: of ``pcm``.
        words: word times, where the provider gave them.
        coded: None for PCM, which can be spliced and encoded anew; else only a caller that takes exactly this
            file can have it.
    """

    pcm: bytes
    rate_hz: int
    words: tuple[WordTime, ...] = ()
    coded: AudioFormat | None = None


class SpeechCache:
    """A bounded least-recently-used store in memory.

    Args:
        max_bytes: of PCM in all; 0 turns the cache off.
        max_entry_bytes: of PCM in one entry; longer speech is not kept.
    """

    def __init__(self, max_bytes: int, max_entry_bytes: int) -> None:
        self.max_entry_bytes = min(max_entry_bytes, max_bytes)
        self._max_bytes = max_bytes
        self._size_bytes = 0
        self._entries: OrderedDict[CacheKey, CachedSpeech] = OrderedDict()

    @property
    def size_bytes(self) -> int:
        """Bytes of PCM held now."""
        return self._size_bytes

    def get(self, key: CacheKey) -> CachedSpeech | None:
        """Return the speech under ``key`` and mark it as just used."""
        entry = self._entries.get(key)
        if entry is not None:
            self._entries.move_to_end(key)
        return entry

    def find(self, utterance: Utterance) -> CachedSpeech | None:
        """Return what can answer an utterance: its PCM, or the very file that it asks for."""
        found = self.get(CacheKey.of(utterance))
        if found is None and utterance.passthrough is not None:
            found = self.get(CacheKey.of(utterance, utterance.passthrough))
        return found

    def put(self, key: CacheKey, speech: CachedSpeech) -> None:
        """Keep ``speech``, and let go of the least recently used to stay within the size."""
        size = len(speech.pcm)
        if not 0 < size <= self.max_entry_bytes:
            return
        old = self._entries.pop(key, None)
        if old is not None:
            self._size_bytes -= len(old.pcm)
        self._entries[key] = speech
        self._size_bytes += size
        while self._size_bytes > self._max_bytes:
            _, dropped = self._entries.popitem(last=False)
            self._size_bytes -= len(dropped.pcm)
