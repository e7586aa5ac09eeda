"""The server's figures and keys, asked for from outside."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import aiohttp
import pytest
from websockets.exceptions import ConnectionClosedError

from tests.support.server import RunningServer
from tests.support.telnyx_client import speak
from voxgate.access.keys import PEPPER_FILE, KeyStore
from voxgate.clock import LoopClock
from voxgate.storage.database import open_database
from voxgate.storage.files import kept_secret

ADMIN_KEY = "admin-key-for-tests"


async def ask(server: RunningServer, path: str, key: str | None) -> tuple[int, dict[str, Any]]:
    headers = {} if key is None else {"Authorization": f"Bearer {key}"}
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{server.url}{path}", headers=headers) as answer,
    ):
        return answer.status, await answer.json()


async def test_figures_count_what_was_done(tmp_path: Path) -> None:
    with RunningServer(tmp_path, environment={"VOXGATE_ADMIN_KEY": ADMIN_KEY}) as server:
        async with open_database(server.data_dir) as database:
            store = KeyStore(database, LoopClock(), kept_secret(server.data_dir / PEPPER_FILE))
            ada, secret = await store.create("ada")
            await store.create("never used")
        status, before = await ask(server, "/v1/figures", server.key)
        assert status == 200
        assert (before["utterances"], before["live"]["streams"], before["live"]["sessions"]) == (0, 0, 0)

        server.key = secret
        await speak(server, {"text": "abc."}, voice="Local.Test.plain")
        await speak(server, {"text": "abc."}, voice="Local.Test.plain")
        with pytest.raises(ConnectionClosedError):
            await speak(server, {"text": "abc."}, voice="Local.Test.fail-1")
        status, after = await ask(server, "/v1/figures", secret)
        assert status == 200
        assert after["utterances"] == 3
        assert after["cached"] == 1
        assert after["cache_bytes"] > 0
        assert after["outcomes"] == {"completed": 2, "failed": 1}
        assert after["errors"] == {"provider_unavailable": 1}
        assert after["providers"] == [{"provider": "Local.Test", "utterances": 3, "failed": 1}]
        histogram = after["first_audio"]
        assert len(histogram["counts"]) == len(histogram["bounds_ms"]) + 1
        assert sum(histogram["counts"]) == 3
        assert secret not in str(after)
        assert ada.key_id not in str(after)  # whose they were is nobody else's business

        status, answer = await ask(server, "/v1/keys", ADMIN_KEY)
        assert status == 200
        used, unused = answer["keys"]
        assert (used["name"], used["usage"]["utterances"], used["usage"]["failed"]) == ("ada", 3, 1)
        assert used["usage"]["characters"] == 12
        assert used["usage"]["audio_s"] > 0
        assert (unused["name"], unused["usage"]["utterances"]) == ("never used", 0)
        assert secret not in str(answer)
        assert (await ask(server, "/v1/figures", ADMIN_KEY))[0] == 200


@pytest.mark.parametrize("key", [None, "", "wrong", "admin-key-for-test", "admin-key-for-tests ü"])
async def test_strangers_see_nothing(shared_server: RunningServer, key: str | None) -> None:
    status, answer = await ask(shared_server, "/v1/figures", key)
    assert status == 401
    assert answer["errors"][0]["code"] == "not_authenticated"


async def test_an_api_key_is_no_admin_key(tmp_path: Path) -> None:
    with RunningServer(tmp_path, environment={"VOXGATE_ADMIN_KEY": ADMIN_KEY}) as server:
        assert (await ask(server, "/v1/keys", server.key))[0] == 401
        assert (await ask(server, "/v1/keys", "wrong"))[0] == 401
        assert (await ask(server, "/v2/text-to-speech/voices", ADMIN_KEY))[0] == 401


async def test_without_an_admin_key_there_is_no_admin(shared_server: RunningServer) -> None:
    for key in (shared_server.key, "", "None", None):
        status, answer = await ask(shared_server, "/v1/keys", key)
        assert status == 403
        assert "admin_key" in answer["errors"][0]["detail"]
