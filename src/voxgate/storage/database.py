"""The database: one SQLite file in the data folder, through SQLAlchemy Core."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import structlog
from sqlalchemy import URL, Connection, event
from sqlalchemy.exc import DatabaseError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from voxgate.errors import ConfigurationError
from voxgate.storage.files import private_file, private_folder
from voxgate.storage.tables import SCHEMA_VERSION, metadata
from voxgate.storage.upgrade import keep_copy, mark_version, upgrade, version_of

FILE_NAME = "voxgate.db"
BUSY_TIMEOUT_MS = 5_000
"""How long one writer waits for another, in whichever process, to finish."""

log = structlog.get_logger()


class Database:
    """Transactions on the file. Made by `open_database`."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._reading = engine
        # A transaction that reads first and writes later is refused when another wrote in between;
        # one that says at once that it will write waits for its turn.
        self._writing = engine.execution_options(voxgate_begin="BEGIN IMMEDIATE")

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """Give a connection that sees one moment of the database and changes nothing."""
        async with self._reading.connect() as connection:
            yield connection

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        """Run a transaction: committed at the block's end, rolled back when it raises."""
        async with self._writing.begin() as connection:
            yield connection


@asynccontextmanager
async def open_database(data_dir: Path) -> AsyncIterator[Database]:
    """Open the database of a data folder.

    The folder, the file and the tables are made when missing. Tables of an earlier version are brought up
    to date, and the file as it was is kept beside it.

    Raises:
        ConfigurationError: the folder cannot be written, or the file is damaged or of a later version.
    """
    path = private_file(private_folder(data_dir) / FILE_NAME)
    engine = create_async_engine(
        URL.create("sqlite+aiosqlite", database=str(path)),
        pool_size=2,  # the few who ask at the same time wait for one another; nothing here is hot
        max_overflow=0,
    )
    event.listen(engine.sync_engine, "connect", _set_up)
    event.listen(engine.sync_engine, "begin", _begin)
    database = Database(engine)
    try:
        try:
            await _make_tables(database, path)
        except DatabaseError as error:
            raise ConfigurationError(f"data_dir: the database {path} cannot be used: {error.orig}") from None
        yield database
    finally:
        await engine.dispose()


def _set_up(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # the driver begins no transactions of its own; see _begin
    cursor = connection.cursor()
    for pragma in (
        f"busy_timeout = {BUSY_TIMEOUT_MS}",
        "journal_mode = WAL",  # readers do not wait for a writer
        "synchronous = NORMAL",  # safe with WAL: a power cut may lose the last commit, never the file
        "foreign_keys = ON",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql(connection.get_execution_options().get("voxgate_begin", "BEGIN"))


async def _make_tables(database: Database, path: Path) -> None:
    async with database.read() as connection:
        found = await connection.run_sync(version_of)
    if 0 < found < SCHEMA_VERSION:
        await asyncio.to_thread(keep_copy, path, found)
    async with database.write() as connection:
        version = await connection.run_sync(version_of)  # another process may have been here meanwhile
        if version > SCHEMA_VERSION:
            raise ConfigurationError(
                f"data_dir: the database {path} was made by a later voxgate "
                f"(its tables are of version {version}, this one knows {SCHEMA_VERSION})"
            )
        if version == 0:
            await connection.run_sync(metadata.create_all)
            await connection.run_sync(mark_version, SCHEMA_VERSION)
        elif version < SCHEMA_VERSION:
            await connection.run_sync(upgrade)
            log.info("database upgraded", before=version, now=SCHEMA_VERSION)
