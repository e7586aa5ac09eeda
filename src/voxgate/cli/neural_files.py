"""Finds out which engine speaks a model, by the files that lie there."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

from voxgate.config.neural import NeuralSettings
from voxgate.errors import InvalidRequest
from voxgate.speech.language import is_tag, normal_tag

ENGINES = ("piper", "kokoro", "sherpa")

_VOCODER = re.compile(r"(vocos|hifigan|vocoder)", re.IGNORECASE)
_NAMELESS = re.compile(r"(model|voice)([._-](int8|fp16|onnx|q\w+))*", re.IGNORECASE)
_MOST_NAME_CHARACTERS = 64


def find_model(path: Path, engine: str | None = None) -> NeuralSettings:
    """Find a model's files.

    Args:
        path: the ONNX file, its JSON, or the folder of both.
        engine: what is to speak it; None leaves it to the files. ``x.onnx`` with ``x.onnx.json`` is Piper's;
            ``tokens.txt`` beside it means sherpa-onnx, and a file of voices without that Kokoro.

    Raises:
        InvalidRequest: there is no model, or more than one, or nothing tells whose it is.
    """
    path = path.expanduser()
    if not path.exists():
        raise InvalidRequest(f"There is no {path}", field="path")
    model = _model(path)
    folder = model.parent
    config = Path(f"{model}.json")
    tokens, voices = _first(folder, "tokens.txt"), _first(folder, "voices*.bin", "voices*.npz")
    engine = engine or _engine(model, config, tokens, voices)
    if engine == "piper":
        return NeuralSettings(engine="piper", model=model, language=_language(config) or "en-US")
    if engine == "kokoro":
        vocabulary = folder / "config.json"
        return NeuralSettings(
            engine="kokoro",
            model=model,
            voices=voices,
            config=vocabulary if "vocab" in _read(vocabulary) else None,
        )
    data = folder / "espeak-ng-data"
    vocoders = [each for each in _models(folder) if each != model and _VOCODER.search(each.name)]
    return NeuralSettings(
        engine="sherpa",
        model=model,
        tokens=tokens,
        voices=voices,
        lexicon=_first(folder, "lexicon.txt", "lexicon*.txt"),
        data_dir=data if data.is_dir() else None,
        vocoder=vocoders[0] if vocoders else None,
        language=_language(config) or "en-US",
    )


def default_name(model: Path) -> str:
    """Name a voice after its file, or after its folder where the file's name tells nothing."""
    stem = model.absolute().parent.name if _NAMELESS.fullmatch(model.stem) else model.stem
    return re.sub(r"[^A-Za-z0-9_-]+", "-", stem).strip("-")[:_MOST_NAME_CHARACTERS] or "voice"


def _engine(model: Path, config: Path, tokens: Path | None, voices: Path | None) -> str:
    if config.is_file():
        return "piper"
    if tokens is not None:
        return "sherpa"
    if voices is not None:
        return "kokoro"
    raise InvalidRequest(
        f"Beside {model} there is neither {config.name} (Piper) nor tokens.txt (sherpa-onnx) nor a file "
        "voices*.bin or voices*.npz (Kokoro)",
        field="path",
    )


def _model(path: Path) -> Path:
    if path.is_dir():
        models = [each for each in _models(path) if not _VOCODER.search(each.name)]
        if not models:
            raise InvalidRequest(f"There is no ONNX file in {path}", field="path")
        if len(models) > 1:
            found = ", ".join(each.name for each in models)
            raise InvalidRequest(f"Which model in {path}? There are {found}", field="path")
        return models[0]
    if path.name.endswith(".onnx.json"):
        path = path.with_suffix("")
    if path.suffix != ".onnx" or not path.is_file():
        raise InvalidRequest(f"{path} is no ONNX file", field="path")
    return path


def _models(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.onnx"))


def _first(folder: Path, *patterns: str) -> Path | None:
    found: Iterator[Path] = (path for pattern in patterns for path in sorted(folder.glob(pattern)))
    return next(found, None)


def _language(config: Path) -> str | None:
    """Read from Piper's JSON which language its voice speaks."""
    language = _read(config).get("language")
    code = language.get("code") if isinstance(language, dict) else None
    if isinstance(code, str) and is_tag(tag := code.replace("_", "-")):
        return normal_tag(tag)
    return None


def _read(path: Path) -> dict[str, object]:
    """Read a JSON object; an empty one when it cannot be read. Who loads the model says what is wrong."""
    try:
        read = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return read if isinstance(read, dict) else {}
