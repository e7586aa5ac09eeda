"""How far ``voxgate say`` is, on the terminal, and how it went."""

from __future__ import annotations

import sys
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

_REDRAW_S = 0.1
_ERASE_LINE = "\r\x1b[K"


class Progress:
    """Keeps the time, and a line on standard error.

    Args:
        visible: whether to draw the line; only ever on a terminal.
        now_s: monotonic time.
    """

    def __init__(self, *, visible: bool, now_s: Callable[[], float] = time.monotonic) -> None:
        self.audio_s = 0.0
        """Seconds of speech so far."""
        self._visible = visible and sys.stderr.isatty()
        self._now_s = now_s
        self._text_s: float | None = None
        self._first_audio_s: float | None = None
        self._last_audio_s = 0.0
        self._drawn_s = 0.0

    async def watch(self, texts: AsyncGenerator[str, None]) -> AsyncGenerator[str, None]:
        """Pass texts on, and note when the first words come."""
        async with aclosing(texts):
            async for text in texts:
                if self._text_s is None and text.strip():
                    self._text_s = self._now_s()
                yield text

    def heard(self, audio_s: float) -> None:
        """Note that there are so many seconds of audio now."""
        now_s = self._last_audio_s = self._now_s()
        if self._first_audio_s is None:
            self._first_audio_s = now_s
        self.audio_s = audio_s
        if self._visible and now_s - self._drawn_s >= _REDRAW_S:
            self._drawn_s = now_s
            sys.stderr.write(f"{_ERASE_LINE}{self.summary()}")
            sys.stderr.flush()

    def erase(self) -> None:
        """Take the line away."""
        if self._visible and self._drawn_s:
            sys.stderr.write(_ERASE_LINE)
            sys.stderr.flush()

    def summary(self) -> str:
        """Say how it went so far."""
        if self._text_s is None or self._first_audio_s is None:
            return "nothing yet"
        first_ms = (self._first_audio_s - self._text_s) * 1000
        told = f"{self.audio_s:.1f} s of speech, first audio after {first_ms:.0f} ms"
        if not self.audio_s:
            return told
        return f"{told}, real-time factor {(self._last_audio_s - self._text_s) / self.audio_s:.3f}"
