"""Slower and faster at the same pitch."""

from __future__ import annotations

import numpy as np
import pytest

from tests.unit.audio.signals import from_pcm, main_frequency_hz, middle, noise, rms, sine, voiced
from voxgate.audio.stretch import Stretcher
from voxgate.errors import InvalidRequest

SPEEDS = [0.25, 0.3, 0.4, 0.5, 0.75, 1.5, 2.0]


def stretch(pcm: bytes, rate_hz: int, speed: float) -> bytes:
    stretcher = Stretcher(rate_hz, speed)
    return stretcher.feed(pcm) + stretcher.finish()


def fundamental_hz(pcm: bytes, rate_hz: int) -> float:
    """From the first great peak of the autocorrelation, between 60 and 400 Hz."""
    samples = from_pcm(pcm)[: rate_hz // 2]
    alike = np.fft.irfft(np.abs(np.fft.rfft(samples, 2 * samples.size)) ** 2)
    shortest = rate_hz // 400
    return rate_hz / (shortest + int(np.argmax(alike[shortest : rate_hz // 60])))


@pytest.mark.parametrize("speed", SPEEDS)
@pytest.mark.parametrize("rate_hz", [8000, 22050, 48000])
def test_a_tone_lasts_longer_at_the_same_pitch_and_level(rate_hz: int, speed: float) -> None:
    tone = sine(220, rate_hz, 2.0)
    out = stretch(tone, rate_hz, speed)
    assert len(out) / len(tone) * speed == pytest.approx(1.0, rel=0.001)
    assert main_frequency_hz(middle(out, rate_hz), rate_hz) == pytest.approx(220, rel=0.02)
    assert rms(out) == pytest.approx(rms(tone), rel=0.02)


@pytest.mark.parametrize("speed", SPEEDS)
@pytest.mark.parametrize("voice_hz", [75, 120, 240])
def test_a_voice_keeps_its_fundamental_and_its_level(voice_hz: int, speed: float) -> None:
    voice = voiced(voice_hz, 22050, 3.0)
    out = stretch(voice, 22050, speed)
    assert len(out) / len(voice) * speed == pytest.approx(1.0, rel=0.001)
    assert fundamental_hz(middle(out, 22050), 22050) == pytest.approx(voice_hz, rel=0.02)
    assert rms(out) == pytest.approx(rms(voice), rel=0.05)


def test_normal_speed_changes_nothing() -> None:
    voice = voiced(120, 22050, 1.0)
    assert stretch(voice, 22050, 1.0) == voice


def test_a_pause_becomes_a_longer_pause() -> None:
    word = voiced(120, 22050, 0.5)
    out = stretch(word + bytes(2 * 22050) + word, 22050, 0.5)
    assert rms(out[2 * int(1.1 * 22050) : 2 * int(2.9 * 22050)]) == 0
    assert rms(out[2 * int(3.1 * 22050) :]) == pytest.approx(rms(word), rel=0.1)


@pytest.mark.parametrize("samples", [0, 1, 100, 441, 2000])
def test_short_sounds_have_the_right_length_too(samples: int) -> None:
    assert len(stretch(noise(samples), 22050, 0.25)) == 2 * 4 * samples


@pytest.mark.parametrize("speed", [0.0, 0.09, 4.1, -1.0, float("nan"), float("inf")])
def test_speeds_out_of_range_are_refused(speed: float) -> None:
    with pytest.raises(InvalidRequest):
        Stretcher(22050, speed)


def test_little_input_is_held_back() -> None:
    stretcher = Stretcher(22050, 0.25)
    assert stretcher.feed(noise(22050 * 60 // 1000))
