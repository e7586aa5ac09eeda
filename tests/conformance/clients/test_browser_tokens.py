"""Tokens as pages use them: in the address of the Telnyx-style socket, from one origin, once."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from typing import Any

import aiohttp
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosedError, InvalidStatus
from websockets.typing import Origin

from tests.support.server import RunningServer

ORIGIN = "https://app.example"


async def token_for(
    server: RunningServer, key: str | None = None, **wanted: Any
) -> tuple[int, dict[str, Any]]:
    headers = {"Authorization": f"Bearer {key or server.key}"}
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{server.url}/v1/tokens", json=wanted, headers=headers) as response,
    ):
        return response.status, await response.json()


async def speak(
    server: RunningServer, token: str, *texts: str, voice: str = "Local.Test.plain", origin: str | None = None
) -> list[dict[str, Any]]:
    url = f"{server.ws_url}/v2/text-to-speech/speech?voice={voice}&token={token}"
    async with connect(url, origin=Origin(origin) if origin else None) as socket:
        for text in (" ", *texts, ""):
            await socket.send(json.dumps({"text": text}))
        return [json.loads(message) async for message in socket]


async def status_of(server: RunningServer, token: str, **how: Any) -> int:
    try:
        await speak(server, token, "Hello.", **how)
    except InvalidStatus as refused:
        return refused.response.status_code
    return 101


async def test_a_page_speaks_with_a_token_and_only_once(shared_server: RunningServer) -> None:
    status, answer = await token_for(shared_server)
    assert status == 201
    assert answer["expires_in"] == 60
    frames = await speak(shared_server, answer["token"], "Hello.")
    assert any(frame.get("audio") for frame in frames)
    assert await status_of(shared_server, answer["token"]) == 401
    assert answer["token"] not in shared_server.log()


async def test_of_a_hundred_uses_at_once_one_succeeds(shared_server: RunningServer) -> None:
    _, answer = await token_for(shared_server)
    results = await asyncio.gather(*(status_of(shared_server, answer["token"]) for _ in range(100)))
    assert sorted(set(results)) == [101, 401]
    assert results.count(101) == 1


async def test_scopes_are_refused_before_the_upgrade(shared_server: RunningServer) -> None:
    for wanted, how, expected in (
        ({"fronts": ["uplift"]}, {}, 403),
        ({"origin": ORIGIN}, {}, 403),
        ({"origin": ORIGIN}, {"origin": "https://other.example"}, 403),
        ({"origin": ORIGIN}, {"origin": ORIGIN}, 101),
        ({"voices": ["Local.Test.paced"]}, {}, 403),
        ({"voices": ["local.test.plain"]}, {}, 101),
        ({"providers": ["Telnyx"]}, {}, 403),
    ):
        _, answer = await token_for(shared_server, **wanted)
        assert await status_of(shared_server, answer["token"], **how) == expected, (wanted, how)


async def test_over_budget_is_told_and_closed(shared_server: RunningServer) -> None:
    _, answer = await token_for(shared_server, characters=12)
    url = f"{shared_server.ws_url}/v2/text-to-speech/speech?voice=Local.Test.plain&token={answer['token']}"
    async with connect(url) as socket:
        for text in (" ", "Hello.", "Hello again."):
            await socket.send(json.dumps({"text": text}))
        frames = []
        with suppress(ConnectionClosedError):
            async for message in socket:
                frames.append(json.loads(message))
    assert frames[-1]["error"] == "The token's characters are used up"
    assert socket.close_code == 1008


async def test_a_token_expires(shared_server: RunningServer) -> None:
    _, answer = await token_for(shared_server, seconds=1, reusable=True)
    assert await status_of(shared_server, answer["token"]) == 101
    await asyncio.sleep(1.1)
    assert await status_of(shared_server, answer["token"]) == 401


async def test_a_token_makes_no_tokens(shared_server: RunningServer) -> None:
    _, answer = await token_for(shared_server, reusable=True)
    assert (await token_for(shared_server, answer["token"]))[0] == 401


@pytest.mark.parametrize(
    "wanted",
    [
        {"seconds": 901},
        {"seconds": 0},
        {"fronts": ["nothing"]},
        {"voices": ["nonsense"]},
        {"origin": "app.example"},
        {"characters": 0},
        {"surprise": 1},
    ],
)
async def test_wrong_wishes_name_the_field(shared_server: RunningServer, wanted: dict[str, Any]) -> None:
    status, answer = await token_for(shared_server, **wanted)
    assert status == 400
    assert next(iter(wanted)) in json.dumps(answer)
