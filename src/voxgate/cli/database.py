"""``voxgate db``: the database's version, and bringing it up to date."""

from __future__ import annotations

import typer

from voxgate.cli.options import ConfigOption, DataDirOption, read_settings

app = typer.Typer(help="Look after the database of the data folder.", no_args_is_help=True)


@app.command()
def status(config: ConfigOption = None, data_dir: DataDirOption = None) -> None:
    """Show which version the database has, and whether that is the newest. Changes nothing."""
    import sqlite3

    from voxgate.errors import ConfigurationError
    from voxgate.storage.database import FILE_NAME
    from voxgate.storage.tables import SCHEMA_VERSION
    from voxgate.storage.upgrade import version_of_file

    path = read_settings(config, data_dir).data_dir / FILE_NAME
    try:
        version = version_of_file(path)
    except sqlite3.Error as error:
        raise ConfigurationError(f"data_dir: the database {path} cannot be used: {error}") from None
    print(f"file      {path}")
    print(f"version   {'none yet' if not version else version}")
    print(f"newest    {SCHEMA_VERSION}")
    match version:
        case None | 0:
            print("It is made when the server first starts, or by: voxgate db upgrade")
        case _ if version < SCHEMA_VERSION:
            print("It is upgraded when the server next starts, or by: voxgate db upgrade")
        case _ if version > SCHEMA_VERSION:
            print("It was made by a later voxgate, which is needed to use it.")
        case _:
            print("It is up to date.")


@app.command()
def upgrade(config: ConfigOption = None, data_dir: DataDirOption = None) -> None:
    """Bring the database up to date, as the server itself does when it starts.

    The file as it was is kept beside it. There is no way back but that copy.
    """
    import asyncio

    from voxgate.observe.logs import configure_logging
    from voxgate.storage.database import open_database
    from voxgate.storage.tables import SCHEMA_VERSION

    settings = read_settings(config, data_dir)
    configure_logging(settings.log)

    async def run() -> None:
        async with open_database(settings.data_dir):
            pass

    asyncio.run(run())
    print(f"The database is of version {SCHEMA_VERSION}, the newest.")
