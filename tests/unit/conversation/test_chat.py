"""Thinking over real HTTP, against a scripted server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

import aiohttp
import pytest

from voxgate.conversation.chat import MAX_TOOL_ROUNDS, ChatThinker
from voxgate.conversation.profile import ModelProfile, ToolProfile
from voxgate.conversation.turn import Message, Role
from voxgate.errors import (
    Overloaded,
    ProviderDenied,
    ProviderRejected,
    ProviderTimeout,
    ProviderUnavailable,
    VoxgateError,
)
from voxgate.testing.chat_server import ChatReply, ChatServer, saying

ASKED = [Message(Role.CALLER, "what is the weather")]


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


def thinker(session: aiohttp.ClientSession, server: ChatServer, tools: Sequence[str] = ()) -> ChatThinker:
    model = ModelProfile.model_validate(
        {
            "url": server.url,
            "name": "m",
            "instructions": "Be brief.",
            "first_token_timeout_s": 0.3,
            "stall_timeout_s": 0.3,
        }
    )
    base = server.url.removesuffix("/v1")
    profiles = [
        ToolProfile.model_validate({"name": name, "description": "d", "url": f"{base}/tools/{name}"})
        for name in tools
    ]
    return ChatThinker(session, model, profiles)


async def reply(thinker: ChatThinker) -> tuple[str, bool]:
    pieces = [piece async for piece in thinker.think(ASKED)]
    return "".join(piece.text for piece in pieces).strip(), any(piece.goodbye for piece in pieces)


async def test_a_reply_comes_in_pieces_and_the_request_says_who_speaks(
    session: aiohttp.ClientSession,
) -> None:
    async with ChatServer([saying("It is sunny today.")]) as server:
        assert await reply(thinker(session, server)) == ("It is sunny today.", False)
        (request,) = server.requests
    assert request["stream"] is True
    assert [message["role"] for message in request["messages"]] == ["system", "user"]


async def test_tools_are_called_and_their_answers_given_back(session: aiohttp.ClientSession) -> None:
    replies = [ChatReply(["One moment. "], [("weather", '{"city": "Rome"}')]), saying("Sunny in Rome.")]
    async with ChatServer(replies, {"weather": "sunny"}) as server:
        said, _ = await reply(thinker(session, server, ["weather"]))
        assert server.tool_requests == [("weather", {"city": "Rome"})]
        assert server.requests[1]["messages"][-1]["content"] == "sunny"
    assert said == "One moment. Sunny in Rome."


async def test_a_tool_that_fails_is_told_to_the_model(session: aiohttp.ClientSession) -> None:
    replies = [ChatReply([], [("absent", "{}"), ("unknown", "{}")]), saying("Sorry.")]
    async with ChatServer(replies) as server:
        assert (await reply(thinker(session, server, ["absent"])))[0] == "Sorry."
        answers = [message["content"] for message in server.requests[1]["messages"][-2:]]
    assert answers == ["The tool failed with status 404.", "There is no such tool."]


async def test_a_model_that_only_calls_tools_is_made_to_answer(session: aiohttp.ClientSession) -> None:
    async with ChatServer([ChatReply([], [("t", "{}")])], {"t": "x"}) as server:
        await reply(thinker(session, server, ["t"]))
        assert len(server.requests) == MAX_TOOL_ROUNDS + 1
        assert "tools" not in server.requests[-1]


async def test_the_model_can_hang_up(session: aiohttp.ClientSession) -> None:
    async with ChatServer([ChatReply(["Bye."], [("end_call", "{}")])]) as server:
        assert await reply(thinker(session, server)) == ("Bye.", True)


@pytest.mark.parametrize(
    ("script", "error"),
    [
        (ChatReply(status=401), ProviderDenied),
        (ChatReply(status=429), Overloaded),
        (ChatReply(status=500), ProviderUnavailable),
        (ChatReply(status=307), ProviderUnavailable),
        (ChatReply(status=400), ProviderRejected),
        (saying("It is sunny today.", cut_after=2), ProviderUnavailable),
        (saying("It is sunny today.", hang_after=2), ProviderTimeout),
        (saying("It is sunny today.", hang_after=0), ProviderTimeout),
    ],
)
async def test_failures(session: aiohttp.ClientSession, script: ChatReply, error: type[VoxgateError]) -> None:
    async with ChatServer([script]) as server:
        with pytest.raises(error):
            await reply(thinker(session, server))


async def test_nobody_there(session: aiohttp.ClientSession) -> None:
    async with ChatServer([saying("x")]) as server:
        gone = thinker(session, server)
    with pytest.raises(ProviderUnavailable):
        await reply(gone)


async def test_stopping_in_the_middle_closes_the_request(session: aiohttp.ClientSession) -> None:
    async with ChatServer([saying("a b c d e f", word_ms=50)]) as server:
        thought = thinker(session, server).think(ASKED)
        assert (await anext(thought)).text == "a "
        await thought.aclose()
        for _ in range(100):
            if server.disconnects:
                break
            await asyncio.sleep(0.01)
        assert server.disconnects == 1
