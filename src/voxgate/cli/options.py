"""Options that several commands take, and how they become settings."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from voxgate.errors import NotAuthenticated

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
ServerOption = Annotated[
    str | None,
    typer.Option(
        "--server",
        envvar="VOXGATE_URL",
        help="Address of a running voxgate, such as http://127.0.0.1:8080.",
        show_default=False,
    ),
]
KeyOption = Annotated[
    str | None,
    typer.Option(
        "--key",
        envvar="VOXGATE_API_KEY",
        help="API key for that server. Other users of this machine can see what stands in a command, so "
        "better use the variable.",
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


def ask_key(server: str | None, key: str | None) -> str | None:
    """Return the key for a server; somebody at a terminal is asked for it when there is none."""
    if key or server is None or not (sys.stdin.isatty() and sys.stderr.isatty()):
        return key and key.strip()
    from getpass import getpass

    return getpass(f"API key for {server}: ").strip() or None


@contextmanager
def key_explained(server: str | None, key: str | None) -> Iterator[None]:
    """Tell somebody whose key was refused what to do, in the words of the command line."""
    try:
        yield
    except NotAuthenticated:
        if key is None:
            mend = "put one into VOXGATE_API_KEY (`voxgate keys create` makes one)"
            raise NotAuthenticated(f"{server} asks for an API key: {mend}") from None
        raise NotAuthenticated(f"{server} does not accept this API key") from None
