from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from voxgate.protocols.uplift.counting import RecentIds, SlidingMinute


@given(st.lists(st.floats(0, 40), max_size=40), st.integers(1, 5))
def test_in_no_minute_more_than_the_limit_and_never_fewer(gaps_s: list[float], limit: int) -> None:
    minute, now_s, taken_s = SlidingMinute(limit), 0.0, list[float]()
    for gap_s in gaps_s:
        now_s += gap_s
        recent = sum(now_s - at_s < 60 for at_s in taken_s)
        assert minute.take(now_s) == (recent < limit)
        if recent < limit:
            taken_s.append(now_s)


def test_no_limit_is_no_limit() -> None:
    minute = SlidingMinute(0)
    assert all(minute.take(0.0) for _ in range(1000))


def test_the_oldest_id_is_forgotten_first() -> None:
    ids = RecentIds(3)
    for used in "abcd":
        ids.add(used)
    assert [used for used in "abcd" if used in ids] == ["b", "c", "d"]


def test_an_id_can_be_given_back() -> None:
    ids = RecentIds(3)
    ids.add("a")
    ids.discard("a")
    ids.discard("never")
    assert "a" not in ids
