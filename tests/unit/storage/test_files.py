from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from voxgate.errors import ConfigurationError
from voxgate.storage.files import kept_secret


def test_a_secret_is_made_once_and_kept(tmp_path: Path) -> None:
    path = tmp_path / "pepper.key"
    first = kept_secret(path)
    assert len(first) == 32
    assert kept_secret(path) == first
    assert path.stat().st_mode & 0o777 == 0o600
    assert kept_secret(tmp_path / "other.key") != first


def test_those_who_come_at_the_same_time_agree(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        found = set(pool.map(lambda _: kept_secret(tmp_path / "pepper.key"), range(32)))
    assert len(found) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["pepper.key"]


def test_a_damaged_secret_is_told_instead_of_made_anew(tmp_path: Path) -> None:
    (tmp_path / "pepper.key").write_bytes(b"short")
    with pytest.raises(ConfigurationError, match="damaged"):
        kept_secret(tmp_path / "pepper.key")
