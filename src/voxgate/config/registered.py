"""Neural voices that ``voxgate voices add`` has registered: a file in the data folder."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from voxgate.config.neural import NeuralName, NeuralSettings
from voxgate.errors import ConfigurationError

FILE_NAME = "neural.toml"

_Voices = TypeAdapter(dict[NeuralName, NeuralSettings])


def registered(data_dir: Path) -> dict[str, NeuralSettings]:
    """Read what was registered; nothing when there is no such file.

    Raises:
        ConfigurationError: the file cannot be understood.
    """
    path = data_dir / FILE_NAME
    try:
        return _Voices.validate_python(tomllib.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return {}
    except ValidationError as error:
        mistake = error.errors()[0]
        where = ".".join(str(part) for part in mistake["loc"] if part != "[key]")
        raise ConfigurationError(f"{path}: {where} is wrong: {mistake['msg']}") from None
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path} is not TOML: {error}") from None


def register(data_dir: Path, name: str, voice: NeuralSettings) -> Path:
    """Write a voice down, in place of one of the same name; return the file.

    Raises:
        ConfigurationError: the name will not do, or the file cannot be read or written.
    """
    return _write(data_dir, {**registered(data_dir), name: voice})


def forget(data_dir: Path, name: str) -> bool:
    """Strike a voice out; return whether there was one.

    Raises:
        ConfigurationError: the file cannot be read or written.
    """
    every = registered(data_dir)
    if every.pop(name, None) is None:
        return False
    _write(data_dir, every)
    return True


def _write(data_dir: Path, every: Mapping[str, NeuralSettings]) -> Path:
    path = data_dir / FILE_NAME
    lines = ["# Written by `voxgate voices add`.\n"]
    for each, settings in every.items():
        lines.append(f"\n[{each}]\n")
        told = settings.model_dump(mode="json", exclude_none=True, exclude_defaults=True)
        told |= {field: str(file.absolute()) for field, file in settings.files().items()}
        # What JSON escapes in a string, and how, TOML does too.
        lines += [f"{field} = {json.dumps(value, ensure_ascii=False)}\n" for field, value in told.items()]
    fresh = path.with_suffix(".new")
    try:
        _Voices.validate_python(dict(every))
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        fresh.write_text("".join(lines), encoding="utf-8")
        fresh.replace(path)
    except ValidationError:
        raise ConfigurationError("A voice's name has letters, digits, - and _, 64 at most") from None
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be written: {error.strerror}") from None
    except UnicodeEncodeError:
        raise ConfigurationError("The name of a file is not UTF-8, so it cannot be written down") from None
    return path
