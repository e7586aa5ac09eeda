"""Neural voices that ``voxgate voices add`` has registered: a file in the data folder."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

from pydantic import ValidationError

from voxgate.config.neural import NeuralSettings
from voxgate.errors import ConfigurationError

FILE_NAME = "neural.toml"


def registered(data_dir: Path) -> dict[str, NeuralSettings]:
    """Read what was registered; nothing when there is no such file.

    Raises:
        ConfigurationError: the file cannot be understood.
    """
    path = data_dir / FILE_NAME
    try:
        sections = tomllib.loads(path.read_text(encoding="utf-8"))
        return {name: NeuralSettings.model_validate(section) for name, section in sections.items()}
    except FileNotFoundError:
        return {}
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError, ValidationError) as error:
        raise ConfigurationError(f"{path} cannot be read: {type(error).__name__}") from None


def register(data_dir: Path, name: str, voice: NeuralSettings) -> Path:
    """Write a voice down, in place of one of the same name; return the file."""
    path = data_dir / FILE_NAME
    every = {**registered(data_dir), name: voice}
    lines = ["# Written by `voxgate voices add`.\n"]
    for each, settings in every.items():
        lines.append(f"\n[{json.dumps(each)}]\n")
        told = settings.model_dump(mode="json", exclude_none=True, exclude_defaults=True)
        lines += [f"{field} = {json.dumps(value)}\n" for field, value in told.items()]
    fresh = path.with_suffix(".new")
    fresh.write_text("".join(lines), encoding="utf-8")
    fresh.replace(path)
    return path
