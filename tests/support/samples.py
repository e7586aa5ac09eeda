"""Runs the samples of a page of the manual, as a reader would."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from tests.support.server import RunningServer, clean_environment

MANUAL = Path(__file__).parents[2] / "docs"
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def samples(page: str, *languages: str) -> list[tuple[str, str]]:
    """Return the blocks of a page in some languages: language and text of each."""
    found = _BLOCK.findall((MANUAL / page).read_text(encoding="utf-8"))
    return [(language, text) for language, text in found if language in languages]


def run_sample(language: str, text: str, server: RunningServer, folder: Path) -> str:
    """Run a block of Python or shell in a folder; return what it wrote, and fail when it does."""
    program = (
        [sys.executable, "-c", text] if language == "python" else ["bash", "-euo", "pipefail", "-c", text]
    )
    environment = clean_environment(VOXGATE_URL=server.url, VOXGATE_API_KEY=server.key)
    ran = subprocess.run(program, cwd=folder, env=environment, capture_output=True, text=True, timeout=60)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout
