from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from voxgate.audio.pauses import cut_at_pauses

RATE_HZ = 1000


def sound(seconds: float, level: int = 8000) -> bytes:
    times = np.arange(int(seconds * RATE_HZ)) / RATE_HZ
    return (level * np.sin(2 * np.pi * 100 * times)).astype("<i2").tobytes()


def cut(pcm: bytes) -> list[bytes]:
    return cut_at_pauses(pcm, RATE_HZ, longest_ms=10_000, least_ms=5_000)


def test_what_is_short_enough_stays_whole() -> None:
    assert cut(sound(10)) == [sound(10)]
    assert cut(b"") == [b""]


def test_the_cut_is_in_the_middle_of_the_pause() -> None:
    pieces = cut(sound(7) + sound(0.6, level=0) + sound(5))
    assert [len(piece) // 2 for piece in pieces] == [7300, 5300]


def test_of_several_pauses_the_quietest_is_taken() -> None:
    pcm = sound(6) + sound(0.5, level=500) + sound(1) + sound(0.5, level=10) + sound(6)
    first, _ = cut(pcm)
    assert 7500 < len(first) // 2 < 8000


@settings(max_examples=50)
@given(st.lists(st.tuples(st.floats(0.05, 8), st.sampled_from([0, 10, 8000])), max_size=10))
def test_joined_the_pieces_are_the_whole_and_none_is_too_long(parts: list[tuple[float, int]]) -> None:
    pcm = b"".join(sound(seconds, level) for seconds, level in parts)
    pieces = cut(pcm)
    assert b"".join(pieces) == pcm
    assert all(len(piece) // 2 <= 10_000 for piece in pieces)
    assert all(len(piece) // 2 >= 5_000 for piece in pieces[:-1])
