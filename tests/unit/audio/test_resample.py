"""What a rate change does to a sound."""

from __future__ import annotations

import pytest

from tests.unit.audio.signals import fit_sine, main_frequency_hz, middle, noise, rms, sine
from voxgate.audio.resample import Resampler

PAIRS_HZ = [
    (22050, 8000),
    (22050, 16000),
    (22050, 24000),
    (22050, 48000),
    (24000, 22050),
    (16000, 44100),
    (11025, 96000),
    (48000, 8000),
    (96000, 11025),
]


def resample(pcm: bytes, source_hz: int, target_hz: int) -> bytes:
    resampler = Resampler(source_hz, target_hz)
    return resampler.feed(pcm) + resampler.flush()


@pytest.mark.parametrize(("source_hz", "target_hz"), PAIRS_HZ)
def test_a_sine_stays_a_sine(source_hz: int, target_hz: int) -> None:
    out = middle(resample(sine(1000, source_hz), source_hz, target_hz), target_hz)
    amplitude, signal_to_noise_db = fit_sine(out, 1000, target_hz)
    assert signal_to_noise_db > 50
    assert amplitude == pytest.approx(10000, rel=0.01)
    assert main_frequency_hz(out, target_hz) == pytest.approx(1000, abs=0.5)


def test_what_the_lower_rate_cannot_carry_is_removed_not_folded() -> None:
    """A tone of 7 kHz would come back at 1 kHz."""
    loud = sine(7000, 22050)
    assert rms(middle(resample(loud, 22050, 8000), 8000)) < rms(loud) / 1000


@pytest.mark.parametrize(("source_hz", "target_hz"), PAIRS_HZ)
@pytest.mark.parametrize("samples", [1, 2, 31, 441, 10_007])
def test_nothing_is_lost_or_added(source_hz: int, target_hz: int, samples: int) -> None:
    out = resample(noise(samples), source_hz, target_hz)
    exact = samples * target_hz / source_hz
    assert exact <= len(out) / 2 < exact + 1


def test_sound_is_not_delayed() -> None:
    click = bytes(2 * 11025) + noise(100) + bytes(2 * 11025)
    out = resample(click, 22050, 8000)
    half = 2 * 4000
    assert rms(out[: half - 40]) < 1
    assert rms(out[half : half + 2 * 36]) > 100
    assert rms(out[half + 2 * 36 + 40 :]) < 1


def test_equal_rates_pass_samples_through() -> None:
    pcm = noise(1000)
    resampler = Resampler(24000, 24000)
    assert resampler.feed(pcm) == pcm
    assert resampler.flush() == b""


def test_an_odd_byte_waits_for_its_other_half() -> None:
    resampler = Resampler(24000, 24000)
    assert resampler.feed(b"\x01") == b""
    assert resampler.feed(b"\x02\x03") == b"\x01\x02"
    assert resampler.flush() == b""


def test_nothing_in_nothing_out() -> None:
    assert resample(b"", 22050, 8000) == b""


def test_the_first_samples_come_within_two_milliseconds() -> None:
    assert Resampler(22050, 24000).feed(noise(44))
