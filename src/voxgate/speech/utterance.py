"""One piece of text to be spoken at once."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from voxgate.audio.format import AudioFormat
from voxgate.speech.lexicon import Lexicon
from voxgate.speech.voice import VoiceName

HOLD_BYTES = 256 * 1024
"""Of PCM that may wait for a reader that is behind, where nobody says otherwise."""

JsonScalar = str | int | float | bool | None


class Markup(StrEnum):
    """What kind of text an utterance holds."""

    TEXT = "text"
    SSML = "ssml"


@dataclass(frozen=True, slots=True)
class SpeechSettings:
    """How to speak, in units every provider can be mapped to.

    Attributes:
        speed: ratio to the voice's normal pace; 2.0 takes half the time.
        pitch_semitones: shift of the fundamental; 12 is an octave up.
        volume: ratio to the voice's normal amplitude; 0 is silence.
        extra: a vendor's own fields, as given, sorted by name.
    """

    speed: float = 1.0
    pitch_semitones: float = 0.0
    volume: float = 1.0
    extra: tuple[tuple[str, JsonScalar], ...] = ()


@dataclass(frozen=True, slots=True)
class Pronunciation:
    """How a stretch of a text is to be pronounced.

    Attributes:
        start: offset of its first character.
        length: characters, at least one.
        ipa: how it sounds, in IPA.
    """

    start: int
    length: int
    ipa: str


@dataclass(frozen=True, slots=True)
class Utterance:
    """What to say, how, for whom.

    Attributes:
        text: what to say: plain text or a whole SSML document.
        voice: the voice asked for. Before a provider sees it, the route puts the voice it will really
            speak with here.
        tenant: whose request this is; part of every cache key.
        settings: pace, pitch, level and vendor fields.
        language: BCP-47 tag, when the caller gave one.
        markup: plain or SSML.
        passthrough: the exact format in which a provider may hand over its own finished file instead of
            PCM, when the caller takes a whole reply as one file; None asks for PCM.
        cacheable: whether the cache may answer and keep it.
        lexicon: words to be replaced. The Speaker applies it: a provider sees the text as it is to be
            spoken, and never a lexicon.
        pronunciations: of stretches of ``text``, in order; the Speaker puts them here, for a provider that
            can pronounce words as it is told. Others speak the words as they are written.
        hold_bytes: of PCM that may wait for a reader that is behind; then synthesis waits.
    """

    text: str
    voice: VoiceName
    tenant: str
    settings: SpeechSettings = SpeechSettings()
    language: str | None = None
    markup: Markup = Markup.TEXT
    passthrough: AudioFormat | None = None
    cacheable: bool = True
    lexicon: Lexicon | None = None
    pronunciations: tuple[Pronunciation, ...] = ()
    hold_bytes: int = HOLD_BYTES
