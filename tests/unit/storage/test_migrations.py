from __future__ import annotations

import asyncio
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, event, inspect
from sqlalchemy.exc import OperationalError

from voxgate.errors import ConfigurationError
from voxgate.storage import database
from voxgate.storage.database import FILE_NAME, open_database
from voxgate.storage.tables import SCHEMA_VERSION, metadata
from voxgate.storage.upgrade import SCRIPTS, keep_copy, upgrade, version_of, version_of_file

FIRST_DATABASE = """
PRAGMA journal_mode = WAL;
CREATE TABLE api_keys (
    key_id VARCHAR(32) NOT NULL,
    name VARCHAR(200) NOT NULL,
    tenant VARCHAR(64) NOT NULL,
    "plan" VARCHAR(64) NOT NULL,
    identity_verified BOOLEAN NOT NULL,
    secret_hash BLOB NOT NULL,
    created_s FLOAT NOT NULL,
    revoked_s FLOAT,
    PRIMARY KEY (key_id),
    UNIQUE (secret_hash)
);
INSERT INTO api_keys VALUES ('key_1', 'first', 'key_1', 'default', 0, x'aa', 1790000000.5, NULL);
INSERT INTO api_keys VALUES ('key_2', 'second', 'key_2', 'default', 1, x'bb', 1790000001.5, 1790000002.5);
PRAGMA user_version = 1;
"""
"""As the first voxgate wrote it, with a good key and a revoked one. Never to be changed."""

NEXT = """
import sqlalchemy as sa
from alembic import op

revision = "{revision:04}"
down_revision = "{before:04}"


def upgrade():
    {step}
"""
ADD_COLUMN = 'op.add_column("api_keys", sa.Column("quota", sa.Integer, nullable=True))'
REBUILD = """with op.batch_alter_table("api_keys") as table:
        table.alter_column("name", type_=sa.String(50), nullable=True)"""


def first_database(folder: Path) -> Path:
    path = folder / FILE_NAME
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(FIRST_DATABASE)
    return path


def with_steps(folder: Path, *steps: str) -> Path:
    """Alembic's folder with further revisions, as later versions of voxgate will have."""
    scripts = folder / "100% later migrations"
    shutil.copytree(SCRIPTS, scripts, ignore=shutil.ignore_patterns("__pycache__"), dirs_exist_ok=True)
    for number, step in enumerate(steps, SCHEMA_VERSION + 1):
        text = NEXT.format(revision=number, before=number - 1, step=step)
        (scripts / "versions" / f"v{number:04}_later.py").write_text(text)
    return scripts


def in_transaction(path: Path, use: Callable[[Connection], object]) -> None:
    engine = create_engine(f"sqlite:///{path}")
    event.listen(engine, "connect", database._set_up)
    event.listen(engine, "begin", database._begin)
    with engine.begin() as connection:
        use(connection)
    engine.dispose()


def rows(path: Path, query: str = "SELECT key_id, name FROM api_keys ORDER BY key_id") -> list[object]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(query).fetchall()


def files(folder: Path) -> set[str]:
    return {found.name for found in folder.iterdir() if found.is_file()}


def test_the_newest_revision_is_the_version_of_the_tables() -> None:
    config = Config()
    config.set_main_option("script_location", str(SCRIPTS))
    directory = ScriptDirectory.from_config(config)
    assert directory.get_heads() == [f"{SCHEMA_VERSION:04}"]
    numbers = [int(step.revision) for step in directory.walk_revisions()]
    assert numbers == list(range(SCHEMA_VERSION, 0, -1))


def test_the_first_database_upgraded_has_the_tables_of_a_new_one(tmp_path: Path) -> None:
    path = first_database(tmp_path)

    def check(connection: Connection) -> None:
        upgrade(connection)
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
        assert version_of(connection) == SCHEMA_VERSION

    in_transaction(path, check)
    in_transaction(tmp_path / "new.db", lambda connection: _same_tables(connection, path))


def _same_tables(connection: Connection, upgraded: Path) -> None:
    metadata.create_all(connection)
    new = inspect(connection)
    engine = create_engine(f"sqlite:///{upgraded}")
    old = inspect(engine)
    assert set(old.get_table_names()) - {"alembic_version"} == set(new.get_table_names())
    for table in new.get_table_names():
        assert [str(column) for column in old.get_columns(table)] == [str(c) for c in new.get_columns(table)]
        assert old.get_pk_constraint(table) == new.get_pk_constraint(table)
        assert old.get_unique_constraints(table) == new.get_unique_constraints(table)
        assert old.get_indexes(table) == new.get_indexes(table)
        assert old.get_foreign_keys(table) == new.get_foreign_keys(table)
    engine.dispose()


async def test_the_first_database_opens_with_all_that_is_in_it(tmp_path: Path) -> None:
    path = first_database(tmp_path)
    async with open_database(tmp_path):
        pass
    assert rows(path) == [("key_1", "first"), ("key_2", "second")]
    assert version_of_file(path) == SCHEMA_VERSION


def test_several_steps_run_in_order_and_lose_nothing(tmp_path: Path) -> None:
    path = first_database(tmp_path)
    in_transaction(path, partial(upgrade, scripts=with_steps(tmp_path, ADD_COLUMN, REBUILD)))
    assert version_of_file(path) == SCHEMA_VERSION + 2
    assert rows(path, "SELECT key_id, name, quota FROM api_keys") == [
        ("key_1", "first", None),
        ("key_2", "second", None),
    ]
    with closing(sqlite3.connect(path)) as connection:
        columns = {
            name: (kind, required)
            for _, name, kind, required, *_ in connection.execute("PRAGMA table_info(api_keys)")
        }
    assert columns["name"] == ("VARCHAR(50)", 0)


def test_a_database_that_was_upgraded_once_can_be_upgraded_again(tmp_path: Path) -> None:
    path = first_database(tmp_path)
    in_transaction(path, partial(upgrade, scripts=with_steps(tmp_path, ADD_COLUMN)))
    in_transaction(path, partial(upgrade, scripts=with_steps(tmp_path, ADD_COLUMN, REBUILD)))
    assert version_of_file(path) == SCHEMA_VERSION + 2


def test_an_upgrade_that_fails_half_way_leaves_everything_as_it_was(tmp_path: Path) -> None:
    path = first_database(tmp_path)
    before = rows(path, "SELECT name, sql FROM sqlite_master")
    scripts = with_steps(tmp_path, ADD_COLUMN, 'op.drop_table("no_such_table")')
    with pytest.raises(OperationalError, match="no_such_table"):
        in_transaction(path, partial(upgrade, scripts=scripts))
    assert version_of_file(path) == 1
    assert rows(path, "SELECT name, sql FROM sqlite_master") == before


@pytest.fixture
def later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A voxgate whose tables have one more column."""
    scripts = with_steps(tmp_path, ADD_COLUMN)
    monkeypatch.setattr(database, "SCHEMA_VERSION", SCHEMA_VERSION + 1)
    monkeypatch.setattr(database, "upgrade", partial(upgrade, scripts=scripts))


@pytest.mark.usefixtures("later")
async def test_opening_an_older_database_upgrades_it_and_keeps_it_as_it_was(tmp_path: Path) -> None:
    path = first_database(tmp_path)
    async with open_database(tmp_path):
        pass
    assert version_of_file(path) == SCHEMA_VERSION + 1
    assert rows(path, "SELECT key_id, quota FROM api_keys") == [("key_1", None), ("key_2", None)]
    kept = tmp_path / f"{FILE_NAME}.version-1"
    assert kept.stat().st_mode & 0o777 == 0o600
    assert version_of_file(kept) == 1
    assert rows(kept) == [("key_1", "first"), ("key_2", "second")]
    assert files(tmp_path) == {FILE_NAME, kept.name}


@pytest.mark.usefixtures("later")
async def test_those_who_open_it_at_the_same_time_agree(tmp_path: Path) -> None:
    path = first_database(tmp_path)

    async def open_and_close() -> None:
        async with open_database(tmp_path):
            pass

    await asyncio.gather(*(open_and_close() for _ in range(4)))
    assert version_of_file(path) == SCHEMA_VERSION + 1
    assert version_of_file(tmp_path / f"{FILE_NAME}.version-1") == 1


@pytest.mark.usefixtures("later")
async def test_a_database_that_cannot_be_copied_is_not_upgraded(tmp_path: Path) -> None:
    path = first_database(tmp_path)
    (tmp_path / f"{FILE_NAME}.version-1").mkdir()  # stands in the way
    with pytest.raises(ConfigurationError, match="cannot be copied before it is upgraded"):
        await open_database(tmp_path).__aenter__()
    assert version_of_file(path) == 1


def test_no_copy_is_kept_of_what_another_process_has_upgraded(tmp_path: Path) -> None:
    path = first_database(tmp_path)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 2")
    assert keep_copy(path, 1) is None
    assert files(tmp_path) == {FILE_NAME}


def test_the_version_of_no_file_is_none(tmp_path: Path) -> None:
    assert version_of_file(tmp_path / FILE_NAME) is None
    assert not list(tmp_path.iterdir())


PROGRAM = """
import asyncio, sys
from pathlib import Path
from voxgate.storage.database import FILE_NAME, open_database
from voxgate.storage.upgrade import version_of_file

async def main():
    for _ in range(2):
        async with open_database(Path(sys.argv[1])):
            pass

asyncio.run(main())
print(version_of_file(Path(sys.argv[1], FILE_NAME)), "alembic" in sys.modules)
"""


def test_alembic_is_not_loaded_for_a_new_or_present_database(tmp_path: Path) -> None:
    told = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tmp_path)], check=True, capture_output=True, text=True
    )
    assert told.stdout.split() == [str(SCHEMA_VERSION), "False"]
