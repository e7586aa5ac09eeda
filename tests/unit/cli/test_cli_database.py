"""``voxgate db``: what version, and up to date."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.unit.cli.conftest import Run
from voxgate.storage.database import FILE_NAME
from voxgate.storage.tables import SCHEMA_VERSION


def set_version(data_dir: Path, version: int) -> None:
    with closing(sqlite3.connect(data_dir / FILE_NAME)) as connection:
        connection.execute(f"PRAGMA user_version = {version}")


def test_from_nothing_to_the_newest(run: Run, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert run("db", "status") == 0
    told = capsys.readouterr().out
    assert "version   none yet\n" in told
    assert "voxgate db upgrade" in told
    assert not list(tmp_path.iterdir())

    assert run("db", "upgrade") == 0
    assert capsys.readouterr().out == f"The database is of version {SCHEMA_VERSION}, the newest.\n"

    assert run("db", "status") == 0
    told = capsys.readouterr().out
    assert f"file      {tmp_path / 'data' / FILE_NAME}\n" in told
    assert told.endswith("It is up to date.\n")


def test_an_older_and_a_later_version(
    run: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert run("db", "upgrade") == 0
    set_version(tmp_path / "data", SCHEMA_VERSION + 1)
    capsys.readouterr()
    assert run("db", "status") == 0
    assert "made by a later voxgate" in capsys.readouterr().out
    assert run("db", "upgrade") == 2
    assert "was made by a later voxgate" in capsys.readouterr().err

    monkeypatch.setattr("voxgate.storage.tables.SCHEMA_VERSION", SCHEMA_VERSION + 2)
    assert run("db", "status") == 0
    assert "It is upgraded when the server next starts" in capsys.readouterr().out


def test_what_is_no_database_is_told_in_a_line(
    run: Run, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / FILE_NAME).write_bytes(b"no database at all" * 100)
    for command in ("status", "upgrade"):
        assert run("db", command) == 2
        told = capsys.readouterr().err
        assert "cannot be used" in told
        assert told.count("\n") == 1
