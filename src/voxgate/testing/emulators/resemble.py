"""Resemble AI: a WebSocket of whole requests, streamed WAV over HTTP, and the paged list of voices.

Source: docs.resemble.ai (streaming-websocket, streaming-http, synchronous, voices, error handling), the
package resemble 1.9.0. The vendor has a host each for sockets, for HTTP and for voices; here they are one.
Tried by hand with livekit-plugins-resemble 1.8.9, whose addresses are constants: the socket, and HTTP.

A wrong key is told in the socket's first message, which is closed thereafter. Nothing can be cancelled.
"""

from __future__ import annotations

import json
from base64 import b64encode
from typing import ClassVar

from aiohttp import web

from voxgate.testing.emulators import _resemble_audio as audio
from voxgate.testing.emulators import _resemble_socket as socket
from voxgate.testing.emulators._speech import made_rate_hz
from voxgate.testing.emulators.base import NO_FAULTS, Asked, Emulator, Faults

HTTP_RATES_HZ = (*socket.RATES_HZ, 48000)
DEFAULT_HTTP_RATE_HZ = 48_000
MAX_HTTP_CHARACTERS = 2000
MAX_CONNECTIONS = 20

VOICES = {"55592656": "Aaron", "7213a9ea": "Amelia", "fb2d2858": "Lucy"}
"""Ids and names of voices that can be streamed."""


class ResembleEmulator(Emulator):
    """Resemble's interfaces on one port.

    Args:
        key: the only one that it takes.
        faults: what goes wrong.
        known_sizes: the WAV header tells how much follows; older models write 0xFFFFFFFF.
    """

    provider: ClassVar[str] = "resemble"
    voice: ClassVar[str] = "Resemble.Turbo.55592656"
    bad_voice: ClassVar[str] = "Resemble.Turbo.deadbeef"
    checked_by: ClassVar[str] = "resemble 1.9.0; livekit-plugins-resemble 1.8.9 by hand"

    def __init__(
        self, *, key: str = "emulated-key", faults: Faults = NO_FAULTS, known_sizes: bool = True
    ) -> None:
        super().__init__(key=key, faults=faults)
        self.known_sizes = known_sizes
        self._sockets = 0

    def settings(self) -> dict[str, object]:
        """All three hosts are this one."""
        return {**super().settings(), "websocket_url": self.ws_url, "voices_url": self.base_url}

    def add_routes(self, app: web.Application) -> None:
        """Add the paths of the vendor's three hosts."""
        app.router.add_get("/stream", self._socket)
        app.router.add_post("/stream", self._stream)
        app.router.add_post("/synthesize", self._synthesize)
        app.router.add_get("/api/v2/voices", self._voices)

    def refusal(self, status: int) -> web.Response:
        """Word a refusal."""
        message = {401: "Unauthorized", 404: "Not found", 429: "Too many requests"}.get(
            status, "Server error"
        )
        return web.json_response({"success": False, "message": message, "issues": [message]}, status=status)

    async def _socket(self, request: web.Request) -> web.StreamResponse:
        served = web.WebSocketResponse(max_msg_size=1 << 20)
        await served.prepare(request)
        failure, status = "", 401
        if not self._authorized(request):
            failure = "Unauthorized: the token is invalid, or the plan has no WebSocket access"
        elif self._sockets >= MAX_CONNECTIONS:
            failure, status = "Too many connections for this key", 429
        self._sockets += 1
        try:
            await socket.StreamSession(self, request, served, VOICES, failure, status).serve()
        finally:
            self._sockets -= 1
        return served

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        if not self._authorized(request):
            return self.refusal(401)
        try:
            fields, asked = await self._asked(request)
        except socket.Refused as error:
            return _issue(error)
        precision = str(fields.get("precision", "PCM_32"))
        samples = audio.samples(self.speech(asked.text, asked.rate_hz), precision)
        header = audio.header(
            made_rate_hz(self, asked.rate_hz),
            precision,
            len(samples) if self.known_sizes else None,
            asked.text,
        )
        return await self.send_body(
            request, header + samples if samples else b"", {"Content-Type": "audio/wav"}, asked
        )

    async def _synthesize(self, request: web.Request) -> web.StreamResponse:
        if not self._authorized(request):
            return self.refusal(401)
        try:
            fields, asked = await self._asked(request)
        except socket.Refused as error:
            return _issue(error)
        output_format = str(fields.get("output_format", "wav"))
        spoken = audio.reply(
            self,
            asked.text,
            rate_hz=asked.rate_hz,
            precision=str(fields.get("precision", "PCM_32")),
            output_format=output_format,
            bare=False,
        )
        asked.done = True
        return web.json_response(
            {
                "success": True,
                "issues": [],
                "audio_content": b64encode(spoken).decode(),
                "output_format": output_format,
                "sample_rate": asked.rate_hz,
                "title": None,
            }
        )

    async def _asked(self, request: web.Request) -> tuple[dict[str, object], Asked]:
        try:
            fields = json.loads(await request.read())
        except ValueError:
            fields = None
        if not isinstance(fields, dict):
            raise socket.Refused("BadJSON", "the body is not a JSON object")
        rate_hz = fields.get("sample_rate", DEFAULT_HTTP_RATE_HZ)
        if rate_hz not in HTTP_RATES_HZ:
            raise socket.Refused("InvalidRequest", "sample_rate is invalid")
        known = {name: value for name, value in fields.items() if name not in ("sample_rate", "request_id")}
        checked = socket.read(known, 0, VOICES)
        if len(checked.text) > MAX_HTTP_CHARACTERS:
            raise socket.Refused("InvalidRequest", "data is too long")
        asked = Asked(checked.text, checked.voice, checked.model, rate_hz, checked.output_format)
        asked.settings = {name: value for name, value in fields.items() if name not in ("data", "voice_uuid")}
        self.asked.append(asked)
        return fields, asked

    async def _voices(self, request: web.Request) -> web.Response:
        if not self._authorized(request):
            return self.refusal(401)
        try:
            page, size = int(request.query["page"]), int(request.query.get("page_size", "10"))
        except (KeyError, ValueError):
            page, size = 0, 0
        if page < 1 or not 1 <= size <= 1000:
            return web.json_response({"success": False, "message": "Invalid page"}, status=400)
        voices = [*(_voice(uuid, name) for uuid, name in VOICES.items()), *_UNFIT]
        return web.json_response(
            {
                "success": True,
                "page": page,
                "num_pages": -(-len(voices) // size),
                "page_size": size,
                "items": voices[(page - 1) * size : page * size],
            }
        )

    def _authorized(self, request: web.Request) -> bool:
        value = request.headers.get("Authorization", "")
        # The package sends another scheme to the host of voices, and another header to that of HTTP.
        for scheme in ("Bearer ", "Token token="):
            if value.startswith(scheme) and self.accepts(value.removeprefix(scheme)):
                return True
        return self.accepts(request.headers.get("x-access-token"))


def _voice(uuid: str, name: str, *, status: str = "finished", streaming: bool = True) -> dict[str, object]:
    return {
        "uuid": uuid,
        "name": name,
        "status": status,
        "voice_type": "professional",
        "default_language": "en-US",
        "supported_languages": ["en-US"],
        "component_status": {"text_to_speech": status, "speech_to_speech": status, "fill": status},
        "api_support": {"sync": True, "async": True, "direct_synthesis": True, "streaming": streaming},
        "source": "Resemble Voice",
        "created_at": "2026-01-01T00:00:00.000Z",
        "updated_at": "2026-01-01T00:00:00.000Z",
    }


_UNFIT = (
    _voice("aaaaaaaa", "Not streamed", streaming=False),
    _voice("bbbbbbbb", "Not ready", status="training"),
)


def _issue(error: socket.Refused) -> web.Response:
    return web.json_response(
        {"success": False, "issues": [error.message], "message": error.message}, status=error.status
    )


EMULATOR = ResembleEmulator
