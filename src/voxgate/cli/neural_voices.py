"""``voxgate voices add`` and ``voxgate voices remove``: neural voices of the user's own."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from voxgate.cli.options import ConfigOption, DataDirOption, read_settings
from voxgate.errors import ConfigurationError, InvalidRequest

if TYPE_CHECKING:
    from voxgate.config import Settings
    from voxgate.config.neural import NeuralSettings
    from voxgate.speech.voice import Gender


def add(
    path: Annotated[
        Path,
        typer.Argument(
            metavar="PATH", help="The model: its ONNX file, or the folder of it.", show_default=False
        ),
    ],
    name: Annotated[
        str | None,
        typer.Option(
            help="What to call it: letters, digits, - and _. Without it: as the file is called.",
            show_default=False,
        ),
    ] = None,
    language: Annotated[
        str | None,
        typer.Option(
            help="What it speaks, such as ur or en-GB. Without it: as Piper's JSON says, else en-US. "
            "Kokoro's voices say it in their names.",
            show_default=False,
        ),
    ] = None,
    gender: Annotated[str, typer.Option(help="female, male, neutral or unknown.")] = "unknown",
    engine: Annotated[
        str | None,
        typer.Option(help="piper, kokoro or sherpa. Without it: as the files tell.", show_default=False),
    ] = None,
    text: Annotated[str | None, typer.Option(help="What to say as a sample.", show_default=False)] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="WAV file for the sample. Without it: as the voice is called, in the current folder.",
            show_default=False,
        ),
    ] = None,
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
) -> None:
    """Register a neural voice of your own: the next `voxgate serve` has it.

    Takes a model of Piper (`x.onnx` with `x.onnx.json`), of Kokoro (an ONNX file with a file of voices) or
    one for sherpa-onnx (with `tokens.txt`), loads it, and has it speak a sample. What cannot be loaded or
    does not speak is not registered. The files stay where they are; a voice of the same name is replaced.
    """
    import asyncio

    from voxgate.cli.neural_files import default_name, find_model
    from voxgate.cli.neural_sample import speak_sample
    from voxgate.config import LogSettings
    from voxgate.config.registered import register
    from voxgate.observe.logs import configure_logging

    settings = read_settings(config, data_dir)
    model = _described(find_model(path, _known_engine(engine)), language, gender)
    name = _free_name(name or default_name(model.model), settings)
    configure_logging(LogSettings(level="error"))
    output = output or Path(f"{name}.wav")
    sample = asyncio.run(speak_sample(name, model, text, output))
    file = register(settings.data_dir, name, model)
    first, *others = sample.voices
    print(f"{output}: {sample.duration_s:.1f} s of speech by {first.name}, {first.languages[0]}")
    if others:
        print(f"It has more voices ({len(others)}): {others[0].name} and so on, see `voxgate voices`.")
    print(f"Registered in {file}: `voxgate serve` has it from its next start.")


def remove(
    name: Annotated[str, typer.Argument(metavar="NAME", help="As it was registered.", show_default=False)],
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
) -> None:
    """Forget a neural voice that `voxgate voices add` has registered. Its files stay."""
    from voxgate.config.registered import forget

    if not forget(read_settings(config, data_dir).data_dir, name):
        raise InvalidRequest(f"No voice was registered as {name}", field="name")
    print(f"removed {name}")


def known_gender(gender: str | None) -> Gender | None:
    """Read ``--gender``; raises `InvalidRequest` when there is none of that name."""
    from voxgate.speech.voice import Gender

    try:
        return None if gender is None else Gender(gender.lower())
    except ValueError:
        raise InvalidRequest(f"--gender is one of {', '.join(Gender)}", field="gender") from None


def _known_engine(engine: str | None) -> str | None:
    from voxgate.cli.neural_files import ENGINES

    if engine is not None and engine not in ENGINES:
        raise InvalidRequest(f"--engine is one of {', '.join(ENGINES)}", field="engine")
    return engine


def _described(model: NeuralSettings, language: str | None, gender: str) -> NeuralSettings:
    from voxgate.speech.language import is_tag, normal_tag

    update: dict[str, Any] = {"gender": str(known_gender(gender))}
    if language is not None:
        if not is_tag(language):
            raise InvalidRequest("--language is a tag such as ur or en-GB", field="language")
        update["language"] = normal_tag(language)
    return model.model_copy(update=update)


def _free_name(name: str, settings: Settings) -> str:
    """Judge a name; one that was registered in another spelling is spelled as it was."""
    from pydantic import TypeAdapter, ValidationError

    from voxgate.config.neural import NeuralName
    from voxgate.config.registered import registered

    try:
        TypeAdapter(NeuralName).validate_python(name)
    except ValidationError:
        raise InvalidRequest("--name has letters, digits, - and _, 64 at most", field="name") from None
    if name.lower() in map(str.lower, settings.neural):
        raise ConfigurationError(f"neural.{name} stands in the settings already: choose another --name")
    known = {each.lower(): each for each in registered(settings.data_dir)}
    return known.get(name.lower(), name)
