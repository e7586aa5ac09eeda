"""The smallest client of the Telnyx-style WebSocket, written from the vendor's documentation."""

from __future__ import annotations

import base64
import json
from typing import Any

from websockets.asyncio.client import connect

from tests.support.server import RunningServer


async def speak(server: RunningServer, *frames: dict[str, Any], **query: str | int) -> list[dict[str, Any]]:
    """Send init, ``frames`` and the end; return every frame that came back until the close."""
    parameters = "&".join(f"{name}={value}" for name, value in query.items())
    async with connect(
        f"{server.ws_url}/v2/text-to-speech/speech?{parameters}",
        additional_headers={"Authorization": f"Bearer {server.key}"},
    ) as socket:
        for frame in ({"text": " "}, *frames, {"text": ""}):
            await socket.send(json.dumps(frame))
        return [json.loads(message) async for message in socket]


def audio_of(frames: list[dict[str, Any]]) -> bytes:
    """Join the audio of all frames."""
    return b"".join(base64.b64decode(frame["audio"]) for frame in frames if frame.get("audio"))
