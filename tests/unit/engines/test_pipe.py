"""Frames come out as they went in, however the bytes are sliced."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voxgate.engines import espeak_worker
from voxgate.engines.pipe import MAX_PAYLOAD_BYTES, Frame, FrameKind, FrameParser, encode_frame
from voxgate.errors import EngineCrashed

frames = st.builds(
    Frame,
    st.sampled_from(FrameKind),
    st.integers(0, 2**32 - 1),
    st.binary(max_size=300),
)


@given(st.lists(frames, max_size=8), st.lists(st.integers(0, 3000), max_size=12))
def test_any_slicing_gives_the_same_frames(sent: list[Frame], cuts: list[int]) -> None:
    stream = b"".join(encode_frame(*frame) for frame in sent)
    parser = FrameParser()
    received: list[Frame] = []
    start = 0
    for end in [*sorted(min(cut, len(stream)) for cut in cuts), len(stream)]:
        received += parser.feed(stream[start:end])
        start = end
    assert received == sent


@given(frames)
def test_byte_by_byte_nothing_comes_before_the_last(frame: Frame) -> None:
    parser = FrameParser()
    stream = encode_frame(*frame)
    for at in range(len(stream) - 1):
        assert parser.feed(stream[at : at + 1]) == []
    assert parser.feed(stream[-1:]) == [frame]


def test_a_payload_too_long_is_refused_on_both_sides() -> None:
    with pytest.raises(ValueError, match="does not fit"):
        encode_frame(FrameKind.JOB, 1, bytes(MAX_PAYLOAD_BYTES + 1))
    with pytest.raises(EngineCrashed):
        FrameParser().feed(b"Traceback (most recent call last)")


def test_the_espeak_worker_speaks_the_same_layout() -> None:
    assert espeak_worker.frame(espeak_worker.AUDIO, 7, b"\1\2\3\4") == encode_frame(
        FrameKind.AUDIO, 7, b"\1\2\3\4"
    )
    for name in ("JOB", "CANCEL", "READY", "AUDIO", "EVENT", "DONE", "FAILED"):
        assert getattr(espeak_worker, name) == FrameKind[name]
