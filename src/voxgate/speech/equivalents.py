"""Which voice of another vendor is the nearest to one that cannot speak."""

from __future__ import annotations

from collections.abc import Iterable

from voxgate.speech.language import DEFAULT_LANGUAGE, is_tag, normal_tag, primary_language
from voxgate.speech.voice import Gender, Voice


def equivalent(voice: Voice, others: Iterable[Voice], language: str | None = None) -> Voice | None:
    """Choose among another vendor's voices: the same one every time.

    A voice of another language is none. Of those that speak the language, one of the same gender goes before
    others, one of the very same region before one of another, and voices that differ here differ there too as
    far as there are enough.

    Args:
        voice: that cannot speak.
        others: of the other vendor.
        language: asked for by the caller, if any; it wins over the voice's own.
    """
    wanted = language if language and is_tag(language) else next(iter(voice.languages), DEFAULT_LANGUAGE)
    tag = normal_tag(wanted)
    primary = primary_language(tag)
    spoken = [other for other in others if primary in map(primary_language, other.languages)]
    if not spoken:
        return None

    def distance(other: Voice) -> tuple[bool, bool]:
        known = Gender.FEMALE, Gender.MALE
        another_gender = voice.gender in known and other.gender is not voice.gender
        return another_gender, tag not in map(normal_tag, other.languages)

    nearest = min(map(distance, spoken))
    best = [other for other in spoken if distance(other) == nearest]
    return best[voice.slot % len(best)]
