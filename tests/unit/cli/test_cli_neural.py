"""``voxgate voices add`` and ``remove``: a model's files are recognized, it speaks, and it is registered."""

from __future__ import annotations

import json
import wave
from pathlib import Path

import pytest

from tests.support import neural_models
from tests.unit.cli.conftest import Run
from voxgate.cli.checks import Grade
from voxgate.cli.checks.installation import check_neural_voices
from voxgate.cli.neural_files import default_name, find_model
from voxgate.config import Settings
from voxgate.config.registered import FILE_NAME, registered
from voxgate.errors import InvalidRequest


def touched(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


@pytest.mark.parametrize("engine", ["piper", "kokoro", "sherpa"])
def test_a_model_speaks_a_sample_and_is_there_from_then_on(
    engine: str, run: Run, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    model = neural_models.tiny(engine, tmp_path / "models").model
    assert run("voices", "add", str(model.parent), "--name", "anna", "--gender", "female") == 0
    first = {"kokoro": "Local.Kokoro.af_tiny"}.get(engine, f"Local.{engine.title()}.anna")
    told = capsys.readouterr().out
    assert told.startswith("anna.wav: ")
    assert f"by {first}, {'en-GB' if engine == 'piper' else 'en-US'}\n" in told
    with wave.open("anna.wav") as sound:
        assert sound.getnchannels() == 1
        assert 0.3 < sound.getnframes() / sound.getframerate() < 30
    assert run("voices", "--json", "--model", engine) == 0
    records = json.loads(capsys.readouterr().out)
    assert (records[0]["id"], records[0]["gender"]) == (first, "female")
    assert run("say", "Hello.", "--voice", first, "-o", "said.wav") == 0
    assert f"by {first}" in capsys.readouterr().err
    assert run("voices", "remove", "anna") == 0
    assert run("voices", "--model", engine) == 0
    assert capsys.readouterr().out.endswith("There is no such voice.\n")
    assert model.exists()


def test_options_are_written_down_and_the_name_is_kept(run: Run, tmp_path: Path) -> None:
    model = neural_models.tiny("piper", tmp_path / 'a "quoted" folder').model
    options = ("--language", "ur_pk", "--text", "سلام", "-o", "sample.wav")
    assert run("voices", "add", str(model), "--name", "Anna", *options) == 0
    assert run("voices", "add", f"{model}.json", "--name", "anna", "--engine", "piper") == 0
    assert Path("sample.wav").stat().st_size > 1000
    (voice,) = registered(tmp_path / "data").items()
    assert voice[0] == "Anna"
    assert (voice[1].model, voice[1].language) == (model, "en-GB")


def test_a_relative_path_is_written_down_in_full(run: Run, tmp_path: Path) -> None:
    neural_models.tiny("piper", tmp_path / "models")
    assert run("voices", "add", "models/tiny.onnx") == 0
    assert registered(tmp_path / "data")["tiny"].model == tmp_path / "models" / "tiny.onnx"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("nowhere",), "There is no nowhere"),
        (("empty",), "There is no ONNX file in empty"),
        (("two",), "Which model in two? There are a.onnx, b.onnx"),
        (("bare/x.onnx",), "Beside bare/x.onnx there is neither x.onnx.json (Piper) nor tokens.txt"),
        (("bare/x.txt",), "bare/x.txt is no ONNX file"),
        (("bare", "--engine", "espeak"), "--engine is one of piper, kokoro, sherpa"),
        (("bare", "--engine", "piper", "--gender", "tall"), "--gender is one of female, male"),
        (
            ("bare", "--engine", "piper", "--language", "no language"),
            "--language is a tag such as ur or en-GB",
        ),
        (("bare", "--engine", "piper", "--name", "a.b"), "--name has letters, digits, - and _, 64 at most"),
        (("bare", "--engine", "piper"), "neural.x.config: there is no file bare/x.onnx.json"),
        (("bare", "--engine", "kokoro"), "neural.x.voices is needed for kokoro"),
    ],
)
def test_what_cannot_be_added_is_told_in_a_line(
    arguments: tuple[str, ...], told: str, run: Run, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    touched(tmp_path, "two/a.onnx", "two/b.onnx", "bare/x.onnx", "bare/x.txt", "empty/readme")
    assert run("voices", "add", *arguments) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"voxgate: {told}")
    assert said.count("\n") == 1
    assert not (tmp_path / "data").exists()


def test_a_model_that_cannot_be_loaded_is_not_registered(
    run: Run, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    model = neural_models.tiny("piper", tmp_path / "models").model
    model.write_bytes(b"no model at all")
    assert run("voices", "add", str(model)) == 2
    *_, last = capsys.readouterr().err.splitlines()
    assert last.startswith(f"voxgate: neural.tiny: piper cannot load {model}: ")
    assert not (tmp_path / "data").exists()
    assert not Path("tiny.wav").exists()


def test_a_name_in_the_settings_is_not_registered_as_well(
    run: Run, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    model = neural_models.tiny("piper", tmp_path / "models").model
    Path("voxgate.toml").write_text(f'[neural.tiny]\nengine = "piper"\nmodel = "{model}"\n')
    assert run("voices", "add", str(model)) == 2
    assert "neural.tiny stands in the settings already" in capsys.readouterr().err


def test_who_was_not_registered_cannot_be_removed(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("voices", "remove", "anna") == 2
    assert capsys.readouterr().err == "voxgate: No voice was registered as anna\n"


def test_the_engine_is_known_by_the_files(tmp_path: Path) -> None:
    piper = touched(tmp_path / "p", "amy.onnx", "amy.onnx.json", "tokens.txt", "espeak-ng-data/phontab")
    found = find_model(piper)
    assert (found.engine, found.model.name) == ("piper", "amy.onnx")
    found = find_model(piper, "sherpa")
    assert (found.engine, found.tokens, found.data_dir) == (
        *("sherpa", piper / "tokens.txt", piper / "espeak-ng-data"),
    )
    kokoro = touched(tmp_path / "k", "kokoro-v1.0.onnx", "voices-v1.0.bin")
    found = find_model(kokoro)
    assert (found.engine, found.voices, found.config) == ("kokoro", kokoro / "voices-v1.0.bin", None)
    (kokoro / "config.json").write_text('{"vocab": {"a": 1}}')
    assert find_model(kokoro).config == kokoro / "config.json"
    found = find_model(touched(kokoro, "tokens.txt"))
    assert (found.engine, found.voices) == ("sherpa", kokoro / "voices-v1.0.bin")
    matcha = touched(tmp_path / "m", "model-steps-3.onnx", "vocos-22khz.onnx", "tokens.txt", "lexicon-en.txt")
    found = find_model(matcha)
    assert (found.model.name, found.vocoder, found.lexicon) == (
        *("model-steps-3.onnx", matcha / "vocos-22khz.onnx", matcha / "lexicon-en.txt"),
    )


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("x/en_US-amy-medium.onnx", "en_US-amy-medium"),
        ("x/kokoro-v1.0.onnx", "kokoro-v1-0"),
        ("vits-mms-urd/model.onnx", "vits-mms-urd"),
        ("vits-mms-urd/model.int8.onnx", "vits-mms-urd"),
        ("x/Чужой.onnx", "voice"),
    ],
)
def test_a_voice_is_called_as_its_file(path: str, name: str) -> None:
    assert default_name(Path(path)) == name


def test_a_piper_voice_without_a_readable_language_is_english(tmp_path: Path) -> None:
    touched(tmp_path, "a.onnx", "a.onnx.json")
    for content in ("", "[]", '{"language": "de"}', '{"language": {"code": "no tag at all"}}'):
        (tmp_path / "a.onnx.json").write_text(content)
        assert find_model(tmp_path).language == "en-US"
    (tmp_path / "a.onnx.json").write_text('{"language": {"code": "pt_BR"}}')
    assert find_model(tmp_path).language == "pt-BR"
    with pytest.raises(InvalidRequest):
        find_model(tmp_path / "a.onnx.jso")


def test_the_doctor_finds_voices_whose_files_have_gone(run: Run, tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path / "data")
    assert list(check_neural_voices(settings)) == []
    model = neural_models.tiny("piper", tmp_path / "models").model
    assert run("voices", "add", str(model)) == 0
    (finding,) = check_neural_voices(settings)
    assert (finding.grade, finding.told) == (Grade.GOOD, "the files of tiny are there")
    model.unlink()
    (finding,) = check_neural_voices(settings)
    assert finding.grade is Grade.BROKEN
    assert finding.told == f"neural.tiny.model: there is no file {model}"
    assert "voxgate voices remove tiny" in finding.mend
    (tmp_path / "data" / FILE_NAME).write_text("nonsense")
    (finding,) = check_neural_voices(settings)
    assert finding.grade is Grade.BROKEN
    assert FILE_NAME in finding.told
