"""``voxgate keys``, as it is typed."""

from __future__ import annotations

import asyncio
import re
import sys
from pathlib import Path

import pytest

from voxgate.access.keys import ApiKey, open_keys
from voxgate.cli import main
from voxgate.clock import LoopClock
from voxgate.config import load_settings
from voxgate.storage.database import open_database


@pytest.fixture(autouse=True)
def _own_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VOXGATE_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("COLUMNS", "200")


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["voxgate", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code or 0)


def authenticate(secret: str) -> ApiKey | None:
    async def ask() -> ApiKey | None:
        settings = load_settings()
        async with open_database(settings.data_dir) as database:
            return await open_keys(settings, database, LoopClock()).authenticate(secret)

    return asyncio.run(ask())


def made_key(output: str) -> tuple[str, str]:
    found = re.fullmatch(r"id +(key_\w+)\nsecret +(vg_[\w-]+)\n", output)
    assert found is not None, output
    return found[1], found[2]


def test_create_list_revoke(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(monkeypatch, "keys", "create", "--name", "[bold] Ada", "--identity-verified") == 0
    key_id, secret = made_key(capsys.readouterr().out)
    key = authenticate(secret)
    assert key is not None
    assert (key.key_id, key.name, key.identity_verified) == (key_id, "[bold] Ada", True)

    assert run(monkeypatch, "keys", "list") == 0
    listed = capsys.readouterr().out
    assert re.search(rf"{key_id}\s+\[bold\] Ada .* verified\s+good", listed)
    assert secret not in listed

    assert run(monkeypatch, "keys", "revoke", key_id) == 0
    assert authenticate(secret) is None
    capsys.readouterr()
    assert run(monkeypatch, "keys", "list") == 0
    assert re.search(rf"{key_id}.*revoked \d{{4}}-", capsys.readouterr().out)


def test_an_empty_list_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "keys", "list") == 0
    assert "voxgate keys create" in capsys.readouterr().out


def test_revoking_what_is_not_there_is_told_in_a_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "keys", "revoke", "key_unknown") == 2
    assert capsys.readouterr().err == "voxgate: There is no key key_unknown that could be revoked\n"


def test_a_mistake_of_ours_is_told_in_a_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("the canary")

    monkeypatch.setattr("voxgate.access.keys.open_keys", fail)
    assert run(monkeypatch, "keys", "list") == 1
    told = capsys.readouterr().err
    assert re.fullmatch(r"voxgate: this should not have happened: RuntimeError at .*\n", told)
    assert "canary" not in told
