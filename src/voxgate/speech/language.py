"""Language tags (BCP-47): compare them, and read them from ids that begin or end with one."""

from __future__ import annotations

import re
from types import MappingProxyType

DEFAULT_LANGUAGE = "en-US"
"""Of a voice of which nothing is known."""

# ISO 639 names several languages twice; here one name each, the one vendors use most.
_ONE_NAME = MappingProxyType(
    {"arb": "ar", "cmn": "zh", "iw": "he", "in": "id", "ji": "yi", "mo": "ro", "no": "nb", "tl": "fil"}
)
_TAG = re.compile(r"[A-Za-z]{2,3}(?:[-_][A-Za-z0-9]{2,8})*")
_LEADING_LOCALE = re.compile(r"([a-z]{2,3})-([A-Z]{2})(?=-)")
_TRAILING_LOCALE = re.compile(r"_([a-z]{2,3})-([A-Z]{2})$")
_LEADING_NAME = re.compile(r"([A-Za-z]+)(?: \([A-Za-z]+\))?_")
# How MiniMax begins the ids of its voices.
_NAMES = MappingProxyType(
    {
        "arabic": "ar",
        "cantonese": "yue",
        "chinese": "zh",
        "czech": "cs",
        "dutch": "nl",
        "english": "en",
        "finnish": "fi",
        "french": "fr",
        "german": "de",
        "greek": "el",
        "hindi": "hi",
        "indonesian": "id",
        "italian": "it",
        "japanese": "ja",
        "korean": "ko",
        "polish": "pl",
        "portuguese": "pt",
        "romanian": "ro",
        "russian": "ru",
        "spanish": "es",
        "thai": "th",
        "turkish": "tr",
        "ukrainian": "uk",
        "vietnamese": "vi",
    }
)


def is_tag(text: str) -> bool:
    """Whether ``text`` has the shape of a language tag; ``auto`` and ``multi`` are words, not tags."""
    return _TAG.fullmatch(text) is not None and text.lower() not in {"auto", "multi"}


def normal_tag(tag: str) -> str:
    """Spell a tag the usual way: ``EN_us`` is ``en-US``."""
    first, *rest = tag.replace("_", "-").split("-")
    return "-".join([first.lower(), *(part.upper() if len(part) == 2 else part for part in rest)])


def primary_language(tag: str) -> str:
    """The language without region or script, under one name: ``ar`` for ``ar-EG`` and for ``arb``."""
    first = re.split("[-_]", tag, maxsplit=1)[0].lower()
    return _ONE_NAME.get(first, first)


def speaks(language: str, wanted: str) -> bool:
    """Whether a voice's ``language`` is what a filter means: ``en`` takes in ``en-US``, not so ``en-GB``."""
    have, want = normal_tag(language).lower(), normal_tag(wanted).lower()
    return have == want or have.startswith(f"{want}-") or ("-" not in want and primary_language(have) == want)


def guess_language(voice_id: str) -> str | None:
    """Read the language from an id that says it, else None.

    ``en-US-AvaNeural`` (Azure), ``en-UK-ruby`` (Murf), ``Aaron_en-US`` (Resemble), ``French_CasualMan``
    (MiniMax).
    """
    if locale := _LEADING_LOCALE.match(voice_id) or _TRAILING_LOCALE.search(voice_id):
        language, region = locale.groups()
        return f"{language}-{'GB' if region == 'UK' else region}"
    if (name := _LEADING_NAME.match(voice_id)) and name[1].lower() in _NAMES:
        return _NAMES[name[1].lower()]
    return None
