"""Louder and softer."""

from __future__ import annotations

import numpy as np


def apply_gain(pcm: bytes, gain: float) -> bytes:
    """Scale s16le samples; what would be too loud is clipped."""
    if gain == 1.0:
        return pcm
    scaled = np.frombuffer(pcm, "<i2") * np.float32(gain)
    return scaled.clip(-32768, 32767).astype("<i2").tobytes()
