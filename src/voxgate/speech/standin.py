"""Who stands in for a voice whose vendor is not here.

A stand-in speaks the same language with espeak. espeak has one voice a language and calls nearly every one
male, so voices are told apart by its variants (``+m1`` to ``+m8``, ``+f1`` to ``+f5``), pitch and pace, from
the table below: the catalogue gives each voice of one model, language and gender a number of its own, and
each number is another combination.

Fundamentals measured with espeak-ng 1.52, in American English: male variants 86 to 107 Hz, female ones 179
to 212 Hz. The shifts keep every male stand-in below 140 Hz and every female one above 145 Hz. Voices whose
gender is neutral or unknown take what lies between.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from voxgate.speech.language import DEFAULT_LANGUAGE, is_tag, normal_tag
from voxgate.speech.voice import Gender, Voice, VoiceName

PACES = (1.0, 0.94, 1.06, 0.9, 1.11)
"""Ratios to the normal pace: small enough to stay natural."""


@dataclass(frozen=True, slots=True)
class StandIn:
    """What to ask of espeak.

    Attributes:
        language: BCP-47 tag of what to speak; the engine's provider knows the voice nearest to it.
        variant: of espeak's, such as ``f2``.
        pitch_semitones: added to what the caller asks.
        speed: multiplied with what the caller asks.
    """

    language: str
    variant: str
    pitch_semitones: float
    speed: float

    def name(self, espeak_language: str) -> VoiceName:
        """Name the local voice, given espeak's own name of the language nearest to `language`."""
        return VoiceName("Local", "Espeak", f"{espeak_language}+{self.variant}")


@dataclass(frozen=True, slots=True)
class Palette:
    """The combinations of one gender: variants change first, then pitch, then pace."""

    variants: tuple[str, ...]
    pitches: tuple[float, ...]

    @property
    def size(self) -> int:
        """How many there are."""
        return len(self.variants) * len(self.pitches) * len(PACES)

    def pick(self, slot: int) -> tuple[str, float, float]:
        """Return variant, semitones and pace of one; after the last comes the first again."""
        rest, variant = divmod(slot % self.size, len(self.variants))
        pace, pitch = divmod(rest, len(self.pitches))
        return self.variants[variant], self.pitches[pitch], PACES[pace]


_FEMALE = Palette(("f2", "f3", "f1", "f5", "f4"), (0.0, -1.5, 1.5, -3.0, 3.0, -0.75, 0.75))
_MALE = Palette(("m3", "m7", "m1", "m2", "m6", "m4", "m5", "m8"), (0.0, 1.5, -1.5, 3.0, 4.0, -0.75, 0.75))
# Steps that the male palette does not use, so that no two voices meet.
_BETWEEN = Palette(("m7", "m3", "m6", "m2", "m5"), (5.0, 6.0, 4.33, 5.5, 4.67, 5.25))

_PALETTES: Mapping[Gender, Palette] = {Gender.FEMALE: _FEMALE, Gender.MALE: _MALE}


def stand_in(voice: Voice, language: str | None = None) -> StandIn:
    """Choose the stand-in for ``voice``: always the same one.

    Two voices of one model and language never share variant, pitch and pace, up to the size of the palette
    (175 female, 280 male, 150 others).

    Args:
        voice: as the catalogue describes it.
        language: asked for by the caller, if any; what is no language tag (``auto``) counts as none.
    """
    wanted = language.strip() if language else ""
    tag = wanted if is_tag(wanted) else next(iter(voice.languages), DEFAULT_LANGUAGE)
    variant, pitch_semitones, speed = palette_of(voice.gender).pick(voice.slot)
    return StandIn(normal_tag(tag), variant, pitch_semitones, speed)


def palette_of(gender: Gender) -> Palette:
    """The combinations for voices of ``gender``."""
    return _PALETTES.get(gender, _BETWEEN)
