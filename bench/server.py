"""The real server, with a voice that stamps its audio and a probe at the Telnyx door.

Run as a program: ``python -m bench.server PORT DATA_DIR [CORE]``.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import AsyncGenerator, Sequence
from dataclasses import replace
from typing import Any

import uvloop
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.types import ASGIApp, Message, Receive, Scope, Send

import voxgate.conversation.agents as agents_module
import voxgate.server.speech as speech_module
from bench.voice import StampedVoice
from voxgate.clock import Clock, LoopClock
from voxgate.config import load_settings
from voxgate.conversation.recognizing import ScriptedRecognizer
from voxgate.conversation.session import Agent
from voxgate.conversation.thinking import Piece
from voxgate.conversation.turn import Message as SaidMessage
from voxgate.server.app import DOORS
from voxgate.server.lifecycle import serve
from voxgate.services import Services
from voxgate.testing.loudness import Loudness

STALE_MS: list[float] = []
"""For each ``force`` that was read: how long after it the last frame of the old audio was written."""


ANSWER = "Yes, of course. This goes on for a while, so that there is time enough to interrupt it."


class ForceProbe:
    """Notes what is written after a ``force`` was read; clients of the bench say nothing new after it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        forced_s = last_s = 0.0

        async def probed_receive() -> Message:
            nonlocal forced_s, last_s
            message = await receive()
            if '"force"' in (message.get("text") or ""):
                forced_s = last_s = time.monotonic()
            elif forced_s:
                STALE_MS.append((last_s - forced_s) * 1000)
                forced_s = 0.0
            return message

        async def probed_send(message: Message) -> None:
            nonlocal last_s
            await send(message)
            if forced_s and message["type"] == "websocket.send":
                last_s = time.monotonic()

        await self._app(scope, probed_receive, probed_send)


def probed(services: Services) -> list[BaseRoute]:
    """All doors, the sockets behind the probe."""
    routes = [route for door in DOORS for route in door(services)]
    for route in routes:
        if isinstance(route, WebSocketRoute) and "text-to-speech" in route.path:
            route.app = ForceProbe(route.app)

    async def stale(request: Request) -> JSONResponse:
        found = STALE_MS.copy()
        STALE_MS.clear()
        return JSONResponse(found)

    return [*routes, Route("/bench/stale", stale)]


def script_agents() -> None:
    """Give every agent scripted ears and a scripted mind, so that only the session's own work is measured."""
    make_agent = agents_module.Agents._agent

    async def scripted(self: agents_module.Agents, *arguments: Any) -> Agent:
        agent = await make_agent(self, *arguments)
        recognizer = ScriptedRecognizer(["hello"], LoopClock(), delay_ms=50)
        return replace(agent, recognizer=recognizer, thinker=_ScriptedMind(), greeting="")

    agents_module.Agents._agent = scripted  # type: ignore[method-assign, assignment]
    agents_module.VoiceActivity = _LoudActivity  # type: ignore[assignment, attr-defined]


class _LoudActivity(Loudness):
    up = True

    def __init__(self, clock: Clock) -> None:
        pass

    async def start(self) -> None:
        pass

    async def aclose(self) -> None:
        pass


class _ScriptedMind:
    async def think(
        self, history: Sequence[SaidMessage], *, unclear: bool = False
    ) -> AsyncGenerator[Piece, None]:
        await asyncio.sleep(0.04)
        for word in ANSWER.split():
            yield Piece(word + " ")
            await asyncio.sleep(0.008)


async def _ready(services: Services, address: str) -> None:
    print("ready", flush=True)


def main() -> None:
    port, data_dir, *core = sys.argv[1:]
    if core:
        os.sched_setaffinity(0, {int(core[0])})
    # The bench's own voice stands where the scripted one does.
    speech_module.ScriptedProvider = StampedVoice  # type: ignore[attr-defined, assignment]
    os.environ |= {
        "VOXGATE_DATA_DIR": data_dir,
        "VOXGATE_SERVER__PORT": port,
        "VOXGATE_LOG__LEVEL": "error",
        "VOXGATE_LIMITS__REQUESTS_PER_MINUTE": "0",
        "VOXGATE_LIMITS__CONNECTIONS_PER_KEY": "0",
        "VOXGATE_TELNYX__INACTIVITY_TIMEOUT_S": "300",
        "VOXGATE_AGENTS__MAX_SESSIONS": "100",
        "VOXGATE_AGENTS__MAX_LOOP_LAG_MS": "10000",
    }
    if os.environ.get("BENCH_SCRIPTED_AGENTS"):
        script_agents()
    settings: Any = load_settings()
    uvloop.run(serve(settings, _ready, doors=(probed,)))


if __name__ == "__main__":
    asyncio.set_event_loop_policy(None)
    main()
