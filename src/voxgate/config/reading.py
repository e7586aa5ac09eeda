"""Reads the settings, and names every one that is unknown or wrong."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_settings import BaseSettings, InitSettingsSource, PydanticBaseSettingsSource

from voxgate.config.section import Section
from voxgate.config.settings import PREFIX, Settings
from voxgate.errors import ConfigurationError

FILE_NAME = "voxgate.toml"
CONFIG_VARIABLE = "VOXGATE_CONFIG"
URL_VARIABLE = "VOXGATE_URL"
KEY_VARIABLE = "VOXGATE_API_KEY"
"""This one and the one above are for clients: which server to talk to, and with which key."""

_NO_SETTINGS = frozenset({CONFIG_VARIABLE, URL_VARIABLE, KEY_VARIABLE})
# What Kubernetes and old container links put into the environment for a service that is called "voxgate".
_PUT_BY_KUBERNETES = re.compile(r"(SERVICE_HOST|SERVICE_PORT(_.+)?|PORT(_\d+_.+)?)$")


def load_settings(config: Path | None = None, overrides: Mapping[str, Any] | None = None) -> Settings:
    """Read the settings from everywhere they can stand.

    Args:
        config: the settings file; it must exist. None takes ``VOXGATE_CONFIG``, else ``voxgate.toml`` in the
            current folder when there is one.
        overrides: what the command line said, nested by section; it wins.

    Raises:
        ConfigurationError: a setting is unknown or wrong, or the file cannot be read; one line that names it.
    """
    in_file = _read_file(config)

    class Loaded(Settings):
        @classmethod
        def settings_customise_sources(
            cls, settings_cls: type[BaseSettings], *sources: Any, **named: Any
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            first = super().settings_customise_sources(settings_cls, *sources, **named)
            return *first, InitSettingsSource(settings_cls, in_file)

    _refuse_unknown_variables()
    try:
        return Loaded(**(overrides or {}))
    except ValidationError as error:
        raise ConfigurationError("; ".join(_told(error))) from None


def _read_file(config: Path | None) -> dict[str, Any]:
    named = config or (Path(os.environ[CONFIG_VARIABLE]) if os.environ.get(CONFIG_VARIABLE) else None)
    path = named or Path(FILE_NAME)
    if named is None and not path.exists():
        return {}
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigurationError(f"The settings file {path} cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"The settings file {path} is not TOML: {error}") from None


def _refuse_unknown_variables() -> None:
    for variable in sorted(os.environ):
        name = variable.upper().removeprefix(PREFIX)
        if name == variable.upper() or variable.upper() in _NO_SETTINGS or _PUT_BY_KUBERNETES.match(name):
            continue
        first, nested, _ = name.lower().partition("__")
        if first not in Settings.model_fields:
            raise ConfigurationError(f"{variable} in the environment is no setting of voxgate")
        if not nested and isinstance(Settings.model_fields[first].default, Section):
            raise ConfigurationError(
                f"{variable} in the environment is a section; its settings are named {variable}__..."
            )


def _told(error: ValidationError) -> Iterator[str]:
    """Tell each mistake with the setting's name; never the value of a secret or of an unknown setting."""
    for mistake in error.errors(include_url=False, include_context=False):
        name = ".".join(str(part) for part in mistake["loc"]) or "settings"
        if mistake["type"] == "extra_forbidden":
            yield f"{name} is no setting of voxgate"
            continue
        shown = mistake["input"]
        plain = isinstance(shown, str | int | float) and not name.endswith("_key")
        text = mistake["msg"].removeprefix("Value error, ")
        yield f"{name}{f' = {shown!r:.60}' if plain else ''} is wrong: {text[0].lower()}{text[1:]}"
