from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voxgate.conversation.endpoint import WINDOW_MS, Endpointer, Offset, Onset
from voxgate.conversation.microphone import BYTES_PER_MS, WINDOW_BYTES, Microphone, Mistake


def voice(seconds: float, rate_hz: int = 16_000) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Something with the spectrum of a voice: harmonics under an envelope, between -1 and 1."""
    at = np.arange(int(seconds * rate_hz)) / rate_hz
    wave = sum(np.sin(2 * np.pi * 140 * n * at + n) / n for n in range(1, 20))
    return np.asarray(0.2 * wave * (0.6 + 0.4 * np.sin(2 * np.pi * 4 * at)))


def play(microphone: Microphone, data: bytes, bytes_per_s: int) -> Mistake | None:
    """Send ``data`` in real time, 20 ms a message, and return the judgement."""
    step, found = bytes_per_s // 50, None
    for number, begin in enumerate(range(0, len(data), step)):
        microphone.feed(data[begin : begin + step], number * 20.0)
        found = microphone.judge(number * 20.0) or found
    return found


def int16(wave: np.ndarray[tuple[int], np.dtype[np.float64]]) -> bytes:
    return (wave * 20_000).astype("<i2").tobytes()


@given(st.lists(st.integers(0, 3000), max_size=12), st.data())
def test_windows_are_the_bytes_in_order_however_they_come(sizes: list[int], data: st.DataObject) -> None:
    sent = data.draw(st.binary(min_size=sum(sizes), max_size=sum(sizes)))
    microphone, windows, at = Microphone(), [], 0
    for number, size in enumerate(sizes):
        windows += microphone.feed(sent[at : at + size], number * 1000.0)
        at += size
    assert all(len(window) == WINDOW_BYTES for window in windows)
    assert b"".join(windows) == sent[: len(sent) // WINDOW_BYTES * WINDOW_BYTES]


def test_bursts_and_gaps_are_fine_and_a_flood_is_dropped_after_five_seconds() -> None:
    microphone = Microphone()
    for number in range(100):
        microphone.feed(bytes(256 * BYTES_PER_MS), number * 256.0 + (3000 if number > 50 else 0))
    assert microphone.dropped_ms == 0
    flood = Microphone()
    for number in range(500):
        flood.feed(bytes(60 * BYTES_PER_MS), number * 20.0)
        if number * 20 < 4900:
            assert flood.dropped_ms == 0
    assert 3000 < flood.dropped_ms < 6000


def test_good_audio_is_not_complained_about() -> None:
    assert play(Microphone(), int16(voice(3)), 32_000) is None
    assert play(Microphone(), bytes(96_000), 32_000) is None
    noise = np.random.default_rng(1).normal(0, 0.1, 48_000)
    assert play(Microphone(), int16(noise), 32_000) is None


@pytest.mark.parametrize("rate_hz", [44_100, 48_000])
def test_a_high_rate_is_recognized(rate_hz: int) -> None:
    assert play(Microphone(), int16(voice(3, rate_hz)), rate_hz * 2) is Mistake.RATE


def test_floats_are_recognized() -> None:
    assert play(Microphone(), voice(3).astype("<f4").tobytes(), 64_000) is Mistake.FLOAT32


def test_stereo_is_recognized() -> None:
    left = np.frombuffer(int16(voice(3)), dtype="<i2")
    both = np.column_stack([left, left + 3]).ravel().astype("<i2").tobytes()
    assert play(Microphone(), both, 64_000) is Mistake.STEREO


def windows(*runs: tuple[float, int]) -> list[float]:
    return [probability for probability, count in runs for _ in range(count)]


def judge(probabilities: list[float]) -> list[Onset | Offset]:
    endpointer = Endpointer(stop_ms=160)
    found = [endpointer.judge(probability) for probability in probabilities]
    return [event for event in found if event is not None]


def test_speech_is_dated_from_its_first_window_to_its_last() -> None:
    assert judge(windows((0.0, 10), (0.9, 20), (0.0, 10))) == [
        Onset(10 * WINDOW_MS),
        Offset(30 * WINDOW_MS),
    ]


def test_a_click_is_no_speech_and_a_short_pause_no_end() -> None:
    assert judge(windows((0.0, 10), (0.9, 1), (0.0, 10))) == []
    assert judge(windows((0.9, 10), (0.1, 3), (0.9, 10))) == [Onset(0)]
    assert judge(windows((0.9, 10), (0.4, 30))) == [Onset(0)]


@given(st.lists(st.floats(0, 1), max_size=200))
def test_onsets_and_offsets_alternate_and_never_go_back(probabilities: list[float]) -> None:
    events = judge(probabilities)
    assert [type(event) for event in events] == [Onset, Offset] * (len(events) // 2) + [Onset] * (
        len(events) % 2
    )
    times = [event.at_ms for event in events]
    assert times == sorted(times)
    assert all(0 <= at_ms <= len(probabilities) * WINDOW_MS for at_ms in times)
