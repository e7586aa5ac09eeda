"""Tokens as pages use them at Uplift's two sockets; and that no token is ever in the log.

A page sends its token in the address of the plain WebSocket, or in the connect packet of Socket.IO; that is
spoken by hand here, so that a hundred pages may come at once.
"""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import aiohttp
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus
from websockets.typing import Origin

from tests.support.server import RunningServer

ORIGIN, OTHER = "https://app.example", "https://other.example"
NAMESPACE = "/text-to-speech/multi-stream"
VOICE = "Local.Test.plain"


class Refused(Exception):
    """The door stayed shut; ``status`` is what HTTP or the connect error told."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class Page:
    """A page with a connection."""

    def __init__(self, socket: ClientConnection, *, socketio: bool) -> None:
        self._socket, self._socketio = socket, socketio

    async def speak(self, text: str, voice: str = VOICE) -> dict[str, Any]:
        """Ask for a text; returns the last message about it."""
        ask = {"type": "synthesize", "requestId": secrets.token_hex(8), "text": text, "voiceId": voice}
        packet = f"42{NAMESPACE},{json.dumps(['synthesize', ask])}" if self._socketio else json.dumps(ask)
        await self._socket.send(packet)
        while (told := await self.next())["type"] not in ("audio_end", "error"):
            pass
        return told

    async def next(self) -> dict[str, Any]:
        async with asyncio.timeout(20):
            while True:
                message = str(await self._socket.recv())
                if not self._socketio:
                    return dict(json.loads(message))
                if message == "2":
                    await self._socket.send("3")
                elif message.startswith("42"):
                    return dict(json.loads(message.partition(",")[2])[1])


@asynccontextmanager
async def plain(server: RunningServer, token: str, origin: str | None = None) -> AsyncIterator[Page]:
    address = f"{server.ws_url}/v1/text-to-speech/multi-stream?token={quote(token)}"
    try:
        async with connect(address, origin=Origin(origin) if origin else None) as socket:
            page = Page(socket, socketio=False)
            assert (await page.next())["type"] == "ready"
            yield page
    except InvalidStatus as refused:
        raise Refused(refused.response.status_code) from None


@asynccontextmanager
async def socketio(server: RunningServer, token: str, origin: str | None = None) -> AsyncIterator[Page]:
    address = f"{server.ws_url}/socket.io/?EIO=4&transport=websocket"
    try:
        async with connect(address, origin=Origin(origin) if origin else None) as socket:
            async with asyncio.timeout(20):
                await socket.recv()
                await socket.send(f"40{NAMESPACE},{json.dumps({'token': token})}")
                answer = str(await socket.recv())
            if answer.startswith("44"):
                raise Refused(
                    {"auth_failed": 401}.get(json.loads(answer.partition(",")[2])["data"]["code"], 0)
                )
            page = Page(socket, socketio=True)
            assert (await page.next())["type"] == "ready"
            yield page
    except InvalidStatus as refused:
        raise Refused(refused.response.status_code) from None


DOORS = {"plain WebSocket": plain, "Socket.IO": socketio}
pytestmark = pytest.mark.parametrize("door", DOORS)


async def token_for(server: RunningServer, **wanted: Any) -> str:
    headers = {"Authorization": f"Bearer {server.key}"}
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{server.url}/v1/tokens", json=wanted, headers=headers) as response,
    ):
        assert response.status == 201
        return str((await response.json())["token"])


async def enters(server: RunningServer, door: str, token: str, origin: str | None = None) -> bool:
    try:
        async with DOORS[door](server, token, origin):
            return True
    except Refused:
        return False


async def test_a_page_speaks_and_its_token_is_used_up_afterwards(
    shared_server: RunningServer, door: str
) -> None:
    token = await token_for(shared_server, fronts=["uplift"])
    async with DOORS[door](shared_server, token) as page:
        assert (await page.speak("Hello."))["type"] == "audio_end"
        assert not await enters(shared_server, door, token)
    assert not await enters(shared_server, door, token)  # nor after it was closed


async def test_of_a_hundred_uses_at_once_one_succeeds(shared_server: RunningServer, door: str) -> None:
    token = await token_for(shared_server)
    results = await asyncio.gather(*(enters(shared_server, door, token) for _ in range(100)))
    assert results.count(True) == 1


async def test_a_reusable_one_expires(shared_server: RunningServer, door: str) -> None:
    token = await token_for(shared_server, seconds=1, reusable=True)
    assert await enters(shared_server, door, token)
    assert await enters(shared_server, door, token)
    await asyncio.sleep(1.1)
    assert not await enters(shared_server, door, token)


@pytest.mark.parametrize(
    ("wanted", "origin", "good"),
    [
        ({"fronts": ["telnyx"]}, None, False),
        ({"origin": ORIGIN}, None, False),
        ({"origin": ORIGIN}, OTHER, False),
        ({"origin": ORIGIN}, ORIGIN, True),
    ],
)
async def test_it_opens_only_what_it_is_for(
    shared_server: RunningServer, door: str, wanted: dict[str, Any], origin: str | None, good: bool
) -> None:
    assert await enters(shared_server, door, await token_for(shared_server, **wanted), origin) is good


async def test_it_speaks_only_as_it_may_and_as_much(shared_server: RunningServer, door: str) -> None:
    token = await token_for(shared_server, voices=[VOICE], characters=12)
    async with DOORS[door](shared_server, token) as page:
        assert (await page.speak("Hello.", "Local.Test.paced"))["code"] == "synthesis_failed"
        assert (await page.speak("Hello again, and again."))["code"] == "synthesis_failed"
        assert (await page.speak("Hello."))["type"] == "audio_end"
        assert (await page.speak("Hello again."))["code"] == "synthesis_failed"


async def test_it_makes_no_others(shared_server: RunningServer, door: str) -> None:
    token = await token_for(shared_server, fronts=["uplift"], reusable=True)
    async with DOORS[door](shared_server, token), aiohttp.ClientSession() as session:
        for address, headers in (
            (f"{shared_server.url}/v1/tokens", {"Authorization": f"Bearer {token}"}),
            (f"{shared_server.url}/v1/tokens?token={token}", {}),
        ):
            async with session.post(address, headers=headers, json={}) as answer:
                assert answer.status == 401


@pytest.fixture(scope="module")
def choosy_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server that pages of one origin may use."""
    folder: Path = tmp_path_factory.mktemp("choosy-server")
    settings = {"VOXGATE_SERVER__ALLOWED_ORIGINS": f"https://first.example,{ORIGIN}"}
    with RunningServer(folder, environment=settings) as server:
        yield server


async def test_pages_of_other_origins_do_not_come_in(choosy_server: RunningServer, door: str) -> None:
    for origin, good in ((ORIGIN, True), (OTHER, False), (None, True)):
        token = await token_for(choosy_server)
        assert await enters(choosy_server, door, token, origin) is good


async def test_no_token_is_in_the_log_whatever_becomes_of_it(choosy_server: RunningServer, door: str) -> None:
    """The log is written at its most talkative here; what came in stands in the address or in a packet."""
    canaries = [
        await token_for(choosy_server, **wanted) for wanted in ({}, {"fronts": ["telnyx"]}, {"seconds": 1})
    ]
    forged = [f"vt_{secrets.token_urlsafe(24)}", canaries[0] + "x", f"{secrets.token_hex(8)}\r\nevil: 1"]
    await asyncio.sleep(1.1)
    for token in (*canaries, canaries[0], *forged):
        await enters(choosy_server, door, token)
    async with aiohttp.ClientSession() as session:
        for token in (*canaries, *forged):
            for path in ("/v1/text-to-speech/multi-stream", "/v2/text-to-speech/speech", "/nowhere"):
                async with session.get(f"{choosy_server.url}{path}", params={"token": token}) as answer:
                    assert token not in await answer.text()
    log = choosy_server.log()
    assert log
    for token in (*canaries, *forged):
        assert token[:40] not in log
        assert token.split(".")[-1][-16:] not in log
        assert quote(token, safe="") not in log
    assert choosy_server.key not in log
