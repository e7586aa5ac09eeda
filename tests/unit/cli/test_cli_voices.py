"""``voxgate voices``: as a table, as JSON, filtered, here and from a server."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.support.server import RunningServer
from tests.unit.cli.conftest import Run


def listed(run: Run, capsys: pytest.CaptureFixture[str], *arguments: str) -> list[dict[str, Any]]:
    assert run("voices", "--json", *arguments) == 0
    records: list[dict[str, Any]] = json.loads(capsys.readouterr().out)
    return records


def test_the_table_names_voices_that_can_be_asked_for(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("voices", "--language", "ur") == 0
    head, *rows = capsys.readouterr().out.splitlines()
    assert head.split() == ["VOICE", "LANGUAGE", "GENDER", "SPOKEN", "BY", "CALLED"]
    assert any(row.split()[:4] == ["Local.Espeak.ur", "ur", "male", "itself"] for row in rows)
    assert any(row.split()[:4] == ["Azure.ur-PK-UzmaNeural", "ur-PK", "female", "stand-in"] for row in rows)


def test_filters_go_together(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    filters = ("--provider", "TELNYX", "--model", "naturalhd", "--gender", "Female", "--language", "en")
    records = listed(run, capsys, *filters)
    assert records
    for record in records:
        assert (record["provider"], record["model_id"], record["gender"]) == ("telnyx", "NaturalHD", "female")
        assert record["language"].startswith("en")


def test_a_server_lists_the_same(
    run: Run,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    shared_server: RunningServer,
) -> None:
    filters = ("--language", "de", "--gender", "male")
    here = listed(run, capsys, *filters)
    monkeypatch.setenv("VOXGATE_URL", shared_server.url)
    monkeypatch.setenv("VOXGATE_API_KEY", shared_server.key)
    assert listed(run, capsys, *filters) == here
    assert len(here) > 5


def test_no_such_voice(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("voices", "--provider", "azure", "--model", "nix") == 0
    assert capsys.readouterr().out == "There is no such voice.\n"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--provider", "nix"), "There is no provider nix"),
        (("--gender", "tall"), "--gender is one of female, male, neutral, unknown"),
        (("--server", "nowhere"), "'nowhere' is no address of a server"),
    ],
)
def test_wrong_use_is_told_in_a_line(
    run: Run,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    told: str,
) -> None:
    assert run("voices", *arguments) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"voxgate: {told}")
    assert said.count("\n") == 1


def test_a_server_that_wants_a_key_says_how_to_give_one(
    run: Run, capsys: pytest.CaptureFixture[str], shared_server: RunningServer
) -> None:
    assert run("voices", "--server", shared_server.url) == 2
    assert "put one into VOXGATE_API_KEY" in capsys.readouterr().err
    assert run("voices", "--server", shared_server.url, "--key", "wrong") == 2
    assert capsys.readouterr().err == f"voxgate: {shared_server.url} does not accept this API key\n"
