"""Voice sessions as their clients see them: a real server, real engines, a caller that follows the docs."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import aiohttp
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Origin

from tests.support.caller import ask_token, call
from tests.support.recognizer import PHRASES
from tests.support.server import RunningServer
from tests.support.speech import local_voice, say


async def close_after(server: RunningServer, *messages: str | bytes) -> tuple[list[object], int | None]:
    """Send messages at once and return what came back and the close code."""
    got: list[object] = []
    async with connect(f"{server.ws_url}/api/v1/sdk/ws", compression=None) as socket:
        for message in messages:
            await socket.send(message)
        try:
            async with asyncio.timeout(20):
                async for answer in socket:
                    got.append(json.loads(answer))
        except ConnectionClosed:
            pass
        return got, socket.close_code


@pytest.mark.parametrize(
    "message",
    ["not json", "{}", '{"token": ""}', '{"token": 5}', "[]", b"\0\0", '{"tok": "x"}', "null"],
)
async def test_a_first_message_without_a_token(shared_server: RunningServer, message: str | bytes) -> None:
    got, code = await close_after(shared_server, message)
    assert [(error["type"], error["code"]) for error in got if isinstance(error, dict)] == [
        ("error", "INVALID_AUTH")
    ]
    assert code == 4002


@pytest.mark.parametrize("token", ["x", "a.b.c", "x" * 4000])
async def test_a_bad_token(shared_server: RunningServer, token: str) -> None:
    got, code = await close_after(shared_server, json.dumps({"token": token}))
    (error,) = got
    assert isinstance(error, dict)
    assert (error["code"], error["message"]) == ("AUTH_FAILED", "Invalid or expired token")
    assert code == 4003


async def test_tokens_and_heartbeat(shared_server: RunningServer) -> None:
    status, answer = await ask_token(shared_server.url, shared_server.key)
    assert status == 200
    assert set(answer) == {"token", "ws_url"}
    assert answer["ws_url"] == f"{shared_server.ws_url}/api/v1/sdk/ws"
    status, answer = await ask_token(shared_server.url, "wrong")
    assert status == 401
    assert set(answer) == {"error", "message"}
    async with aiohttp.ClientSession() as session:
        url = f"{shared_server.url}/api/v1/sdk/heartbeat"
        headers = {"Authorization": f"Bearer {shared_server.key}"}
        async with session.post(url, headers=headers) as response:
            assert (response.status, await response.json()) == (200, {"status": "ok"})
        async with session.post(url) as response:
            assert response.status == 401
        asked = {
            "Origin": "https://page.example",
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "authorization,content-type",
        }
        async with session.options(url, headers=asked) as response:
            assert response.status == 204
            assert response.headers["Access-Control-Allow-Origin"] == "*"
            assert "authorization" in response.headers["Access-Control-Allow-Headers"]


async def test_an_unknown_agent_is_named(shared_server: RunningServer) -> None:
    status, answer = await ask_token(shared_server.url, shared_server.key, json={"agent": "nobody"})
    assert status == 400
    assert "nobody" in answer["message"]


@pytest.mark.speech
async def test_a_spoken_question_is_answered(shared_server: RunningServer) -> None:
    """The greeting is spoken, a sum is heard and worked out, goodbye ends the session."""
    async with local_voice() as voice, call(shared_server.url, shared_server.key) as caller:
        await caller.until("agent_ready")
        assert [message["type"] for message in caller.messages[:2]] == ["connected", "agent_ready"]
        await caller.until_quiet()
        await caller.say(await say(voice, "what is fifty minus eleven") + bytes(16_000))
        transcript = await caller.until("transcript")
        assert transcript["text"] == "what is fifty minus eleven"
        latency = await caller.until("turn_latency")
        assert list(latency)[1:] == ["transcript_ms", "turn_closed_ms", "first_text_ms", "first_audio_ms"]
        said = [message["text"] for message in caller.messages if message["type"] == "agent_text"]
        assert said[-1] == "That is 39."
        await caller.until_quiet()
        await caller.say(await say(voice, "goodbye") + bytes(16_000))
        assert (await caller.until("session_ended"))["reason"] == "agent_disconnected"
        assert await caller.until_closed() == 1000
        assert {len(frame) for _, frame in caller.audio} == {640}


@pytest.mark.speech
async def test_speaking_up_stops_the_agent(shared_server: RunningServer) -> None:
    async with local_voice() as voice, call(shared_server.url, shared_server.key) as caller:
        await caller.until("agent_ready")
        await caller.until_quiet()
        await caller.say(await say(voice, "tell me a long story") + bytes(16_000))
        await caller.until("turn_latency")
        await asyncio.sleep(1.0)
        await caller.say(await say(voice, "what time is it") + bytes(16_000))
        await caller.until("interrupted")
        await caller.until("turn_latency", 2)
        said = [message["text"] for message in caller.messages if message["type"] == "agent_text"]
        assert said[-1].startswith("It is")
        assert not any("opened the window" in text for text in said)


@pytest.mark.speech
async def test_without_asking_for_events_the_wire_is_the_documented_one(shared_server: RunningServer) -> None:
    async with call(shared_server.url, shared_server.key, events=False) as caller:
        await caller.until_quiet()
        types = [message["type"] for message in caller.messages]
    assert types == ["connected", "agent_ready"]
    assert len(PHRASES) >= 20


async def test_pages_of_other_origins_do_not_come_in(tmp_path: Path) -> None:
    allowed = {"VOXGATE_SERVER__ALLOWED_ORIGINS": "https://app.example"}
    with RunningServer(tmp_path, environment=allowed) as server:
        _, answer = await ask_token(server.url, server.key)
        for origin in (Origin("https://app.example"), None):
            async with connect(answer["ws_url"], origin=origin) as socket:
                await socket.send(json.dumps({"token": answer["token"]}))
                assert json.loads(await socket.recv()) == {"type": "connected"}
        with pytest.raises(InvalidStatus) as refused:
            async with connect(answer["ws_url"], origin=Origin("https://other.example")):
                pass
    response = refused.value.response
    assert response.status_code == 403
    assert json.loads(response.body or b"")["error"] == "forbidden"
