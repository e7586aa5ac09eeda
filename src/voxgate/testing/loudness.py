"""Tells speech from silence by loudness alone: no worker, no model, the same answer every time."""

from __future__ import annotations

import numpy as np

from voxgate.conversation.activity import OnFailure, OnProbability

_LOUD = 300.0


class Loudness:
    """Stands where `voxgate.conversation.activity.VoiceActivity` does; a loud window is speech."""

    def open(self, on_probability: OnProbability, on_failure: OnFailure) -> _Judge:
        """Begin a caller."""
        return _Judge(on_probability)


class _Judge:
    def __init__(self, on_probability: OnProbability) -> None:
        self._on_probability: OnProbability | None = on_probability

    def feed(self, window: bytes, *, speaking: bool) -> None:
        samples = np.frombuffer(window, dtype="<i2").astype(np.float64)
        loud = float(np.sqrt(np.mean(samples**2))) > _LOUD
        if self._on_probability is not None:
            self._on_probability(window, 1.0 if loud else 0.0)

    def close(self) -> None:
        self._on_probability = None
