"""What comes from a caller's microphone, made into windows; and what is plainly wrong with it. Pure.

The wire promises s16le mono at 16 kHz in pieces of any size. An odd byte is carried to the next piece.
More than twice real time for five seconds is dropped. Three mistakes that clients make are recognized
from the sound alone: Float32 samples, stereo, and a rate of 44.1 or 48 kHz.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np

RATE_HZ = 16_000
BYTES_PER_MS = RATE_HZ * 2 // 1000
WINDOW_BYTES = 1024
FLOOD_WINDOW_MS = 5000
JUDGE_AFTER_MS = 1500


class Mistake(StrEnum):
    """What a client sends instead of s16le mono at 16 kHz."""

    FLOAT32 = "float32"
    STEREO = "stereo"
    RATE = "rate"


@dataclass(slots=True)
class Microphone:
    """Cuts pieces into windows of 512 samples and bounds how fast they come.

    Attributes:
        dropped_ms: how much came too fast and was dropped.
    """

    dropped_ms: float = 0.0
    _carry: bytes = b""
    _began_ms: float | None = None
    _allowed_ms: float = 0.0
    _last_ms: float = 0.0
    _received_ms: float = 0.0
    _sample: bytearray = field(default_factory=bytearray)
    _judged: bool = False

    def feed(self, data: bytes, now_ms: float) -> list[bytes]:
        """Take a message; return the windows it completes."""
        self._received_ms += len(data) / BYTES_PER_MS
        if not self._judged:
            self._sample += data[: JUDGE_AFTER_MS * BYTES_PER_MS * 2 - len(self._sample)]
        if not self._admit(len(data) / BYTES_PER_MS, now_ms):
            return []
        buffered = self._carry + data
        whole = len(buffered) // WINDOW_BYTES * WINDOW_BYTES
        self._carry = buffered[whole:]
        return [buffered[begin : begin + WINDOW_BYTES] for begin in range(0, whole, WINDOW_BYTES)]

    def _admit(self, piece_ms: float, now_ms: float) -> bool:
        """A bucket that fills at twice real time and holds five seconds more than real time has brought."""
        if self._began_ms is None:
            self._began_ms = self._last_ms = now_ms
            self._allowed_ms = FLOOD_WINDOW_MS
        self._allowed_ms = min(FLOOD_WINDOW_MS, self._allowed_ms + 2 * (now_ms - self._last_ms))
        self._last_ms = now_ms
        if piece_ms > self._allowed_ms:
            self.dropped_ms += piece_ms
            return False
        self._allowed_ms -= piece_ms
        return True

    def judge(self, now_ms: float) -> Mistake | None:
        """Say once, after a second or two of sound, what is wrong with it, if anything plainly is."""
        if self._judged or self._began_ms is None or now_ms - self._began_ms < JUDGE_AFTER_MS:
            return None
        if len(self._sample) < JUDGE_AFTER_MS * BYTES_PER_MS // 2:
            return None
        self._judged = True
        mistake = _mistake(bytes(self._sample), self._received_ms / (now_ms - self._began_ms))
        self._sample.clear()
        return mistake


def _mistake(sample: bytes, speedup: float) -> Mistake | None:
    words = np.frombuffer(sample[: len(sample) // 4 * 4], dtype="<i2").astype(np.float64)
    even, odd = words[0::2], words[1::2]
    if _looks_like_floats(sample):
        return Mistake.FLOAT32
    if not np.any(np.abs(words) > 200):
        return None  # silence tells nothing
    # Neighbours of one channel differ; the two channels of a stereo microphone are nearly the same.
    if speedup > 1.6 and np.mean(np.abs(even - odd)) < 0.02 * np.mean(np.abs(even[1:] - even[:-1]) + 1):
        return Mistake.STEREO
    if speedup > 2.2:
        return Mistake.RATE
    return None


def _looks_like_floats(sample: bytes) -> bool:
    """Float32 audio lies within -1 to 1; integers read as floats hardly ever do."""
    floats = np.frombuffer(sample[: len(sample) // 4 * 4], dtype="<f4")
    sizes = np.abs(floats[np.isfinite(floats)])
    if len(sizes) < len(floats) or not len(sizes):
        return False
    plausible = (sizes <= 1.5) & ((sizes >= 1e-6) | (sizes == 0))
    return bool(np.mean(plausible) > 0.98 and np.mean(sizes > 1e-4) > 0.2)
