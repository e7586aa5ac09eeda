"""Conversations, with servers that do what a test says: in memory, and for the way in over real HTTP."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from aiohttp import WSMsgType, web

from tests.unit.client.wire import Script, Wire, servers
from voxgate.client import workbuddy
from voxgate.client.backoff import Backoff
from voxgate.client.errors import Interrupted
from voxgate.client.retry import Retry
from voxgate.client.workbuddy import (
    AgentText,
    Audio,
    AudioDropped,
    AudioMistake,
    BargeIn,
    Conversation,
    ConversationEvent,
    Ended,
    SpeechStarted,
    SpeechStopped,
    Told,
    Transcript,
    TurnLatency,
)
from voxgate.errors import (
    InvalidRequest,
    NotAuthenticated,
    Overloaded,
    ProviderTimeout,
    ProviderUnavailable,
    SynthesisError,
    VoxgateError,
)

FRAME = bytes(workbuddy.FRAME_BYTES)


def agent(script: Script) -> Script:
    """Let the client in, and then do what the script says."""

    async def whole(wire: Wire) -> None:
        assert await wire.heard() == {"token": "jwt", "events": True}
        await wire.tell(type="connected")
        await wire.tell(type="agent_ready")
        await script(wire)

    return whole


async def talk(script: Script) -> tuple[list[ConversationEvent], Exception | None]:
    events: list[ConversationEvent] = []
    async with servers(script) as at:
        try:
            conversation = await Conversation.begin(await at.dial(), "jwt")
            await conversation.send(FRAME)
            async for event in conversation:
                events.append(event)
        except VoxgateError as error:
            return events, error
        await conversation.aclose()
    return events, None


@pytest.mark.virtual_time
async def test_everything_that_may_be_told_has_a_type() -> None:
    async def script(wire: Wire) -> None:
        assert await wire.heard() == FRAME
        await wire.tell(FRAME)
        for kind in ("speech_started", "speech_stopped", "interrupted", "audio_dropped"):
            await wire.tell(type=kind)
        await wire.tell(type="transcript", text="hello")
        await wire.tell(type="agent_text", sentence=1, text="Hi.")
        await wire.tell(type="turn_latency", transcript_ms=5, first_audio_ms=90.5, something=1)
        await wire.tell(type="audio_mistake", looks_like="float32")
        await wire.tell(type="agent_words", sentence=1, words=[])
        await wire.tell(type="session_ended", reason="agent_disconnected")
        await wire.cut(1000)

    events, error = await talk(agent(script))
    assert error is None
    assert events == [
        Audio(FRAME),
        SpeechStarted(),
        SpeechStopped(),
        BargeIn(),
        AudioDropped(),
        Transcript("hello"),
        AgentText(1, "Hi."),
        TurnLatency(transcript_ms=5, first_audio_ms=90.5),
        AudioMistake("float32"),
        Told("agent_words", {"sentence": 1, "words": []}),
        Ended("agent_disconnected"),
    ]


@pytest.mark.virtual_time
async def test_without_events_only_the_documented_message_is_sent() -> None:
    async def script(wire: Wire) -> None:
        assert await wire.heard() == {"token": "jwt"}
        await wire.tell(type="connected")
        await wire.tell(FRAME)  # before it is due
        await wire.tell(type="agent_ready")
        await wire.cut(1000)

    async with servers(script) as at:
        conversation = await Conversation.begin(await at.dial(), "jwt", events=False)
        assert [event async for event in conversation] == [Audio(FRAME)]


@pytest.mark.virtual_time
async def test_a_lost_connection_is_told_and_the_conversation_is_over() -> None:
    async def script(wire: Wire) -> None:
        await wire.tell(FRAME)
        await wire.cut()

    events, error = await talk(agent(script))
    assert events == [Audio(FRAME)]
    assert isinstance(error, Interrupted)
    assert isinstance(error.__cause__, ProviderUnavailable)


@pytest.mark.parametrize(
    ("code", "close", "kind"),
    [
        ("AUTH_TIMEOUT", 4001, NotAuthenticated),
        ("INVALID_AUTH", 4002, NotAuthenticated),
        ("AUTH_FAILED", 4003, NotAuthenticated),
        ("SESSION_SETUP_FAILED", 4500, Overloaded),
    ],
)
@pytest.mark.virtual_time
async def test_why_a_session_does_not_begin(code: str, close: int, kind: type[VoxgateError]) -> None:
    async def script(wire: Wire) -> None:
        await wire.heard()
        await wire.tell(type="error", code=code, message="Because.")
        await wire.cut(close)

    _, error = await talk(script)
    assert type(error) is kind
    assert (error.message, error.status) == ("Because.", close)


@pytest.mark.virtual_time
async def test_an_agent_that_is_never_ready_is_given_up() -> None:
    async def script(wire: Wire) -> None:
        await wire.heard()
        await wire.tell(type="connected")

    _, error = await talk(script)
    assert isinstance(error, ProviderTimeout)


@pytest.mark.parametrize("message", ["no JSON", "[]", "{}", '{"type": "transcript"}'])
@pytest.mark.virtual_time
async def test_what_is_no_message_ends_the_conversation(message: str) -> None:
    async def script(wire: Wire) -> None:
        await wire.tell(message)

    _, error = await talk(agent(script))
    assert isinstance(error, SynthesisError)


@pytest.mark.virtual_time
async def test_after_cancel_nothing_comes_and_sending_does_nothing() -> None:
    async def script(wire: Wire) -> None:
        while True:
            await wire.tell(FRAME)

    async with servers(agent(script)) as at:
        conversation = await Conversation.begin(await at.dial(), "jwt")
        await anext(conversation)
        conversation.cancel()
        await conversation.send(FRAME)
        assert [event async for event in conversation] == []


Way = Callable[[int], web.Response | int]
"""What the n-th message gets: an answer instead of a token, or its socket's close code; 0 is a good one."""


@asynccontextmanager
async def house(way: Way) -> AsyncIterator[tuple[str, list[str]]]:
    """A server with tokens and sockets, each token good for one."""
    log: list[str] = []

    async def token(request: web.Request) -> web.Response:
        log.append(f"token {await request.text()}")
        answer = way(len(log))
        if isinstance(answer, web.Response):
            return answer
        return web.json_response({"token": f"jwt {answer}", "ws_url": f"ws://{request.host}/socket"})

    async def heartbeat(request: web.Request) -> web.Response:
        log.append(request.headers.get("Authorization", ""))
        return web.json_response({"status": "ok"} if len(log) == 1 else {})

    async def socket(request: web.Request) -> web.WebSocketResponse:
        line = web.WebSocketResponse()
        await line.prepare(request)
        first = await line.receive()
        assert first.type is WSMsgType.TEXT
        word, code = json.loads(first.data)["token"].split()
        log.append(f"socket {word} {code}")
        if int(code):
            await line.send_json({"type": "error", "code": "SESSION_SETUP_FAILED", "message": "Full."})
            await line.close(code=int(code))
            return line
        await line.send_json({"type": "connected"})
        await line.send_json({"type": "agent_ready"})
        await line.receive()
        return line

    app = web.Application()
    app.router.add_post("/api/v1/sdk/token", token)
    app.router.add_post("/api/v1/sdk/heartbeat", heartbeat)
    app.router.add_get("/socket", socket)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}", log
    finally:
        await runner.cleanup()


async def test_each_try_to_begin_has_a_token_of_its_own() -> None:
    retry = Retry(Backoff(first_s=0.001), chance=lambda: 0.0)
    full = web.json_response({"error": "unavailable", "message": "Full."}, status=503)

    def way(number: int) -> web.Response | int:
        return full if number == 1 else 4500 if number == 2 else 0

    async with house(way) as (server, log):
        async with workbuddy.connect(server, "vg_key", agent="front desk", retry=retry):
            pass
    body = 'token {"agent": "front desk"}'
    assert log == [body, body, "socket jwt 4500", body, "socket jwt 0"]


async def test_without_retry_it_is_tried_once() -> None:
    full = web.json_response({"message": "Full."}, status=503, headers={"Retry-After": "3"})
    async with house(lambda _: full) as (server, log):
        with pytest.raises(Overloaded) as caught:
            async with workbuddy.connect(server, "vg_key"):
                pass
    assert caught.value.retry_after_s == 3
    assert log == ["token "]


async def test_an_agent_that_does_not_exist_is_no_reason_to_try_again() -> None:
    missing = web.json_response({"error": "bad_request", "message": "No such agent."}, status=400)
    async with house(lambda _: missing) as (server, log):
        with pytest.raises(InvalidRequest, match="No such agent"):
            async with workbuddy.connect(server, "vg_key", agent="x", retry=Retry()):
                pass
    assert len(log) == 1


async def test_the_heartbeat() -> None:
    async with house(lambda _: 0) as (server, log):
        await workbuddy.heartbeat(server, "vg_key")
        assert log == ["Bearer vg_key"]
        with pytest.raises(ProviderUnavailable):
            await workbuddy.heartbeat(server, "vg_key")
