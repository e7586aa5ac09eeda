"""Does what the caller said sound finished?

A recognizer's text rarely has punctuation, so the last word decides: nobody ends on "and the". This is a
rule of thumb in English; for other languages every text without a closing mark is *unsure*, which means
the ordinary wait for silence.
"""

from __future__ import annotations

from collections.abc import Collection
from enum import Enum, auto


class Completeness(Enum):
    """How finished a text sounds."""

    COMPLETE = auto()
    UNSURE = auto()
    TRAILING = auto()


_TRAILING_WORDS = frozenset(
    """a an the and or but so because if when while that which who to of for from with without at in on by
    into about as than then my your his her its our their this these those is are was were am be been will
    would can could should shall may might must do does did have has had not very really um uh er hmm like
    i you we they he she it what where how why let please""".split()
)
# Some of these do end a sentence ("what is it"), but a caller who goes on loses more by being cut off
# than one who is done loses by waiting a moment longer.

_WHOLE_ANSWERS = frozenset(
    """yes no yeah yep nope okay ok sure right correct exactly stop cancel goodbye bye hello hi thanks help
    repeat""".split()
)
_CLOSING_MARKS = (".", "!", "?", "。", "！", "？", "۔", "؟", "।")  # noqa: RUF001 - marks of other scripts are the point


def completeness(text: str, phrases: Collection[str] = ()) -> Completeness:
    """Judge a caller's text.

    Args:
        text: what was heard of this turn so far.
        phrases: whole phrases that the agent expects, lower case; any of them is complete.
    """
    plain = text.strip().lower()
    if not plain:
        return Completeness.UNSURE
    if plain in phrases or plain in _WHOLE_ANSWERS or plain in ("thank you", "good bye"):
        return Completeness.COMPLETE
    if plain.endswith(("...", "…", ",", "،", "-", "—")):
        return Completeness.TRAILING
    if plain.endswith(_CLOSING_MARKS):
        return Completeness.COMPLETE
    last = plain.rsplit(maxsplit=1)[-1]
    return Completeness.TRAILING if last in _TRAILING_WORDS else Completeness.UNSURE
