"""espeak's word events as times of words in the utterance's text.

espeak tells where it stood in the text when a word began. It says so more than once for a word it speaks
in several ("3.50", "東京"), with offsets that move on inside a number, and it never claims more than 31
characters. So a word is reported once, when it begins, and always whole.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence

from voxgate.providers.contract import WordTime

_NUMBER = re.compile(r"\d+(?:[.,:\u066b\u066c\u2019']\d+)*")
_LONGEST_CLAIM = 31

Place = Callable[[int, int], tuple[int, int] | None]
"""Maps (start, end) in the text that espeak got to the same in the utterance's text, if it is there."""


def as_it_stands(start: int, end: int) -> tuple[int, int] | None:
    """The `Place` of plain text, which espeak gets character for character."""
    return start, end


class WordTimes:
    """Turns word events into `WordTime`, in order, each word once.

    Args:
        text: what espeak got.
        rate_hz: of the samples that events are counted in.
        place: from ``text`` to the utterance's text.
    """

    def __init__(self, text: str, rate_hz: int, place: Place = as_it_stands) -> None:
        self._text = text
        self._rate_hz = rate_hz
        self._place = place
        self._said_to = 0
        self._placed_to = 0

    def take(self, events: Iterable[Sequence[int]]) -> tuple[WordTime, ...]:
        """Return the words that begin in these events: (first character, characters, sample)."""
        words = []
        for start, length, sample in events:
            word = self._word(start, length)
            if word is not None:
                words.append(WordTime(word[0], word[1] - word[0], sample / self._rate_hz))
        return tuple(words)

    def _word(self, start: int, length: int) -> tuple[int, int] | None:
        end = min(len(self._text), start + length)
        if start < self._said_to or start >= end or self._text[start:end].isspace():
            return None
        number = _NUMBER.match(self._text, start)
        if number is not None:
            end = number.end()
        elif length >= _LONGEST_CLAIM:
            while end < len(self._text) and self._text[end].isalnum():
                end += 1
        self._said_to = end
        placed = self._place(start, end)
        if placed is None or placed[0] < self._placed_to:
            return None
        self._placed_to = placed[1]
        return placed
