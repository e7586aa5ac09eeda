"""The file of registered neural voices: what is written is read again, and what is wrong is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from voxgate.config.neural import NeuralSettings
from voxgate.config.registered import FILE_NAME, forget, register, registered
from voxgate.errors import ConfigurationError


def voice(path: str, **changes: object) -> NeuralSettings:
    return NeuralSettings.model_validate(
        {"engine": "kokoro", "model": path, "voices": f"{path}.bin", **changes}
    )


def test_nothing_is_registered_at_first(tmp_path: Path) -> None:
    assert registered(tmp_path) == {}
    assert registered(tmp_path / "nowhere") == {}
    assert not forget(tmp_path, "anna")
    assert list(tmp_path.iterdir()) == []


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    folder = tmp_path / "made" / "now"
    one = voice('/models/\U0001f600 "quoted" \\ [brackets] #.onnx', threads=3)
    other = voice("/ماڈل.onnx", gender="female", language="ur", min_workers=1)
    assert register(folder, "anna-1", one) == folder / FILE_NAME
    register(folder, "Bert_2", other)
    assert registered(folder) == {"anna-1": one, "Bert_2": other}
    register(folder, "anna-1", other)
    assert registered(folder) == {"anna-1": other, "Bert_2": other}
    assert forget(folder, "anna-1")
    assert registered(folder) == {"Bert_2": other}
    assert [path.name for path in folder.iterdir()] == [FILE_NAME]


@pytest.mark.parametrize("name", ["", "a.b", "a b", "a]", "ä", "x" * 65])
def test_a_name_that_will_not_do_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError):
        register(tmp_path, name, voice("/a.onnx"))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("nonsense", "is not TOML"),
        ("[anna]\nengine = 'piper'\n", "anna.model is wrong: Field required"),
        ("[anna]\nengine = 'espeak'\nmodel = 'x'\n", "anna.engine is wrong"),
        ("['a.b']\nengine = 'piper'\nmodel = 'x'\n", "a.b is wrong"),
        ("anna = 1\n", "anna is wrong"),
    ],
)
def test_a_file_that_cannot_be_understood_is_told(text: str, told: str, tmp_path: Path) -> None:
    path = tmp_path / FILE_NAME
    path.write_text(text)
    with pytest.raises(ConfigurationError) as refused:
        registered(tmp_path)
    assert refused.value.message.startswith(str(path))
    assert told in refused.value.message
    with pytest.raises(ConfigurationError):
        register(tmp_path, "anna", voice("/a.onnx"))
    assert path.read_text() == text


def test_a_folder_that_cannot_be_written_to_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigurationError, match="cannot be"):
        register(tmp_path / "file", "anna", voice("/a.onnx"))
