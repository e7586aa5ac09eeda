"""A turn model: real loading code, on tiny models that the test makes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from voxgate.clock import LoopClock
from voxgate.conversation.finishing import ModelFinisher, turn_command, turn_pool
from voxgate.conversation.recognizing import Segment
from voxgate.conversation.turn import (
    Judged,
    SpeechStarted,
    SpeechStopped,
    Tick,
    Transcript,
    TurnMachine,
    TurnSettings,
    WakeAt,
)
from voxgate.errors import ConfigurationError, EngineCrashed


def loud_model(path: Path, shape: list[int | str]) -> Path:
    """A model that takes a loud end for an unfinished turn: 4 minus 100 times the mean of |x|."""
    nodes = [
        helper.make_node("Abs", ["x"], ["size"]),
        helper.make_node("ReduceMean", ["size"], ["mean"], keepdims=0),
        helper.make_node("Mul", ["mean", "steep"], ["scaled"]),
        helper.make_node("Sub", ["top", "scaled"], ["y"]),
    ]
    graph = helper.make_graph(
        nodes,
        "loud",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [])],
        [
            numpy_helper.from_array(np.array(100, np.float32), "steep"),
            numpy_helper.from_array(np.array(4, np.float32), "top"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.save(model, path)
    return path


def segment(pcm: bytes) -> Segment:
    made = Segment(1)
    made.add(pcm)
    made.end()
    return made


LOUD = (np.sin(np.arange(128_000) / 5) * 20_000).astype("<i2").tobytes()


async def test_a_model_of_samples_judges(tmp_path: Path) -> None:
    pool = turn_pool(loud_model(tmp_path / "turn.onnx", [1, "length"]), LoopClock())
    await pool.start()
    try:
        finisher = ModelFinisher(pool, timeout_s=10)
        assert await finisher.finished(segment(bytes(3200))) > 0.9
        assert await finisher.finished(segment(LOUD)) < 0.1
    finally:
        await pool.aclose()


async def test_a_model_of_mel_features_judges(tmp_path: Path) -> None:
    pool = turn_pool(loud_model(tmp_path / "turn.onnx", [1, 80, 800]), LoopClock())
    await pool.start()
    try:
        assert 0 <= await ModelFinisher(pool, timeout_s=10).finished(segment(LOUD)) <= 1
    finally:
        await pool.aclose()


async def test_a_missing_or_broken_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="absent"):
        turn_command(tmp_path / "absent.onnx")
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"no model")
    with pytest.raises(EngineCrashed):
        await turn_pool(broken, LoopClock()).start()


@pytest.mark.parametrize(("finished", "wait_ms"), [(0.9, 200), (0.1, 1200)])
def test_the_machine_takes_the_models_word(finished: float, wait_ms: int) -> None:
    machine = TurnMachine(TurnSettings())
    machine.handle(SpeechStarted(0, 1))
    machine.handle(SpeechStopped(1000, 1))
    machine.handle(Judged(1010, 1, finished))
    assert machine.handle(Transcript(1050, 1, "book a table")) == [WakeAt(1000 + wait_ms)]
    assert machine.handle(Tick(1000 + wait_ms)) != []
