"""Voice sessions at their limits: tokens, places, time, revocation, shutdown, a real chat endpoint."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections import Counter
from pathlib import Path

import aiohttp
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from tests.support.caller import ask_token, call
from tests.support.server import RunningServer, clean_environment
from tests.support.speech import local_voice, say
from voxgate.testing.chat_server import ChatReply, ChatServer, saying


async def cli(server: RunningServer, *arguments: str) -> str:
    """Run a voxgate command on the server's data folder and return what it prints."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "voxgate",
        *arguments,
        env=clean_environment(VOXGATE_DATA_DIR=str(server.data_dir)),
        stdout=asyncio.subprocess.PIPE,
    )
    output, _ = await process.communicate()
    assert process.returncode == 0
    return output.decode()


async def try_token(ws_url: str, token: str | None) -> tuple[list[str], int | None]:
    """Open a session, wait until it is refused or stands, and return the messages and the close code."""
    kinds: list[str] = []
    async with connect(ws_url, compression=None) as socket:
        if token is not None:
            await socket.send(json.dumps({"token": token}))
        try:
            async with asyncio.timeout(15):
                async for message in socket:
                    if isinstance(message, str):
                        data = json.loads(message)
                        kinds.append(data.get("code") or data["type"])
                        if data["type"] == "agent_ready":
                            await socket.close()
        except ConnectionClosed:
            pass
        return kinds, socket.close_code


async def test_a_single_use_token_gives_one_session_of_a_hundred(tmp_path: Path) -> None:
    with RunningServer(tmp_path, environment={"VOXGATE_AGENTS__SINGLE_USE_TOKENS": "true"}) as server:
        _, answer = await ask_token(server.url, server.key)
        tries = [try_token(answer["ws_url"], answer["token"]) for _ in range(100)]
        results = await asyncio.gather(*tries)
    outcomes = Counter(kinds[-1] for kinds, _ in results)
    assert outcomes == {"agent_ready": 1, "AUTH_FAILED": 99}
    assert {code for kinds, code in results if kinds[-1] == "AUTH_FAILED"} == {4003}


async def test_time_limits(tmp_path: Path) -> None:
    """No token in time; a token that expired; a caller who fell silent."""
    limits = {
        "VOXGATE_AGENTS__AUTH_TIMEOUT_S": "0.3",
        "VOXGATE_AGENTS__TOKEN_TTL_S": "2",
        "VOXGATE_AGENTS__IDLE_TIMEOUT_S": "2",
    }
    with RunningServer(tmp_path, environment=limits) as server:
        _, answer = await ask_token(server.url, server.key)
        assert await try_token(answer["ws_url"], None) == (["AUTH_TIMEOUT"], 4001)
        async with connect(answer["ws_url"], compression=None) as socket:
            await socket.send(json.dumps({"token": answer["token"]}))
            kinds = []
            async with asyncio.timeout(15):
                async for message in socket:
                    if isinstance(message, str):
                        kinds.append(json.loads(message))
        assert [kind["type"] for kind in kinds] == ["connected", "agent_ready", "session_ended"]
        assert kinds[-1]["reason"] == "room_closed"
        assert socket.close_code == 1000
        # By now the token is over two seconds old.
        assert await try_token(answer["ws_url"], answer["token"]) == (["AUTH_FAILED"], 4003)


async def test_when_all_places_are_taken(tmp_path: Path) -> None:
    with RunningServer(tmp_path, environment={"VOXGATE_AGENTS__MAX_SESSIONS": "1"}) as server:
        _, early = await ask_token(server.url, server.key)
        async with call(server.url, server.key) as caller:
            await caller.until("agent_ready")
            status, answer = await ask_token(server.url, server.key)
            assert status == 503
            assert answer["error"] == "unavailable"
            kinds, code = await try_token(early["ws_url"], early["token"])
            assert (kinds, code) == (["connected", "SESSION_SETUP_FAILED"], 4500)
        async with asyncio.timeout(10):
            while (await ask_token(server.url, server.key))[0] != 200:  # noqa: ASYNC110 - seen from outside
                await asyncio.sleep(0.05)


async def test_shutdown_is_told(tmp_path: Path) -> None:
    with RunningServer(tmp_path) as server:
        async with call(server.url, server.key) as caller:
            await caller.until("agent_ready")
            await caller.until_quiet()
            server.signal(signal.SIGTERM)
            assert (await caller.until("session_ended"))["reason"] == "server_shutdown"
            assert await caller.until_closed() == 1000


async def test_a_revoked_key_ends_its_sessions(tmp_path: Path) -> None:
    with RunningServer(tmp_path) as server:
        made = await cli(server, "keys", "create", "--name", "caller")
        secret = next(word for word in made.split() if word.startswith("vg_"))
        key_id = next(word for word in (await cli(server, "keys", "list")).split() if word.startswith("key_"))
        async with call(server.url, secret) as caller:
            await caller.until("agent_ready")
            await cli(server, "keys", "revoke", key_id)
            began_s = asyncio.get_running_loop().time()
            assert (await caller.until("session_ended"))["reason"] == "room_closed"
            assert asyncio.get_running_loop().time() - began_s < 10


AGENTS = """
[agents.default]
greeting = ""
voice = "Telnyx.NaturalHD.astra"
[agents.default.model]
url = "{url}"
name = "scripted"
instructions = "Be brief."
[[agents.default.tools]]
name = "weather"
description = "Tells the weather."
url = "{tools}/tools/weather"
[agents.default.hearing]
phrases = ["what is the weather tomorrow", "tell me a long story"]

[agents.closed]
enabled = false
"""


@pytest.mark.speech
async def test_a_chat_endpoint_with_a_tool_answers(tmp_path: Path) -> None:
    replies = [ChatReply([], [("weather", '{"day": "tomorrow"}')]), saying("It will rain tomorrow.")]
    async with ChatServer(replies, {"weather": "rain"}) as chat:
        path = tmp_path / "agents.toml"
        path.write_text(AGENTS.format(url=chat.url, tools=chat.url.removesuffix("/v1")))
        with RunningServer(tmp_path, environment={"VOXGATE_AGENTS__PROFILES": str(path)}) as server:
            status, answer = await ask_token(server.url, server.key, json={"agent": "closed"})
            assert (status, answer["error"]) == (403, "forbidden")
            async with local_voice() as voice, call(server.url, server.key) as caller:
                await caller.until("agent_ready")
                await caller.say(await say(voice, "what is the weather tomorrow") + bytes(16_000))
                text = (await caller.until("agent_text"))["text"]
                await caller.until_quiet()
        assert text == "It will rain tomorrow."
        assert chat.tool_requests == [("weather", {"day": "tomorrow"})]


def recognizers(server: RunningServer) -> list[int]:
    """The server's listening workers."""
    commands = {pid: Path(f"/proc/{pid}/cmdline").read_bytes() for pid in server.workers()}
    return [pid for pid, command in commands.items() if b"listen_worker" in command]


@pytest.mark.speech
async def test_a_recognizer_killed_in_mid_segment_is_noticed_by_nobody(tmp_path: Path) -> None:
    """Its own caller is understood all the same, and the other one is answered meanwhile."""
    with RunningServer(tmp_path) as server:
        async with (
            local_voice() as voice,
            call(server.url, server.key) as victim,
            call(server.url, server.key) as other,
        ):
            question = await say(voice, "what time is it") + bytes(16_000)
            for caller in (victim, other):
                await caller.until("agent_ready")
                await caller.until_quiet()
            speaking = asyncio.create_task(victim.say(await say(voice, "what can you do") + bytes(16_000)))
            await victim.until("speech_started")
            killed = recognizers(server)
            assert killed
            for pid in killed:
                os.kill(pid, signal.SIGKILL)
            await other.say(question)
            assert (await other.until("transcript"))["text"] == "what time is it"
            await other.until("turn_latency")
            await speaking
            assert (await victim.until("transcript"))["text"] == "what can you do"
            await victim.until("turn_latency")
            for caller in (victim, other):
                assert not caller.of_type("session_ended")


async def test_profiles_are_read_again_on_sighup(tmp_path: Path) -> None:
    path = tmp_path / "agents.toml"
    path.write_text("[agents.default]\n")
    with RunningServer(tmp_path, environment={"VOXGATE_AGENTS__PROFILES": str(path)}) as server:

        async def told(words: str) -> None:
            async with asyncio.timeout(10):
                while words not in server.log():  # noqa: ASYNC110 - seen from outside
                    await asyncio.sleep(0.02)

        path.write_text("[agents.default]\nvoice = 5\n")
        server.signal(signal.SIGHUP)
        await told("agents not reloaded")
        assert (await ask_token(server.url, server.key))[0] == 200
        path.write_text("[agents.default]\nenabled = false\n")
        server.signal(signal.SIGHUP)
        await told("agents reloaded")
        assert (await ask_token(server.url, server.key))[0] == 403


async def test_what_a_browser_page_may_call(shared_server: RunningServer) -> None:
    async with aiohttp.ClientSession() as session:
        url = f"{shared_server.url}/api/v1/sdk/token"
        async with session.post(url, headers={"Origin": "https://page.example"}) as response:
            assert response.status == 401
            assert response.headers["Access-Control-Allow-Origin"] == "*"
