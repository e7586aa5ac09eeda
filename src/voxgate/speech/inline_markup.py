"""What vendors let writers put inside a text: ``[laughter]``, ``<emotion value="excited"/>``, ``(happy)``.

Telnyx Ultra, xAI and Fish Audio understand some of it; every other voice would read it aloud. What is known
lives in the tables here. Sources: Telnyx docs, Ultra and xAI pages; Cartesia docs, SSML tags; xAI docs,
speech tags; Fish Audio docs, emotion reference.
"""

from __future__ import annotations

import re

MAX_TAG_CHARS = 200

# Tags, alone or around words: Ultra's, then xAI's.
_TAGS = """
    emotion speed volume break spell
    soft whisper loud build-intensity decrease-intensity higher-pitch lower-pitch slow fast sing-song
    singing laugh-speak emphasis
"""
# Sounds and pauses, in square brackets (Ultra, xAI, Fish S2) or round ones (Fish S1), anywhere in a text.
_SOUNDS = """
    laughter laugh laughs laughing chuckle chuckles chuckling giggle giggles giggling cry cries crying
    crying-loudly sob sobs sobbing sigh sighs sighing breath breathe inhale inhales exhale exhales gasp gasps
    gasping pant pants panting yawn yawns yawning groan groans groaning cough coughs coughing snore snoring
    clear-throat clears-throat tsk tongue-click lip-smack hum hum-tune humming pause short-pause long-pause
    break long-break audience-laughing audience-laughter background-laughter crowd-laughing
    whisper whispers whispering shout shouts shouting scream screaming
"""
# Moods: in square brackets anywhere, in round ones only where a sentence begins (elsewhere they are prose).
_MOODS = """
    happy sad angry excited calm nervous confident surprised satisfied delighted scared worried upset
    frustrated depressed empathetic embarrassed disgusted moved proud relaxed grateful curious sarcastic
    disdainful unhappy anxious hysterical indifferent uncertain doubtful confused disappointed regretful
    guilty ashamed jealous envious hopeful optimistic pessimistic nostalgic lonely bored contemptuous
    sympathetic compassionate determined resigned content enthusiastic affectionate hesitant apologetic
    neutral fearful serious cheerful soft-tone in-a-hurry-tone
"""


def _words(table: str) -> str:
    return "|".join(word.replace("-", "[ _-]") for word in table.split())


_ATTRIBUTES = r"""(?:\s+[\w:-]+(?:\s*=\s*(?:"[^"<>]*"|'[^'<>]*'|[^\s"'<>/=]+))?)*"""
_OPEN_ATTRIBUTE = r"""(?:\s+[\w:-]+\s*=\s*(?:"[^"<>]*|'[^'<>]*)?)?"""

TAG = re.compile(rf"<(?=[^<>]{{1,{MAX_TAG_CHARS}}}>)/?[A-Za-z][\w:-]*{_ATTRIBUTES}\s*/?>")
OPEN_TAG = re.compile(
    rf"<(?=[^<>]{{0,{MAX_TAG_CHARS}}}\Z)/?(?:[A-Za-z][\w:-]*{_ATTRIBUTES}{_OPEN_ATTRIBUTE}\s*/?)?\Z"
)
CUE = re.compile(r"\[[^\W\d_][\w '\u2019,-]{0,60}\]")
OPEN_CUE = re.compile(r"\[[^\[\]\n]{0,60}\Z")

_DEGREE = r"(?:(?:very|slightly|a[ ]little|extremely|quite|softly|nervously)[ ])?"
_KNOWN_TAG = rf"</?(?:{_words(_TAGS)})\b(?=[^<>]{{0,{MAX_TAG_CHARS}}}>){_ATTRIBUTES}\s*/?>"
_KNOWN_CUE = rf"\[{_DEGREE}(?:{_words(_SOUNDS + _MOODS)})\]|\((?:{_words(_SOUNDS)})\)"
KNOWN = re.compile(rf"{_KNOWN_TAG}|{_KNOWN_CUE}|\((?:{_words(_MOODS)})\)", re.IGNORECASE)

_REMOVABLE = (
    rf"(?:{_KNOWN_TAG}|{_KNOWN_CUE}|(?:(?<![^\s\])>])(?<![^.!?\u2026\])>\n][ \t\n])\((?:{_words(_MOODS)})\)))"
)
_REMOVED = re.compile(
    rf"(?:(?<=\s)|\A)(?:{_REMOVABLE}[ \t]*)+"  # with the space after it
    rf"|[ \t]*{_REMOVABLE}(?:[ \t]*{_REMOVABLE})*(?=[\s.,!?;:\u2026]|\Z)"  # or before it
    rf"|{_REMOVABLE}",
    re.IGNORECASE,
)
_MAX_PASSES = 32  # what is removed may leave more of it: "[la[laugh]ugh]"


def ends_in_open_tag(text: str) -> bool:
    """Whether a text stops inside a tag such as ``<emotion value="``."""
    start = text.rfind("<", max(0, len(text) - MAX_TAG_CHARS - 1))
    return start >= 0 and OPEN_TAG.match(text, start) is not None


def strip_inline_markup(text: str) -> str:
    """Remove what only some vendors' voices understand, so that other voices do not read it aloud.

    What a pair of tags stands around stays. What is in no table here stays too.
    """
    for _ in range(_MAX_PASSES):
        stripped = _REMOVED.sub("", text)
        if stripped == text:
            break
        text = stripped
    return text
