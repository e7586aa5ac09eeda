"""The manual's page on Uplift's connections: its samples run, and it names all there is."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tests.support.samples import MANUAL, run_sample, samples
from tests.support.server import RunningServer, clean_environment
from tests.support.uplift_clients import NAMESPACE, PATH, node_folder
from voxgate.config import UpliftSettings
from voxgate.protocols.uplift.connection import MAX_WAITING, REMEMBERED_IDS
from voxgate.protocols.uplift.formats import FORMATS
from voxgate.protocols.uplift.messages import MAX_ID_CHARACTERS, MAX_SPEED, MIN_SPEED, Code

PAGE = "reference/uplift-websocket.md"


@pytest.fixture
def page() -> str:
    return (MANUAL / PAGE).read_text(encoding="utf-8")


def test_the_python_samples_run(shared_server: RunningServer, tmp_path: Path) -> None:
    two, cancelled = (
        run_sample(language, text, shared_server, tmp_path) for language, text in samples(PAGE, "python")
    )
    assert re.fullmatch(r"(r[01] \d{5,} bytes\n){2}", two)
    assert cancelled.split() == ["ready", "audio_start", "audio_end"]


def run_node(text: str, server: RunningServer, folder: Path, **environment: str) -> str:
    (folder / "node_modules").symlink_to(node_folder() / "node_modules")
    (folder / "sample.mjs").write_text(text, encoding="utf-8")
    variables = {"VOXGATE_URL": server.url, "VOXGATE_API_KEY": server.key, **environment}
    ran = subprocess.run(
        ["node", "sample.mjs"],
        cwd=folder,
        env=clean_environment(**variables),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout + ran.stderr


@pytest.mark.parametrize(
    ("number", "printed", "refused"),
    [
        (0, r"a \d{4,} bytes\n", "Invalid API key auth_failed\n"),
        (1, r"audio_end \d{4,} bytes\n", "refused: 401\n"),
    ],
    ids=["Socket.IO", "WebSocket"],
)
def test_the_javascript_samples_run(
    number: int, printed: str, refused: str, shared_server: RunningServer, tmp_path: Path
) -> None:
    (_, text) = samples(PAGE, "js")[number]
    for name, environment in (("good", {}), ("bad", {"VOXGATE_API_KEY": "wrong"})):
        folder = tmp_path / name
        folder.mkdir()
        expected = printed if name == "good" else re.escape(refused)
        assert re.fullmatch(expected, run_node(text, shared_server, folder, **environment))


def test_everything_is_on_the_page(page: str) -> None:
    for name in (*FORMATS, *(code.value for code in Code), NAMESPACE, PATH):
        assert f"`{name}`" in page, name
    for name in UpliftSettings.model_fields:
        assert f"uplift.{name}" in page, name


def test_the_numbers_of_the_page_are_those_of_the_code(page: str) -> None:
    settings = UpliftSettings()
    for said in (
        f"1 to {settings.max_characters:,} characters",
        f"{settings.synthesize_per_minute} `synthesize`",
        f"{settings.cancel_per_minute} `cancel`",
        f"up to {MAX_WAITING}, with up to {settings.max_waiting_characters:,} characters",
        f"last {REMEMBERED_IDS:,} are",
        f"1 to {MAX_ID_CHARACTERS} characters",
        f"from {MIN_SPEED:g} to {MAX_SPEED:g}",
        f"within {settings.join_timeout_s:g} seconds",
        f"for {settings.stuck_timeout_s:g} seconds (`uplift.stuck_timeout_s`)",
        f"`{settings.default_voice}`",
    ):
        assert said in page, said
    assert settings.max_running == 8
    assert "Eight requests" in page
