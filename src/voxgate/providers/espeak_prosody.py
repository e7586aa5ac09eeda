"""Pace, pitch and level in espeak's own parameters, by measurement.

* Speed: the worker finds the rate by trying, because no curve fits all voices and texts. It reaches 0.47
  to 8 times the normal pace; slower than about half is as slow as espeak gets.
* Pitch: espeak's ``pitch`` moves the base of the fundamental and ``range`` how far it moves around it; both
  go together. The measured median of the fundamental follows from -9 to +10 semitones.
* Volume: down from 1 the samples are scaled, which is exact, and 0 is silence (espeak's own 0 leaves some
  breath). Up from 1 it is espeak's ``volume``, whose gain control avoids clipping most of the time; it is
  near the ratio up to 2 and stops growing at 3.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

from voxgate.audio.gain import apply_gain
from voxgate.speech.utterance import SpeechSettings

SLOWEST, FASTEST = 0.47, 8.0
LOWEST_SEMITONES, HIGHEST_SEMITONES = -9.1, 10.0
LOUDEST = 3.0

_PITCH_CURVE = (
    (-9.1, -12.0),
    (-6.8, -9.0),
    (-4.6, -6.0),
    (-3.1, -4.0),
    (-1.5, -2.0),
    (0.0, 0.0),
    (1.65, 2.0),
    (3.35, 4.0),
    (5.0, 6.0),
    (7.8, 9.0),
    (10.0, 12.0),
)
"""(measured shift, nominal shift) in semitones, over voices of five languages and three variants."""


@dataclass(frozen=True, slots=True)
class EspeakProsody:
    """What to ask espeak for, and what to do to its samples.

    Attributes:
        speed: the pace to reach, None when it is the normal one.
        pitch: espeak's parameter, 0 to 99.
        pitch_range: espeak's parameter, 0 to 100.
        volume: espeak's parameter, 100 or more.
        gain: to scale the samples by, 0 to 1.
    """

    speed: float | None
    pitch: int
    pitch_range: int
    volume: int
    gain: float

    @classmethod
    def of(cls, settings: SpeechSettings) -> EspeakProsody:
        """Map settings; what lies outside espeak's reach is moved to its end."""
        semitones = _nominal(min(HIGHEST_SEMITONES, max(LOWEST_SEMITONES, settings.pitch_semitones)))
        return cls(
            speed=None if settings.speed == 1.0 else min(FASTEST, max(SLOWEST, settings.speed)),
            pitch=min(99, max(0, round(50 + semitones * 50 / 12))),
            pitch_range=min(100, round(50 * 2 ** (semitones / 12))),
            volume=round(100 * min(LOUDEST, max(1.0, settings.volume))),
            gain=min(1.0, max(0.0, settings.volume)),
        )

    def apply_gain(self, pcm: bytes) -> bytes:
        """Scale s16le samples."""
        return apply_gain(pcm, self.gain)


def _nominal(measured: float) -> float:
    for (low, low_nominal), (high, high_nominal) in itertools.pairwise(_PITCH_CURVE):
        if measured <= high:
            return low_nominal + (high_nominal - low_nominal) * (measured - low) / (high - low)
    return _PITCH_CURVE[-1][1]
