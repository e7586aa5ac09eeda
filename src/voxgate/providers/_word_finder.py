"""Where words begin, from the characters that a vendor tells the times of (ElevenLabs, Resemble, xAI).

The characters spell the text as it was sent, piece by piece, give or take white space. As soon as it does
not, nothing more is said about this text: a wrong time is worse than none.
"""

from __future__ import annotations

from collections.abc import Sequence

from voxgate.providers.contract import WordTime


class WordFinder:
    """Follows the alignment through one text."""

    def __init__(self, text: str = "") -> None:
        self._text = text
        self._at = 0
        self._last_s = 0.0
        self._lost = False

    def add(self, text: str) -> None:
        """Take text that was sent."""
        self._text += text

    def find(self, characters: Sequence[str], starts_s: Sequence[float]) -> tuple[WordTime, ...]:
        """Take characters with the seconds at which they begin; return the words that begin among them."""
        found: list[WordTime] = []
        self._lost = self._lost or len(characters) != len(starts_s)
        for character, start_s in zip(characters, starts_s, strict=False):
            if self._lost or character.isspace():
                continue
            while self._text[self._at : self._at + 1].isspace():
                self._at += 1
            if self._text[self._at : self._at + len(character)] != character or start_s < self._last_s:
                self._lost = True
                continue
            self._last_s = start_s
            if self._at == 0 or self._text[self._at - 1].isspace():
                length = len(self._text[self._at : self._at + 200].split(maxsplit=1)[0])
                found.append(WordTime(self._at, length, start_s))
            self._at += len(character)
        return tuple(found)
