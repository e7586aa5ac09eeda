"""Where words stand in a text, from a vendor's list of the words it spoke.

Vendors list words as they spoke them: numbers written out, markup left out. A word counts only where it is
sure to be the one in the text; a wrong time is worse than none.
"""

from __future__ import annotations

from collections.abc import Sequence

from voxgate.providers.contract import WordTime

_LOOK_AHEAD = 80
"""Characters in which a word must stand, behind the one before."""


class WordList:
    """Follows the words through one utterance."""

    def __init__(self) -> None:
        self._text = ""
        self._at = 0
        self._last_s = 0.0
        self._missed = False

    def add(self, text: str) -> None:
        """Take text that was sent."""
        self._text += text

    def find(
        self, words: Sequence[str], starts_s: Sequence[float], offset_s: float = 0.0
    ) -> tuple[WordTime, ...]:
        """Take words with the seconds at which they begin.

        Args:
            words: in order.
            starts_s: of each.
            offset_s: where these times count from, in the utterance.
        """
        found = []
        for word, start_s in zip(words, starts_s, strict=False):
            place = self._place(word)
            self._missed = place is None
            if place is None:
                continue
            begin, length = place
            self._at = begin + length
            if (at_s := start_s + offset_s) >= self._last_s:
                self._last_s = at_s
                found.append(WordTime(begin, length, at_s))
        return tuple(found)

    def _place(self, word: str) -> tuple[int, int] | None:
        """Find the next place of a word: right behind the one before, unless a word was missed there."""
        for spelling in (word, word.strip("\"'.,;:!?()[]…“”‘’")):  # noqa: RUF001
            end = self._at + _LOOK_AHEAD + len(spelling)
            begin = self._text.find(spelling, self._at, end) if spelling else -1
            while begin > 0 and self._text[begin - 1].isalnum():
                begin = self._text.find(spelling, begin + 1, end)
            if begin < 0 or self._text[begin + len(spelling) : begin + len(spelling) + 1].isalnum():
                continue
            if self._missed or not any(map(str.isalnum, self._text[self._at : begin])):
                return begin, len(spelling)
        return None
