"""Commands as they are typed, run in the test's own process."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import structlog

from voxgate.cli import main

Run = Callable[..., int]


@pytest.fixture(autouse=True)
def _logging_as_it_was() -> Iterator[None]:
    """Take back what a command did to logging: its standard error is gone after the test."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    structlog.reset_defaults()
    logging.captureWarnings(False)
    root.handlers, root.level = handlers, level


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """Run ``voxgate`` with these arguments, with a data folder of its own; returns the exit status."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VOXGATE_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("VOXGATE_SERVER__PORT", "0")

    def run(*arguments: str) -> int:
        monkeypatch.setattr(sys, "argv", ["voxgate", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        return int(ended.value.code or 0)

    return run
