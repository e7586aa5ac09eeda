"""A server with doors made for tests: run by ``RunningServer(folder, program=DOORS)``.

``/echo``     tells the length of every message; says goodbye when the server begins to drain
``/stay``     says goodbye only when it is told to leave at once
``/deaf``     accepts, and never receives
``/flood``    accepts, and sends for as long as somebody reads
``/refuse``   refuses the upgrade with 401 and JSON
``/broken``   raises: before the upgrade or, with ``?after``, after it; over HTTP too
``/slow``     answers over HTTP after half a second
"""

from __future__ import annotations

import asyncio
import sys
from contextlib import suppress

import uvloop
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from voxgate.config import load_settings
from voxgate.observe.logs import configure_logging
from voxgate.server.lifecycle import serve
from voxgate.services import Services

DOORS = (sys.executable, __file__)
CANARY = "the canary sings in an exception"
GOODBYE = 4000
SLOW_BEGAN = "a slow request began"


def routes(services: Services) -> list[BaseRoute]:
    """Make the doors."""

    async def listen(websocket: WebSocket, *, until_deadline: bool) -> None:
        begin, deadline = asyncio.Event(), asyncio.Event()

        async def say_goodbye() -> None:
            await (deadline if until_deadline else begin).wait()
            await websocket.close(GOODBYE, "goodbye")

        await websocket.accept()
        with services.drain.guest(begin.set, deadline.set):
            leaving = asyncio.create_task(say_goodbye())
            with suppress(WebSocketDisconnect):
                while (message := await websocket.receive())["type"] != "websocket.disconnect":
                    size = len(message.get("text") or message.get("bytes") or b"")
                    await websocket.send_text(str(size))
            leaving.cancel()

    async def echo(websocket: WebSocket) -> None:
        await listen(websocket, until_deadline=False)

    async def stay(websocket: WebSocket) -> None:
        await listen(websocket, until_deadline=True)

    async def deaf(websocket: WebSocket) -> None:
        await websocket.accept()
        await asyncio.sleep(3600)

    async def flood(websocket: WebSocket) -> None:
        await websocket.accept()
        while True:
            await websocket.send_text("x" * 60_000)

    async def refuse(websocket: WebSocket) -> None:
        await websocket.send_denial_response(JSONResponse({"errors": [{"code": "10009"}]}, 401))

    async def broken(websocket: WebSocket) -> None:
        if websocket.url.query == "after":
            await websocket.accept()
        raise RuntimeError(CANARY)

    async def broken_request(request: Request) -> Response:
        raise RuntimeError(CANARY)

    async def slow(request: Request) -> Response:
        print(SLOW_BEGAN, flush=True)
        await asyncio.sleep(0.5)
        return JSONResponse({"slow": True})

    sockets = (echo, stay, deaf, flood, refuse, broken)
    return [
        *(WebSocketRoute(f"/{door.__name__}", door) for door in sockets),
        Route("/broken", broken_request),
        Route("/slow", slow),
    ]


async def _announce(services: Services, address: str) -> None:
    print(f"serves at {address}", flush=True)


def main() -> None:
    """Serve these doors with the settings of the environment."""
    settings = load_settings()
    configure_logging(settings.log)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(settings, _announce, doors=[routes]))


if __name__ == "__main__":
    main()
