"""Text that is still being written while it is spoken."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from voxgate.errors import TextTooLong

MAX_CHARACTERS = 100_000
"""Of one text: as much as a session may have waiting."""


class TextSource:
    """Takes text from one writer; any number of readers read it, each from its beginning.

    A reader gets the pieces as they were written, and an empty one for each `flush`. So a second candidate
    can speak what the first had been given and did not speak.

    Attributes:
        ended: nothing more will be written.
        asked: speech is owed: something was flushed, or all was written.
        characters: written so far.
    """

    def __init__(self) -> None:
        self.ended = False
        self.asked = False
        self.characters = 0
        self._pieces: list[str] = []
        self._changed = asyncio.Event()

    @property
    def text(self) -> str:
        """All that was written so far."""
        return "".join(self._pieces)

    def write(self, piece: str) -> None:
        """Add text.

        Raises:
            TextTooLong: it would be more than `MAX_CHARACTERS`.
        """
        if self.characters + len(piece) > MAX_CHARACTERS:
            raise TextTooLong(f"A text may have {MAX_CHARACTERS} characters", field="text")
        if piece and not self.ended:
            self.characters += len(piece)
            self._pieces.append(piece)
            self._tell()

    def flush(self) -> None:
        """Ask that all text so far be spoken now."""
        if not self.ended:
            self.asked = True
            self._pieces.append("")
            self._tell()

    def end(self) -> None:
        """Say that the text is complete."""
        self.ended = self.asked = True
        self._tell()

    async def __aiter__(self) -> AsyncIterator[str]:
        read = 0
        while True:
            while read < len(self._pieces):
                read += 1
                yield self._pieces[read - 1]
            if self.ended:
                return
            await self._changed.wait()

    def _tell(self) -> None:
        # Whoever waits holds on to the old event; whoever comes later finds a new one.
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()
