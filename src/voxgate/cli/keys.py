"""``voxgate keys``: make, list and revoke API keys."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from voxgate.cli.options import ConfigOption, DataDirOption, read_settings

if TYPE_CHECKING:
    from voxgate.access.keys import KeyStore
    from voxgate.config import Settings

T = TypeVar("T")

app = typer.Typer(help="Make, list and revoke API keys.", no_args_is_help=True)


@app.command()
def create(
    name: Annotated[str, typer.Option(help="Whose key it is, or what for; only for people.")] = "unnamed",
    identity_verified: Annotated[
        bool, typer.Option("--identity-verified", help="Let the key use cloned voices.")
    ] = False,
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
) -> None:
    """Make a key. Its secret is shown now and can never be shown again."""
    key, secret = _with_keys(
        read_settings(config, data_dir),
        lambda keys: keys.create(name, identity_verified=identity_verified),
    )
    print(f"id      {key.key_id}")
    print(f"secret  {secret}")


@app.command("list")
def list_keys(config: ConfigOption = None, data_dir: DataDirOption = None) -> None:
    """List the keys, without their secrets, which nobody has."""
    found = _with_keys(read_settings(config, data_dir), lambda keys: keys.list())
    if not found:
        print("There are no keys yet. Make one with: voxgate keys create --name somebody")
        return

    from rich.console import Console
    from rich.table import Table

    table = Table("id", "name", "made", "identity", "state", box=None, pad_edge=False)
    for key in found:
        state = "good" if key.revoked_s is None else f"revoked {_moment(key.revoked_s)}"
        identity = "verified" if key.identity_verified else ""
        table.add_row(key.key_id, key.name, _moment(key.created_s), identity, state)
    Console(soft_wrap=True).print(table, markup=False)


@app.command()
def revoke(
    key_id: Annotated[str, typer.Argument(metavar="ID", help="As `voxgate keys list` shows it.")],
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
) -> None:
    """Make a key worthless, at a running server too, within seconds."""
    _with_keys(read_settings(config, data_dir), lambda keys: keys.revoke(key_id))
    print(f"revoked {key_id}")


def _with_keys(settings: Settings, use: Callable[[KeyStore], Awaitable[T]]) -> T:
    from voxgate.access.keys import open_keys
    from voxgate.clock import LoopClock
    from voxgate.observe.logs import configure_logging
    from voxgate.storage.database import open_database

    configure_logging(settings.log)  # opening an older database tells that it was upgraded

    async def run() -> T:
        async with open_database(settings.data_dir) as database:
            return await use(open_keys(settings, database, LoopClock()))

    return asyncio.run(run())


def _moment(wall_s: float) -> str:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(wall_s, UTC).strftime("%Y-%m-%d %H:%M UTC")
