"""The floor: a bare endpoint that sends the same frames at the same times, and nothing else.

Run as a program: ``python -m bench.floor PORT [CORE]``. What the gateway takes beyond this is its own.
"""

from __future__ import annotations

import asyncio
import os
import sys

import orjson
import pybase64
import uvicorn
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from bench.voice import CHUNK_MS, stamped_chunk
from voxgate.testing.scripted import CHARACTER_MS


async def speak(websocket: WebSocket) -> None:
    """Answer each text with its length in stamped audio, in real time."""
    await websocket.accept()
    loop = asyncio.get_running_loop()
    try:
        while True:
            message = orjson.loads(await websocket.receive_text())
            if message.get("text") == "":
                await websocket.close()
                return
            if not message["text"].strip():
                continue
            began_s = loop.time()
            for number in range(len(message["text"]) * CHARACTER_MS // CHUNK_MS):
                await asyncio.sleep(max(0.0, began_s + number * CHUNK_MS / 1000 - loop.time()))
                frame: dict[str, object] = {
                    "type": "audio_chunk",
                    "audio": pybase64.b64encode(stamped_chunk()).decode(),
                    "text": None,
                    "isFinal": False,
                    "cached": False,
                }
                if number == 0:
                    frame["timeToFirstAudioFrameMs"] = 0
                await websocket.send_text(orjson.dumps(frame).decode())
    except WebSocketDisconnect:
        pass


def main() -> None:
    port, *core = sys.argv[1:]
    if core:
        os.sched_setaffinity(0, {int(core[0])})

    async def ready(request: object) -> PlainTextResponse:
        return PlainTextResponse("ready")

    app = Starlette(
        routes=[WebSocketRoute("/v2/text-to-speech/speech", speak), Route("/readyz", ready)],
    )
    print("ready", flush=True)
    uvicorn.run(
        app,
        port=int(port),
        loop="uvloop",
        http="httptools",
        ws="websockets-sansio",
        ws_per_message_deflate=False,
        access_log=False,
        log_level="error",
    )


if __name__ == "__main__":
    main()
