from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import func, insert, select

from voxgate.errors import ConfigurationError
from voxgate.storage.database import FILE_NAME, Database, open_database
from voxgate.storage.tables import SCHEMA_VERSION, api_keys


def row(number: int) -> dict[str, object]:
    return {
        "key_id": f"key_{number}",
        "name": "x",
        "tenant": "t",
        "plan": "p",
        "identity_verified": False,
        "secret_hash": bytes([number]) * 32,
        "created_s": 0.0,
    }


async def count(database: Database) -> int:
    async with database.read() as connection:
        return (await connection.execute(select(func.count()).select_from(api_keys))).scalar_one()


async def pragma(database: Database, name: str) -> object:
    async with database.read() as connection:
        return (await connection.exec_driver_sql(f"PRAGMA {name}")).scalar_one()


async def test_only_the_owner_can_read_what_is_kept(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "b"
    async with open_database(folder) as database, database.write() as connection:
        await connection.execute(insert(api_keys).values(row(1)))
        assert folder.stat().st_mode & 0o777 == 0o700
        names = {path.name: path.stat().st_mode & 0o777 for path in folder.iterdir()}
    assert names.keys() >= {FILE_NAME, f"{FILE_NAME}-wal"}
    assert set(names.values()) == {0o600}


async def test_what_was_written_is_there_after_opening_it_again(tmp_path: Path) -> None:
    async with open_database(tmp_path) as database, database.write() as connection:
        await connection.execute(insert(api_keys).values(row(1)))
    async with open_database(tmp_path) as database:
        assert await count(database) == 1
        assert await pragma(database, "user_version") == SCHEMA_VERSION


async def test_it_is_set_up_for_several_processes(tmp_path: Path) -> None:
    async with open_database(tmp_path) as database:
        assert await pragma(database, "journal_mode") == "wal"
        assert await pragma(database, "foreign_keys") == 1
        assert await pragma(database, "busy_timeout") == 5_000


async def test_a_transaction_that_fails_leaves_nothing(tmp_path: Path) -> None:
    async with open_database(tmp_path) as database:

        async def fail() -> None:
            async with database.write() as connection:
                await connection.execute(insert(api_keys).values(row(1)))
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            await fail()
        assert await count(database) == 0


async def test_writers_wait_for_one_another(tmp_path: Path) -> None:
    async with open_database(tmp_path) as one, open_database(tmp_path) as other:

        async def write(database: Database, number: int) -> None:
            async with database.write() as connection:
                # Reads first: a transaction that had only begun to read would be refused when it writes.
                await connection.execute(select(func.count()).select_from(api_keys))
                await asyncio.sleep(0)
                await connection.execute(insert(api_keys).values(row(number)))

        await asyncio.gather(*(write(one if number % 2 else other, number) for number in range(20)))
        assert await count(one) == await count(other) == 20


async def test_a_reader_does_not_wait_for_a_writer(tmp_path: Path) -> None:
    async with open_database(tmp_path) as database, database.write() as connection:
        await connection.execute(insert(api_keys).values(row(1)))
        assert await asyncio.wait_for(count(database), 2) == 0


async def test_a_later_version_is_refused(tmp_path: Path) -> None:
    async with open_database(tmp_path):
        pass
    with closing(sqlite3.connect(tmp_path / FILE_NAME)) as connection:
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    with pytest.raises(ConfigurationError, match="later voxgate"):
        await open_database(tmp_path).__aenter__()


async def test_a_file_that_is_no_database_is_told(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_bytes(b"not a database, but long enough to be looked at" * 100)
    with pytest.raises(ConfigurationError, match=r"data_dir: the database .* cannot be used"):
        await open_database(tmp_path).__aenter__()


async def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigurationError, match=r"data_dir: the folder .* cannot be made"):
        await open_database(tmp_path / "file" / "folder").__aenter__()
