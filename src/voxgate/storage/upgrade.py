"""Which version a database has, and how an older one becomes the present one."""

from __future__ import annotations

import os
import secrets
import sqlite3
from contextlib import closing
from pathlib import Path

from sqlalchemy import Connection

from voxgate.errors import ConfigurationError
from voxgate.storage.files import private_file

SCRIPTS = Path(__file__).parent / "migrations"
"""Alembic's folder: ``env.py`` and ``versions``."""


def version_of(connection: Connection) -> int:
    """Tell the version of an open database: 0 when it has no tables yet. Does without Alembic."""
    version: int = connection.exec_driver_sql("PRAGMA user_version").scalar_one()
    return version


def version_of_file(path: Path) -> int | None:
    """Tell the version of a file, changing nothing; None when there is no such file.

    Raises:
        sqlite3.Error: it is no database, or cannot be read.
    """
    if not path.exists():
        return None
    # Not read-only: SQLite would leave the files of its log behind. Nothing is written.
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True)) as connection:
        return _read_version(connection)


def mark_version(connection: Connection, version: int) -> None:
    """Write down which version the tables have now."""
    connection.exec_driver_sql(f"PRAGMA user_version = {version}")


def upgrade(connection: Connection, scripts: Path = SCRIPTS) -> None:
    """Bring the tables to the newest revision, all in the transaction that the caller has begun.

    Args:
        connection: to a database whose version is at least 1.
        scripts: where the revisions are.
    """
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(scripts).replace("%", "%%"))
    config.attributes["connection"] = connection
    # Tables that were made whole, at whichever version, have no record of Alembic's yet.
    if not connection.dialect.has_table(connection, "alembic_version"):
        command.stamp(config, _revision(version_of(connection)))
    command.upgrade(config, "head")
    head = ScriptDirectory.from_config(config).get_current_head()
    assert head is not None  # noqa: S101 - the folder holds at least the first revision
    mark_version(connection, int(head))


def keep_copy(path: Path, version: int) -> Path | None:
    """Copy a database before it is upgraded, to ``voxgate.db.version-1`` beside it.

    Returns:
        Where the copy is; None when another process has upgraded it meanwhile.

    Raises:
        ConfigurationError: it cannot be copied; most likely the disk is full.
    """
    kept = path.with_name(f"{path.name}.version-{version}")
    fresh = path.with_name(f"{kept.name}.{secrets.token_hex(8)}")
    try:
        private_file(fresh)
        with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(fresh)) as target:
            source.backup(target)
            target.execute("PRAGMA journal_mode = DELETE")  # one file, with no log beside it
            if _read_version(target) != version:
                return None
        os.replace(fresh, kept)
    except (sqlite3.Error, OSError) as error:
        raise ConfigurationError(
            f"data_dir: {path} is of version {version} and cannot be copied before it is upgraded: {error}"
        ) from None
    finally:
        fresh.unlink(missing_ok=True)
    return kept


def _read_version(connection: sqlite3.Connection) -> int:
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    return version


def _revision(version: int) -> str:
    return f"{version:04}"
