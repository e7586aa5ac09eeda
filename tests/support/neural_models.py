"""Tiny neural voices, made where they are needed: a few kilobytes each, and what they say is a tone.

They have the inputs, the outputs and the files of real ones, so that the real packages load them. The tone
lasts as long as the phonemes are many, at the speed asked for, and its pitch tells the speakers apart.
What they cannot show is how a real voice sounds and how fast it is.

A model may be made ``slow_over`` so many tokens: given more it computes for ever, in many small steps.
"""

from __future__ import annotations

import importlib.util
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import ModelProto, NodeProto, TensorProto, ValueInfoProto, helper, numpy_helper, save

from voxgate.config.neural import NeuralSettings

PIPER_HZ, SHERPA_HZ, KOKORO_HZ = 22_050, 16_000, 24_000
TOKEN_MS = 60
BASE_HZ, SPEAKER_HZ = 200.0, 100.0
"""The first speaker's pitch, and how much higher each further one's is."""
CHARACTERS = "abcdefghijklmnopqrstuvwxyz0123456789"
KOKORO_SPEAKERS = ("af_tiny", "bm_tiny")
_MODULES = {"piper": "piper", "kokoro": "kokoro_onnx", "sherpa": "sherpa_onnx"}
_FOR_EVER = 10**12


def need(engine: str) -> None:
    """Skip a test whose engine is not installed, but not where every test must run."""
    if importlib.util.find_spec(_MODULES[engine]) is None:
        message = f"{engine} is not installed: pip install 'voxgate[{engine}]'"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)


def tiny(engine: str, folder: Path, slow_over: int | None = None, **settings: Any) -> NeuralSettings:
    """Make a voice of an engine in a folder; return its section of the settings."""
    need(engine)
    folder.mkdir(parents=True, exist_ok=True)
    make = {"piper": piper, "kokoro": kokoro, "sherpa": sherpa}[engine]
    return make(folder, slow_over).model_copy(update=settings)


def piper(
    folder: Path,
    slow_over: int | None = None,
    *,
    speakers: Sequence[str] = (),
    phonemes: str = "espeak",
    name: str = "tiny",
) -> NeuralSettings:
    """Make ``<name>.onnx`` and ``<name>.onnx.json``."""
    inputs = [
        _tensor("input", "I", [1, "n"]),
        _tensor("input_lengths", "I", [1]),
        _tensor("scales", "F", [3]),
    ]
    if speakers:
        inputs.append(_tensor("sid", "I", [1]))
    nodes = [
        _node("Gather", ["scales", "second"], "scale"),
        *(_pitch_of("sid") if speakers else [_node("Identity", ["base"], "pitch")]),
        *_tone("input_lengths", PIPER_HZ, TOKEN_MS / 2, slow_over),  # there is a pad behind each phoneme
        _node("Reshape", ["tone", "four"], "output"),
    ]
    path = folder / f"{name}.onnx"
    _save(path, nodes, inputs, _tensor("output", "F", [1, 1, 1, "samples"]))
    symbols = "_^$ " + CHARACTERS + ".,;:!?'-ˈˌːæɑɐɒɔəɚɜɛɪʊʌθðʃʒŋɡɹɾʔᵻ"
    config = {
        "audio": {"sample_rate": PIPER_HZ, "quality": "tiny"},
        "espeak": {"voice": "en-us"},
        "phoneme_type": phonemes,
        "language": {"code": "en_GB"},
        "inference": {"noise_scale": 0.667, "length_scale": 1.0, "noise_w": 0.8},
        "num_symbols": len(symbols),
        "num_speakers": max(1, len(speakers)),
        "speaker_id_map": {speaker: number for number, speaker in enumerate(speakers)},
        "phoneme_id_map": {symbol: [number] for number, symbol in enumerate(symbols)},
    }
    path.with_suffix(".onnx.json").write_text(json.dumps(config), encoding="utf-8")
    return NeuralSettings(engine="piper", model=path)


def kokoro(folder: Path, slow_over: int | None = None) -> NeuralSettings:
    """Make ``kokoro.onnx`` and ``voices.bin``."""
    inputs = [_tensor("tokens", "I", [1, "n"]), _tensor("style", "F", [1, 256]), _tensor("speed", "F", [1])]
    nodes = [
        _node("Shape", ["tokens"], "shape"),
        _node("Gather", ["shape", "second"], "length"),
        _node("Reciprocal", ["speed"], "scale"),
        _node("Gather", ["style", "first"], "styled", axis=1),
        _node("Reshape", ["styled", "second"], "pitch"),
        *_tone("length", KOKORO_HZ, TOKEN_MS, slow_over),
        _node("Identity", ["tone"], "audio"),
    ]
    path = folder / "kokoro.onnx"
    _save(path, nodes, inputs, _tensor("audio", "F", ["samples"]))
    styles: dict[str, Any] = {
        name: np.full((510, 1, 256), BASE_HZ + SPEAKER_HZ * number, np.float32)
        for number, name in enumerate(KOKORO_SPEAKERS)
    }
    with (folder / "voices.bin").open("wb") as file:
        np.savez_compressed(file, **styles)
    return NeuralSettings(engine="kokoro", model=path, voices=folder / "voices.bin")


def sherpa(
    folder: Path, slow_over: int | None = None, *, speakers: int = 1, words: Sequence[str] = ()
) -> NeuralSettings:
    """Make ``model.onnx`` and ``tokens.txt``; with words a ``lexicon.txt``, and it knows no others."""
    inputs = [_tensor("x", "I", [1, "n"]), _tensor("x_length", "I", [1])]
    inputs += [_tensor(name, "F", [1]) for name in ("noise_scale", "length_scale", "noise_scale_w")]
    if speakers > 1:
        inputs.append(_tensor("sid", "I", [1]))
    nodes = [
        _node("Identity", ["length_scale"], "scale"),
        *(_pitch_of("sid") if speakers > 1 else [_node("Identity", ["base"], "pitch")]),
        *_tone("x_length", SHERPA_HZ, TOKEN_MS / 2, slow_over),  # likewise
        _node("Reshape", ["tone", "three"], "y"),
    ]
    path = folder / "model.onnx"
    about = {"model_type": "vits", "comment": "tiny", "language": "English", "add_blank": 1}
    about |= {"sample_rate": SHERPA_HZ, "n_speakers": speakers, "punctuation": ", . ! ?"}
    if not words:
        about |= {"frontend": "characters", "use_eos_bos": 0, "blank_id": 0, "bos_id": 0, "eos_id": 0}
    _save(path, nodes, inputs, _tensor("y", "F", [1, 1, "samples"]), about)
    tokens = ["_", *CHARACTERS, *",.!?", " "]
    (folder / "tokens.txt").write_text("".join(f"{token} {number}\n" for number, token in enumerate(tokens)))
    settings: dict[str, Any] = {"engine": "sherpa", "model": path, "tokens": folder / "tokens.txt"}
    if words:
        settings["lexicon"] = folder / "lexicon.txt"
        settings["lexicon"].write_text("".join(f"{word} {' '.join(word)}\n" for word in words))
    return NeuralSettings(**settings)


def _tone(length: str, rate_hz: int, token_ms: float, slow_over: int | None) -> list[NodeProto]:
    """Make ``tone`` of ``pitch`` Hz: ``length`` tokens, times ``scale``."""
    samples = _constant(np.array([rate_hz * token_ms / 1000], np.float32))
    turn = _constant(np.array([2 * np.pi / rate_hz], np.float32))
    nodes = [
        helper.make_node("Constant", [], ["samples_a_token"], value=samples),
        helper.make_node("Constant", [], ["turn"], value=turn),
        _node("Cast", [length], "tokens_f", to=TensorProto.FLOAT),
        _node("Mul", ["tokens_f", "scale"], "scaled"),
        _node("Mul", ["scaled", "samples_a_token"], "count_f"),
        _node("Cast", ["count_f"], "count_1", to=TensorProto.INT64),
        _node("Squeeze", ["count_1"], "count"),
        _node("Range", ["zero", "count", "one"], "index"),
        _node("Cast", ["index"], "index_f", to=TensorProto.FLOAT),
        _node("Mul", ["turn", "pitch"], "step"),
        _node("Mul", ["index_f", "step"], "angle"),
        _node("Sin", ["angle"], "sine"),
        _node("Mul", ["sine", "half"], "quieter"),
    ]
    if slow_over is None:
        return [*nodes, _node("Identity", ["quieter"], "tone")]
    return [*nodes, *_toil(length, slow_over), _node("Add", ["quieter", "nothing"], "tone")]


def _toil(length: str, over: int) -> list[NodeProto]:
    """Make ``nothing``, for ever if there are more tokens than that."""
    body = helper.make_graph(
        [_node("Mul", ["x_in", "x_in"], "x_out"), _node("Identity", ["go_in"], "go_out")],
        "step",
        [_tensor("i", "I", []), _tensor("go_in", "B", []), _tensor("x_in", "F", [1])],
        [_tensor("go_out", "B", []), _tensor("x_out", "F", [1])],
    )
    return [
        helper.make_node("Constant", [], ["most"], value=_constant(np.array([over], np.int64))),
        helper.make_node("Constant", [], ["ever"], value=_constant(np.array(_FOR_EVER, np.int64))),
        helper.make_node("Constant", [], ["go"], value=_constant(np.array(True))),
        helper.make_node("Constant", [], ["idle"], value=_constant(np.array([0], np.float32))),
        _node("Greater", [length, "most"], "long_1"),
        _node("Squeeze", ["long_1"], "long"),
        _node("Where", ["long", "ever", "zero"], "trips"),
        helper.make_node("Loop", ["trips", "go", "idle"], ["nothing"], body=body),
    ]


def _pitch_of(speaker: str) -> list[NodeProto]:
    return [
        _node("Cast", [speaker], "speaker_f", to=TensorProto.FLOAT),
        _node("Mul", ["speaker_f", "higher"], "above"),
        _node("Add", ["above", "base"], "pitch"),
    ]


_CONSTANTS: dict[str, np.ndarray[Any, Any]] = {
    "zero": np.array(0, np.int64),
    "one": np.array(1, np.int64),
    "first": np.array([0], np.int64),
    "second": np.array([1], np.int64),
    "half": np.array([0.5], np.float32),
    "base": np.array([BASE_HZ], np.float32),
    "higher": np.array([SPEAKER_HZ], np.float32),
    "three": np.array([1, 1, -1], np.int64),
    "four": np.array([1, 1, 1, -1], np.int64),
}


def _node(kind: str, inputs: list[str], output: str, **attributes: Any) -> NodeProto:
    return helper.make_node(kind, inputs, [output], **attributes)


def _constant(values: np.ndarray[Any, Any]) -> TensorProto:
    return numpy_helper.from_array(values)


def _tensor(name: str, kind: str, shape: list[Any]) -> ValueInfoProto:
    kinds = {"I": TensorProto.INT64, "F": TensorProto.FLOAT, "B": TensorProto.BOOL}
    return helper.make_tensor_value_info(name, kinds[kind], shape)


def _save(
    path: Path,
    nodes: list[NodeProto],
    inputs: list[ValueInfoProto],
    output: ValueInfoProto,
    about: dict[str, Any] | None = None,
) -> None:
    used = {name for node in nodes for name in node.input}
    constants = [numpy_helper.from_array(values, name) for name, values in _CONSTANTS.items() if name in used]
    graph = helper.make_graph(nodes, "tiny", inputs, [output], constants)
    # What every runtime knows: the one in sherpa-onnx is not the one in onnxruntime's package.
    model: ModelProto = helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 17)])
    helper.set_model_props(model, {name: str(value) for name, value in (about or {}).items()})
    save(model, str(path))
