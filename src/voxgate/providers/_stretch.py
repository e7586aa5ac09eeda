"""Text that is being written, one stretch a request: for a vendor that has no flush."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable
from contextlib import aclosing

from voxgate.speech.sentences import speakable


class Stretch:
    """The pieces from one flush to the next; they can be read again.

    Args:
        text: all pieces; an empty one is a flush.
        first: how many of them come before this stretch.
        most_characters: a longer stretch ends behind the next piece that ends in white space.

    Attributes:
        has_words: there is something to say in it.
        characters: that were read of it.
        behind: how many pieces come before the next stretch; None if this is the last.
    """

    def __init__(self, text: AsyncIterable[str], first: int, most_characters: int) -> None:
        self.has_words = False
        self.characters = 0
        self.behind: int | None = None
        self._text = text
        self._first = first
        self._most_characters = most_characters

    async def begin(self) -> None:
        """Wait until there is something to say, or the stretch is over."""
        async with aclosing(self.__aiter__()) as pieces:
            async for piece in pieces:
                if speakable(piece):
                    self.has_words = True
                    return

    async def __aiter__(self) -> AsyncGenerator[str, None]:
        self.characters, self.behind = 0, None
        before = 0
        async for piece in self._text:
            before += 1
            if before <= self._first:
                continue
            if not piece:
                self.behind = before
                return
            self.characters += len(piece)
            yield piece
            if self.characters >= self._most_characters and piece[-1].isspace():
                self.behind = before
                return
