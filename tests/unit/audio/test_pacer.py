"""When frames are due."""

from __future__ import annotations

import math

import pytest

from voxgate.audio.pace import Pacer


def test_the_lead_is_sent_at_once_and_then_one_frame_for_each_that_was_heard() -> None:
    pacer = Pacer(0.06)
    due = [pacer.due_s(0.02, 100.0) for _ in range(6)]
    assert due == pytest.approx([100.0, 100.0, 100.0, 100.02, 100.04, 100.06])


def test_a_late_wake_up_delays_no_later_frame() -> None:
    pacer = Pacer(0.02)
    now_s, late_s = 0.0, (0.0, 0.015, 0.001, 0.019, 0.0)
    due = []
    for late in late_s:
        due.append(pacer.due_s(0.02, now_s))
        now_s = due[-1] + late
    assert due == pytest.approx([0.0, 0.02, 0.04, 0.06, 0.08])


def test_after_running_dry_the_count_begins_anew() -> None:
    pacer = Pacer(0.04)
    pacer.due_s(0.02, 0.0)
    assert pacer.due_s(0.02, 5.0) == 5.0
    assert pacer.due_s(0.02, 5.0) == 5.0
    assert pacer.due_s(0.02, 5.0) == pytest.approx(5.02)


def test_audio_that_comes_late_but_in_time_does_not_begin_anew() -> None:
    pacer = Pacer(0.06)
    for _ in range(3):
        pacer.due_s(0.02, 0.0)
    assert pacer.due_s(0.02, 0.05) == 0.05  # 10 ms were left to hear
    assert pacer.due_s(0.02, 0.05) == 0.05
    assert pacer.ahead_s(0.05) == pytest.approx(0.05)


def test_a_frame_longer_than_the_lead_is_due_when_the_listener_runs_dry() -> None:
    pacer = Pacer(0.06)
    assert pacer.due_s(1.0, 0.0) == 0.0
    assert pacer.due_s(1.0, 0.0) == 1.0


def test_without_limit_everything_is_due_at_once() -> None:
    pacer = Pacer(math.inf)
    assert [pacer.due_s(1.0, 3.0) for _ in range(4)] == [3.0] * 4
    assert pacer.ahead_s(3.5) == 3.5


def test_after_a_reset_nothing_was_sent() -> None:
    pacer = Pacer(0.02)
    assert pacer.ahead_s(0.0) == 0.0
    pacer.due_s(0.5, 0.0)
    pacer.reset()
    assert pacer.ahead_s(0.0) == 0.0
    assert pacer.due_s(0.02, 0.1) == 0.1
