"""Options that several commands take, and how they become settings."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from voxgate.config import Settings

ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config",
        help="Settings file; by default voxgate.toml in the current folder, if there is one.",
        show_default=False,
    ),
]
DataDirOption = Annotated[
    Path | None,
    typer.Option(
        "--data-dir",
        help="Folder of the keys; by default ~/.local/share/voxgate.",
        show_default=False,
    ),
]


def read_settings(config: Path | None, data_dir: Path | None, **server: Any) -> Settings:
    """Read the settings, with what the command line says on top; raises `ConfigurationError`.

    Args:
        config: the settings file, if one was named.
        data_dir: the data folder, if one was named.
        server: settings of the section ``server``; None where nothing was said.
    """
    from voxgate.config import load_settings

    overrides: dict[str, Any] = {} if data_dir is None else {"data_dir": data_dir}
    said = {name: value for name, value in server.items() if value is not None}
    if said:
        overrides["server"] = said
    return load_settings(config, overrides)
