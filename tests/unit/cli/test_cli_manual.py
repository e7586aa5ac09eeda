"""The page of the manual about the command line says what ``--help`` says."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.server import clean_environment
from voxgate.cli import app
from voxgate.cli.manual import manual_page
from voxgate.cli.program import program_name

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "cli.md"
COMMANDS = re.findall(r"^## voxgate (.+)$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)


def help_of(*command: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "voxgate", *command, "--help"],
        env=clean_environment(COLUMNS="300", TERM="dumb"),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return done.stdout


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text(encoding="utf-8") == manual_page(app), "run: voxgate manual > docs/reference/cli.md"


def test_the_page_has_every_command() -> None:
    shown = set(re.findall(r"^│ (\w+) ", help_of(), re.MULTILINE))
    assert shown == {command.split()[0] for command in COMMANDS}
    assert {"serve", "say", "voices", "doctor", "keys create", "db upgrade"} <= set(COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_the_page_has_every_option_that_help_shows(command: str) -> None:
    shown = set(re.findall(r"--[a-z][a-z-]*", help_of(*command.split())))
    section = PAGE.read_text(encoding="utf-8").partition(f"\n## voxgate {command}\n")[2].partition("\n## ")[0]
    assert shown == set(re.findall(r"--[a-z][a-z-]*", section))
    assert "--help" in shown


def test_every_option_says_what_it_is_for() -> None:
    rows = re.findall(r"^\| `(.+)` \| (.*) \|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert len(rows) > 40
    assert [option for option, meaning in rows if len(meaning) < 10] == []


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["nix"], "voxgate: No such command 'nix' (see: voxgate --help)"),
        (["say", "--nix"], r"voxgate: No such option: --nix.* \(see: voxgate say --help\)"),
        (["say", "x", "--speed", "9"], r"voxgate: Invalid value for '--speed'.* \(see: voxgate say --help\)"),
        (["keys", "revoke"], r"voxgate: Missing argument 'ID'.* \(see: voxgate keys revoke --help\)"),
    ],
)
def test_wrong_use_is_told_in_a_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: list[str], told: str
) -> None:
    from voxgate.cli import main

    monkeypatch.setattr(sys, "argv", ["voxgate", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert re.fullmatch(f"{told}\n", said) or said == f"{told}\n"


def test_how_the_program_is_called(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program = tmp_path / "some folder" / "voxgate"
    program.parent.mkdir()
    program.touch(mode=0o755)
    monkeypatch.chdir(program.parent)
    monkeypatch.setattr(sys, "argv", ["./voxgate"])
    monkeypatch.setenv("PATH", "/usr/bin")
    assert program_name() == f"'{program}'"
    monkeypatch.setenv("PATH", str(program.parent))
    assert program_name() == "voxgate"
    monkeypatch.setattr(sys, "argv", ["/x/voxgate/__main__.py"])
    assert program_name() == f"{sys.executable} -m voxgate"
