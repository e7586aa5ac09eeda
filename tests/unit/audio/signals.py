"""Sounds to test with, and what can be measured of a sound."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.float64]


def to_pcm(samples: Samples) -> bytes:
    """s16le mono."""
    return samples.round().clip(-32768, 32767).astype("<i2").tobytes()


def from_pcm(pcm: bytes) -> Samples:
    return np.frombuffer(pcm, dtype="<i2").astype(np.float64)


def sine(frequency_hz: float, rate_hz: int, duration_s: float = 1.0, amplitude: float = 10000) -> bytes:
    time_s = np.arange(int(duration_s * rate_hz)) / rate_hz
    return to_pcm(amplitude * np.sin(2 * np.pi * frequency_hz * time_s))


def noise(samples: int, seed: int = 0, amplitude: float = 8000) -> bytes:
    return to_pcm(np.random.default_rng(seed).normal(0, amplitude / 3, samples))


def voiced(frequency_hz: float, rate_hz: int, duration_s: float) -> bytes:
    """A vowel of sorts: twelve harmonics that grow weaker, swelling and fading three times a second."""
    time_s = np.arange(int(duration_s * rate_hz)) / rate_hz
    wave = sum(np.sin(2 * np.pi * frequency_hz * k * time_s + k) / k for k in range(1, 13))
    return to_pcm(6000 * wave * (0.7 + 0.3 * np.sin(2 * np.pi * 3 * time_s)))


def fit_sine(pcm: bytes, frequency_hz: float, rate_hz: int) -> tuple[float, float]:
    """Amplitude of the best-fitting sine of that frequency, and its ratio to all else in dB."""
    samples = from_pcm(pcm)
    phase = 2 * np.pi * frequency_hz * np.arange(samples.size) / rate_hz
    basis = np.stack([np.sin(phase), np.cos(phase)], axis=1)
    parts, *_ = np.linalg.lstsq(basis, samples, rcond=None)
    rest = samples - basis @ parts
    amplitude = float(np.hypot(*parts))
    return amplitude, float(20 * np.log10(amplitude / np.sqrt(2) / max(float(rest.std()), 1e-9)))


def main_frequency_hz(pcm: bytes, rate_hz: int) -> float:
    """Where the spectrum is highest, finer than one bin by a parabola through the peak."""
    samples = from_pcm(pcm)
    spectrum = np.log(np.abs(np.fft.rfft(samples * np.hanning(samples.size), 4 * samples.size)) + 1e-9)
    top = int(np.argmax(spectrum[1:-1])) + 1
    left, middle, right = spectrum[top - 1 : top + 2]
    offset = 0.5 * (left - right) / (left - 2 * middle + right)
    return float((top + offset) * rate_hz / (4 * samples.size))


def rms(pcm: bytes) -> float:
    return float(np.sqrt(np.mean(from_pcm(pcm) ** 2)))


def middle(pcm: bytes, rate_hz: int, margin_s: float = 0.1) -> bytes:
    """Without the first and last tenth of a second."""
    margin = 2 * int(margin_s * rate_hz)
    return pcm[margin : len(pcm) - margin]
