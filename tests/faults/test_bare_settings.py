"""Settings that take something away must not keep the server from starting."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.caller import ask_token
from tests.support.server import RunningServer


@pytest.mark.parametrize(
    "environment",
    [{"VOXGATE_SPEECH__STAND_INS": "false"}, {"VOXGATE_ESPEAK__ENABLED": "false"}],
)
async def test_it_starts_without(tmp_path: Path, environment: dict[str, str]) -> None:
    with RunningServer(tmp_path, environment=environment) as server:
        assert (await ask_token(server.url, server.key))[0] == 200
