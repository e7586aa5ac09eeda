"""A client of WorkBuddy-style voice sessions: microphone audio in, an agent's voice and events out.

::

    async with connect("http://127.0.0.1:8080", key) as conversation:
        ...  # in one task: await conversation.send(pcm), 20 ms at a time
        async for event in conversation:  # in another
            match event:
                case Audio(data=data):
                    play(data)
                case BargeIn():
                    forget_what_is_not_played()

Audio is s16le PCM, 16,000 Hz, mono, both ways and at real time: send as a microphone would, silence included,
and read all the time. Whoever does not read for ten seconds is cut off.

**When the connection is lost** the conversation is over, and `voxgate.client.errors.Interrupted` is raised:
there is no way back into a session, the agent of a new one knows nothing of the old, and what was said
meanwhile is gone. What can be tried again is to begin: `connect` does so with ``retry``, with a new token
each time, since a token may be good only once.

Source: WorkBuddy docs, authentication, WebSocket and troubleshooting pages.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import orjson

from voxgate.client.errors import Interrupted
from voxgate.client.events import Audio
from voxgate.client.http import Call, ask_json
from voxgate.client.link import Cut, Link
from voxgate.client.refusals import error_of_close, words_of
from voxgate.client.retry import Retry
from voxgate.client.socket import open_link
from voxgate.client.workbuddy_events import (
    AgentText,
    AudioDropped,
    AudioMistake,
    BargeIn,
    ConversationEvent,
    Ended,
    SpeechStarted,
    SpeechStopped,
    Told,
    Transcript,
    TurnLatency,
    read_event,
)
from voxgate.errors import (
    NotAuthenticated,
    Overloaded,
    ProviderTimeout,
    ProviderUnavailable,
    SynthesisError,
    VoxgateError,
)

__all__ = [
    "AgentText",
    "Audio",
    "AudioDropped",
    "AudioMistake",
    "BargeIn",
    "Conversation",
    "ConversationEvent",
    "Ended",
    "SpeechStarted",
    "SpeechStopped",
    "Told",
    "Transcript",
    "TurnLatency",
    "connect",
    "fetch_token",
    "heartbeat",
]

PREFIX = "/api/v1/sdk"
RATE_HZ = 16_000
FRAME_BYTES = 640
FRAME_S = 0.02

_OVER = (1000, 1001)
_AUTHENTICATION = (4001, 4002, 4003)
_SETUP_FAILED = 4500


async def fetch_token(
    server: str, key: str | None, *, agent: str | None = None, timeout_s: float = 10.0
) -> tuple[str, str]:
    """Ask for a token of a new session; returns the token, and the address of the socket that takes it.

    Args:
        server: its address, ``http://127.0.0.1:8080``.
        key: API key.
        agent: to talk with; None for the server's default.
        timeout_s: for the answer.

    Raises:
        VoxgateError: as `voxgate.client.telnyx.connect` says.
    """
    call = Call("POST", f"{PREFIX}/token", None if agent is None else {"agent": agent})
    match await ask_json(call, server, key, timeout_s=timeout_s):
        case {"token": str(token), "ws_url": str(address)}:
            return token, address
    raise ProviderUnavailable(f"What answers at {server} gives no token")


async def heartbeat(server: str, key: str | None, *, timeout_s: float = 10.0) -> None:
    """Check that the server is there and the key is good; raises as `fetch_token`."""
    call = Call("POST", f"{PREFIX}/heartbeat")
    match await ask_json(call, server, key, timeout_s=timeout_s):
        case {"status": "ok"}:
            return
    raise ProviderUnavailable(f"What answers at {server} has no heart")


@asynccontextmanager
async def connect(
    server: str,
    key: str | None,
    *,
    agent: str | None = None,
    events: bool = True,
    timeout_s: float = 10.0,
    retry: Retry | None = None,
) -> AsyncIterator[Conversation]:
    """Begin a conversation, and hang up at the block's end. When the block begins the agent listens.

    Args:
        server: its address, ``http://127.0.0.1:8080``.
        key: API key.
        agent: to talk with; None for the server's default.
        events: whether to be told more than audio, as voxgate does when it is asked to.
        timeout_s: for each step on the way.
        retry: when to try again to begin, where that can help: a server that is full, or could not set the
            session up. None tries once.

    Raises:
        VoxgateError: as `voxgate.client.telnyx.connect` says.
    """

    async def begin() -> Conversation:
        token, address = await fetch_token(server, key, agent=agent, timeout_s=timeout_s)
        link = await open_link(address, None, timeout_s)
        return await Conversation.begin(link, token, events=events, timeout_s=timeout_s)

    conversation = await (retry.run(begin) if retry else begin())
    try:
        yield conversation
    finally:
        await conversation.aclose()


class Conversation:
    """A session: PCM in, events out. Made by `connect`."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._early: deque[Audio] = deque()  # what an agent said before it was ready
        self._ended = False
        self._cancelled = False
        self._left = False

    @classmethod
    async def begin(
        cls, link: Link, token: str, *, events: bool = True, timeout_s: float = 10.0
    ) -> Conversation:
        """Begin over anything that carries messages, and wait until the agent listens.

        Raises:
            NotAuthenticated: the token is not good.
            Overloaded: the session could not be set up.
            VoxgateError: the server does not answer, or is no such server.
        """
        conversation = cls(link)
        try:
            async with asyncio.timeout(timeout_s):
                await conversation._begin(token, events=events)
        except TimeoutError:
            link.abort()
            raise ProviderTimeout(f"The agent was not ready within {timeout_s:g} seconds") from None
        except BaseException:
            link.abort()
            raise
        return conversation

    async def _begin(self, token: str, *, events: bool) -> None:
        first: dict[str, object] = {"token": token, "events": True} if events else {"token": token}
        told = ""
        try:
            await self._link.send(orjson.dumps(first).decode())
            while True:
                message = await self._link.receive()
                if isinstance(message, bytes):
                    self._early.append(Audio(message))
                    continue
                match read_event(message):
                    case Told("agent_ready"):
                        return
                    case Told("error", fields):
                        told = words_of(fields.get("message"))
        except Cut as cut:
            raise _error_of_close(cut, told) from None

    async def send(self, pcm: bytes) -> None:
        """Send what the microphone heard: s16le PCM, 16,000 Hz, mono, best 640 bytes each 20 ms.

        Nothing happens when the conversation is over: reading the events tells why.
        """
        try:
            await self._link.send(pcm)
        except Cut:
            pass

    def cancel(self) -> None:
        """Hang up at once: no further event is given out."""
        self._cancelled = True
        self._link.abort()

    async def aclose(self) -> None:
        """Hang up politely. Nothing if the conversation is over already."""
        self._left = True
        await self._link.aclose()

    def __aiter__(self) -> Conversation:
        return self

    async def __anext__(self) -> ConversationEvent:
        """Wait for the next event.

        Raises:
            Interrupted: the connection was lost.
            VoxgateError: the server ended the session otherwise than it should.
        """
        if self._early:
            return self._early.popleft()
        try:
            message = await self._link.receive()
        except Cut as cut:
            if self._cancelled or self._ended or self._left or cut.code in _OVER:
                raise StopAsyncIteration from None
            raise Interrupted(
                "The connection was lost in the middle of the conversation"
            ) from _error_of_close(cut, "")
        if self._cancelled or self._ended:
            raise StopAsyncIteration
        if isinstance(message, bytes):
            return Audio(message)
        event = self._read(message)
        self._ended = isinstance(event, Ended)
        return event

    def _read(self, message: str) -> ConversationEvent:
        try:
            return read_event(message)
        except SynthesisError:
            self.cancel()
            raise


def _error_of_close(cut: Cut, told: str) -> VoxgateError:
    """Tell what a close code means (source: WorkBuddy docs, troubleshooting page)."""
    error: VoxgateError
    if cut.code in _AUTHENTICATION:
        error = NotAuthenticated(told or "The server did not take the session's token")
    elif cut.code == _SETUP_FAILED:
        error = Overloaded(told or "The voice session could not be started")
    else:
        return error_of_close(cut.code, told or cut.reason)
    error.status = cut.code
    return error
