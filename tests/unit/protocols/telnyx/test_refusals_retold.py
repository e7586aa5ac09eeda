"""Why an upgrade would be refused, told over plain HTTP: browsers keep it from their pages."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.rest_app import rest_app

PATH = "/v2/text-to-speech/speech"


@pytest.mark.parametrize(
    ("query", "status", "told"),
    [
        ("", 426, "GET is for WebSockets here"),
        ("?voice=Telnyx.NaturalHD.astra&audio_format=linear16&sample_rate=24000", 426, "GET is for"),
        ("?voice=Telnyx.NaturalHD.nobody", 400, "nobody"),
        ("?voice=Telnyx.Sukhan.urdu-professor&sample_rate=24000", 400, "it makes 22050"),
        ("?audio_format=tape", 400, "audio_format is one of"),
        ("?voice=Telnyx.Ultra.Clara", 403, "not available over WebSocket"),
    ],
)
async def test_asked_without_an_upgrade(tmp_path: Path, query: str, status: int, told: str) -> None:
    async with rest_app(tmp_path) as app:
        answer = await app.ask("GET", PATH + query)
        assert answer.status == status
        assert told in answer.json()["errors"][0]["detail"]
        stranger = await app.ask("GET", PATH + query, authorization="Bearer wrong")
        assert stranger.status == 401
