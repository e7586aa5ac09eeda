"""Speaking slower or faster at the same pitch, by overlap and add of similar waveforms (WSOLA).

Windows of 40 ms are laid over one another every 20 ms of output. Each is taken from the input near the
place that the speed asks for, at the offset where it continues the one before it best, so that periods of
the voice meet in phase.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from voxgate.audio.format import BYTES_PER_SAMPLE
from voxgate.errors import InvalidRequest

SLOWEST = 0.1
FASTEST = 4.0

_HOP_S = 0.02
_SEARCH_S = 0.01
"""To either side: together more than one period of the deepest voice."""

_Samples = npt.NDArray[np.float64]


class Stretcher:
    """Stretches one stream of s16le mono PCM.

    Any chunking gives the same bytes as one piece: the search compares whole numbers, exactly. The output
    lasts ``samples / speed``, rounded to a sample. Some 60 ms of input are held back until `finish`.

    Args:
        rate_hz: of the PCM.
        speed: 0.5 takes twice the time; from 0.1 to 4.
    """

    def __init__(self, rate_hz: int, speed: float) -> None:
        if not SLOWEST <= speed <= FASTEST:
            raise InvalidRequest(f"Speed is from {SLOWEST:g} to {FASTEST:g}", field="speed")
        self._speed = speed
        self._hop = int(_HOP_S * rate_hz)
        self._window = 2 * self._hop
        self._search = int(_SEARCH_S * rate_hz)
        # Periodic, so that two halves laid over one another make one.
        self._shape = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(self._window) / self._window)
        self._odd_byte = b""
        self._input: _Samples = np.empty(0)
        self._input_from = 0  # which sample of the stream ``_input`` begins with
        self._taken = 0
        self._hops = 0
        self._previous = 0  # where the last window was taken
        self._tail: _Samples = np.empty(0)

    def feed(self, pcm: bytes) -> bytes:
        """Take the next piece; return what is ready, always whole samples."""
        joined = self._odd_byte + pcm
        cut = len(joined) - len(joined) % BYTES_PER_SAMPLE
        self._odd_byte = joined[cut:]
        self._append(np.frombuffer(joined[:cut], dtype="<i2").astype(np.float64))
        self._taken += cut // BYTES_PER_SAMPLE
        out = []
        while self._needed() <= self._taken:
            out.append(self._next_hop())
        return _to_pcm(out)

    def finish(self) -> bytes:
        """Return the rest; a lone last byte, half a sample, is dropped."""
        end = round(self._taken / self._speed)
        missing = end - self._hops * self._hop
        out = []
        while self._hops * self._hop < end:
            self._append(np.zeros(max(0, self._needed() - self._input_from - self._input.size)))
            out.append(self._next_hop())
        self._input = np.empty(0)
        return _to_pcm(out)[: missing * BYTES_PER_SAMPLE]

    def _append(self, samples: _Samples) -> None:
        self._input = np.concatenate((self._input, samples))

    def _wanted(self) -> int:
        """Where the speed asks for the next window."""
        return int(self._hops * self._hop * self._speed)

    def _needed(self) -> int:
        """How much of the stream must be there for the next window."""
        return max(self._wanted() + self._search, self._previous + self._hop) + self._window

    def _next_hop(self) -> _Samples:
        """Lay down the next window, and return the samples that no later one will change."""
        if self._hops == 0:
            window = self._at(0, self._window)
            done, self._tail = window[: self._hop], window[self._hop :] * self._shape[self._hop :]
        else:
            self._previous = self._most_alike()
            window = self._at(self._previous, self._window) * self._shape
            done, self._tail = self._tail + window[: self._hop], window[self._hop :]
        self._hops += 1
        self._forget()
        return done

    def _most_alike(self) -> int:
        """Where near the wanted place the input resembles what would follow the last window."""
        first = max(0, self._wanted() - self._search)
        places = self._wanted() + self._search + 1 - first
        continuation = self._at(self._previous + self._hop, self._window)
        candidates = self._at(first, places - 1 + self._window)
        likeness = np.correlate(candidates, continuation, mode="valid")
        energy = np.concatenate(([0.0], np.cumsum(candidates * candidates)))
        loudness = np.sqrt(energy[self._window :] - energy[: -self._window])
        return first + int(np.argmax(likeness / (loudness + 1.0)))

    def _at(self, start: int, length: int) -> _Samples:
        start -= self._input_from
        return self._input[start : start + length]

    def _forget(self) -> None:
        """Let go of input that no later window can reach."""
        reach = min(max(0, self._wanted() - self._search), self._previous + self._hop)
        reach = min(reach, self._input_from + self._input.size)
        if reach > self._input_from:
            self._input = self._input[reach - self._input_from :]
            self._input_from = reach


def _to_pcm(parts: list[_Samples]) -> bytes:
    if not parts:
        return b""
    samples: npt.NDArray[np.int16] = np.concatenate(parts).round().clip(-32768, 32767).astype("<i2")
    return samples.tobytes()
