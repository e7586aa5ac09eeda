"""Whatever comes whenever: no frame early by more than the lead, none later than it need be."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voxgate.audio.pace import Pacer

frames = st.lists(
    st.tuples(
        st.sampled_from([0.02, 0.06, 0.1]),  # how long it lasts
        st.sampled_from([0.0, 0.0, 0.0, 0.005, 0.03, 0.5]),  # how long the sender waits for it
        st.sampled_from([0.0, 0.001, 0.01]),  # how late its timer fires
    ),
    max_size=60,
)


@given(frames=frames, lead_s=st.sampled_from([0.0, 0.02, 0.06, 0.2]))
def test_what_the_listener_has_is_bounded_and_never_wanting(
    frames: list[tuple[float, float, float]], lead_s: float
) -> None:
    pacer = Pacer(lead_s)
    now_s = heard_by_s = 50.0
    for duration_s, wait_s, late_s in frames:
        now_s += wait_s
        due_s = pacer.due_s(duration_s, now_s)
        assert due_s >= now_s
        if now_s > heard_by_s:
            assert due_s == now_s  # the listener waits already
            heard_by_s = now_s
        elif due_s > now_s:
            assert due_s <= heard_by_s + 1e-9  # sent before the listener runs dry
        heard_by_s += duration_s
        assert heard_by_s - due_s <= max(lead_s, duration_s) + 1e-9
        assert pacer.ahead_s(now_s) == pytest.approx(heard_by_s - now_s)
        now_s = due_s + late_s


@given(lead_s=st.sampled_from([0.0, 0.06]), frames=st.integers(1, 20_000))
def test_deadlines_do_not_drift(lead_s: float, frames: int) -> None:
    pacer = Pacer(lead_s)
    due_s = 0.0
    for _ in range(frames):
        due_s = pacer.due_s(0.02, due_s)
    assert due_s == pytest.approx(max(0.0, (frames - 1) * 0.02 - max(0.0, lead_s - 0.02)), abs=1e-6)
