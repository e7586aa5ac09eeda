"""Where to cut speech that is too long: in its pauses."""

from __future__ import annotations

import numpy as np

_WINDOW_MS = 300
"""Words hardly ever leave as long a silence between them as sentences do."""
_STEP_MS = 20


def cut_at_pauses(pcm: bytes, rate_hz: int, *, longest_ms: int, least_ms: int) -> list[bytes]:
    """Cut speech into pieces that, joined, are the whole.

    Args:
        pcm: s16le mono.
        rate_hz: of ``pcm``.
        longest_ms: of a piece.
        least_ms: of a piece that is cut off, at most ``longest_ms``; between the two, the quietest place is
            taken.

    Returns:
        The pieces, at least one; none longer than ``longest_ms``.
    """
    samples = np.frombuffer(pcm, "<i2")
    longest, least = rate_hz * longest_ms // 1000, rate_hz * least_ms // 1000
    pieces: list[bytes] = []
    begin = 0
    while len(samples) - begin > longest:
        end = begin + least + _quietest(samples[begin + least : begin + longest], rate_hz)
        pieces.append(samples[begin:end].tobytes())
        begin = end
    pieces.append(samples[begin:].tobytes())
    return pieces


def _quietest(samples: np.ndarray[tuple[int], np.dtype[np.int16]], rate_hz: int) -> int:
    """Find the middle of the quietest window, or of those in a row that are equally quiet."""
    step = rate_hz * _STEP_MS // 1000
    wide = _WINDOW_MS // _STEP_MS
    steps = len(samples) // step
    if steps <= wide:
        return len(samples) // 2
    squares = np.square(samples[: steps * step].astype(np.float64)).reshape(steps, step).sum(axis=1)
    sums = np.convolve(squares, np.ones(wide), "valid")
    first = last = int(np.argmin(sums))
    while last + 1 < len(sums) and sums[last + 1] - sums[first] < 1:  # whole numbers, but for rounding
        last += 1
    return (first + last + wide) // 2 * step
