"""``voxgate settings`` and ``voxgate --version``, and the page of the manual that documents them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import voxgate
from tests.support.server import clean_environment
from voxgate.cli.page import settings_in_force, settings_page
from voxgate.config import Settings, load_settings

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "settings.md"


def voxgate_says(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "voxgate", *arguments],
        env=clean_environment(**variables),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_manual_is_up_to_date() -> None:
    written = PAGE.read_text(encoding="utf-8")
    assert written == settings_page(), "run: voxgate settings --markdown > docs/reference/settings.md"


def test_every_setting_is_documented_with_its_variable() -> None:
    page = settings_page()
    for name, _ in settings_in_force(Settings()):
        assert f"| `{name}` |" in page
        assert f"`VOXGATE_{name.upper().replace('.', '__')}`" in page
    assert "None" not in page, "a setting has no description"


def test_settings_shows_what_is_in_force_but_no_secret(tmp_path: Path) -> None:
    said = voxgate_says(
        "settings",
        "--data-dir",
        str(tmp_path),
        VOXGATE_BOOTSTRAP_KEY="canary-that-is-long-enough",
        VOXGATE_SERVER__PORT="9000",
    )
    assert said.returncode == 0
    lines = said.stdout.splitlines()
    assert "server.port = 9000" in lines
    assert f'data_dir = "{tmp_path}"' in lines
    assert "bootstrap_key = (set)" in lines
    assert "canary" not in said.stdout + said.stderr


@pytest.mark.parametrize(
    ("arguments", "variables", "told"),
    [
        (["serve"], {"VOXGATE_SERVER__PORT": "70000"}, "server.port"),
        (["serve"], {"VOXGATE_SERVER__HOTS": "x"}, "server.hots"),
        (["serve", "--port", "70000"], {}, "server.port"),
        (["serve", "--host", "no.such.host.invalid"], {}, "server.host"),
        (["serve", "--config", "/nowhere/voxgate.toml"], {}, "/nowhere/voxgate.toml"),
        (["serve", "--data-dir", "/dev/null/x"], {}, "data_dir"),
        (["keys", "list"], {"VOXGATE_LOG__LEVEL": "loud"}, "log.level"),
    ],
)
def test_a_wrong_setting_is_named_in_one_line_and_nothing_starts(
    arguments: list[str], variables: dict[str, str], told: str, tmp_path: Path
) -> None:
    said = voxgate_says(*arguments, **{"VOXGATE_DATA_DIR": str(tmp_path), **variables})
    assert said.returncode == 2
    assert said.stdout == ""
    assert said.stderr.startswith("voxgate: ")
    assert told in said.stderr
    assert said.stderr.count("\n") == 1


def test_version() -> None:
    assert voxgate_says("--version").stdout == f"voxgate {voxgate.__version__}\n"


def test_help_is_there_for_a_newcomer() -> None:
    said = voxgate_says("--help", COLUMNS="100")
    assert all(command in said.stdout for command in ("serve", "keys", "settings"))


def test_what_is_not_set_has_its_default() -> None:
    assert dict(settings_in_force(load_settings()))["server.drain_deadline_s"] == "10.0"
