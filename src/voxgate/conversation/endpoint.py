"""Where speech begins and ends in a microphone's stream: pure, one probability a window.

Speech begins when ``START_WINDOWS`` of the last few windows are likely speech; it is dated back to the
first of them. It ends when ``stop_ms`` of windows were unlikely; it is dated back to the last likely one.
The two thresholds differ, so that a wavering voice does not chop a word.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

WINDOW_MS = 32
"""Of 512 samples at 16 kHz, which is what the detector takes."""
LIKELY = 0.5
UNLIKELY = 0.35
START_WINDOWS = 2
START_WITHIN = 3


@dataclass(frozen=True, slots=True)
class Onset:
    """Speech began at ``at_ms`` of the stream."""

    at_ms: int


@dataclass(frozen=True, slots=True)
class Offset:
    """Speech ended at ``at_ms`` of the stream."""

    at_ms: int


class Endpointer:
    """Turns probabilities into onsets and offsets, which alternate, beginning with an onset.

    Args:
        stop_ms: how long it must be quiet before speech counts as ended; shorter pauses belong to it.
    """

    def __init__(self, stop_ms: int = 160) -> None:
        self._stop_windows = max(1, -(-stop_ms // WINDOW_MS))
        self._recent: deque[bool] = deque(maxlen=START_WITHIN)
        self._window = 0
        self._first_likely = self._last_likely = 0
        self.speaking = False
        """Whether an onset has come and its offset has not."""

    @property
    def at_ms(self) -> int:
        """How much of the stream was judged."""
        return self._window * WINDOW_MS

    @property
    def spoken_ms(self) -> int:
        """How long the speech that goes on was heard so far, pauses within it included."""
        return (self._last_likely + 1 - self._first_likely) * WINDOW_MS if self.speaking else 0

    def judge(self, probability: float) -> Onset | Offset | None:
        """Take the next window's probability of speech."""
        begin = self._window
        self._window += 1
        if self.speaking:
            return self._go_on(probability, begin)
        self._recent.append(probability >= LIKELY)
        if sum(self._recent) < START_WINDOWS:
            return None
        first = begin - (len(self._recent) - 1 - self._recent.index(True))
        self._recent.clear()
        self.speaking, self._first_likely, self._last_likely = True, first, begin
        return Onset(first * WINDOW_MS)

    def _go_on(self, probability: float, begin: int) -> Offset | None:
        if probability >= UNLIKELY:
            self._last_likely = begin
            return None
        if begin - self._last_likely < self._stop_windows:
            return None
        self.speaking = False
        return Offset((self._last_likely + 1) * WINDOW_MS)
