"""Rime: WebSocket v1 in protobuf or JSON, ``/ws3``, HTTP, and the public lists of voices.

Source: rime-api 0.4.0 (protobuf and AsyncAPI), Rime's docs of 2026-08. Needs the extra ``voxgate[rime]``.
Tried by hand with livekit-plugins-rime 1.8.9: v1 in both encodings, ``/ws3``, HTTP.

Rime has a host for each interface and, behind v1, for each model; here they are paths: ``/<model>/ws``,
``/ws3``, ``/v1/rime-tts``, ``/data/voices/``. Its failures are plain text and carry no id, but that of a
context of v1.
"""

from __future__ import annotations

import json
from base64 import b64encode
from typing import ClassVar

from aiohttp import web

from voxgate.testing.emulators import _rime_rules as rules
from voxgate.testing.emulators import _rime_ws3 as ws3
from voxgate.testing.emulators._rime_v1 import BINARY, JSON, V1Session
from voxgate.testing.emulators._speech import coded
from voxgate.testing.emulators.base import Asked, Emulator

_REFUSALS = {
    400: "text is required",
    401: "invalid api key",
    403: "access forbidden",
    404: "Not Found",
    429: "Currently at websocket limit",
    500: "internal error",
    502: "text normalization engine error",
}
_NAMES = {"eng": "English", "spa": "Spanish", "fra": "French", "ger": "German", "por": "Portuguese",
          "jpn": "Japanese", "ara": "Arabic", "hin": "Hindi"}  # fmt: skip


class RimeEmulator(Emulator):
    """Rime's interfaces on one port."""

    provider: ClassVar[str] = "rime"
    voice: ClassVar[str] = "Rime.Coda.astra"
    bad_voice: ClassVar[str] = "Rime.Coda.nobody"
    checked_by: ClassVar[str] = "rime-api 0.4.0; livekit-plugins-rime 1.8.9 by hand"

    def add_routes(self, app: web.Application) -> None:
        """Add a path for each of the vendor's hosts."""
        app.router.add_get("/{model:coda|mist|mistv3}/ws", self._v1)
        app.router.add_get("/ws3", self._ws3)
        app.router.add_post("/v1/rime-tts", self._speak)
        app.router.add_get("/data/voices/all-v2.json", self._voices)
        app.router.add_get("/data/voices/voice_details.json", self._details)

    def refusal(self, status: int) -> web.Response:
        """Word a refusal: the reason as plain text."""
        return web.Response(status=status, text=_REFUSALS.get(status, "internal error"))

    async def _v1(self, request: web.Request) -> web.StreamResponse:
        authorization = request.headers.get("Authorization")
        if authorization is not None and not self._authorized(authorization):
            return self.refusal(401)
        socket = web.WebSocketResponse(protocols=(BINARY, JSON), max_msg_size=1 << 20)
        await socket.prepare(request)
        model = "coda" if request.match_info["model"] == "coda" else "mistv3"
        await V1Session(self, request, socket, model, authenticated=authorization is not None).serve()
        return socket

    async def _ws3(self, request: web.Request) -> web.StreamResponse:
        try:
            self._check_key(request)
            how = rules.wanted(request.query)
            coding, segment = ws3.coding_of(request.query, how.rate_hz), ws3.segment_of(request.query)
        except rules.Refused as error:
            if error.status != 404:
                return web.Response(status=error.status, text=error.message)
            # The same bad request is refused at the upgrade or, as here, after it.
            socket = web.WebSocketResponse()
            await socket.prepare(request)
            await socket.close(code=1011, message=f"400: {error.message}".encode())
            return socket
        socket = web.WebSocketResponse(max_msg_size=1 << 20)
        await socket.prepare(request)
        await ws3.Ws3Session(self, request, socket, how, coding, segment).serve()
        return socket

    async def _speak(self, request: web.Request) -> web.StreamResponse:
        try:
            self._check_key(request)
            fields = await _json_object(request)
            text = rules.check_text(fields.get("text"))
            how = rules.wanted(fields)
            accept = request.headers.get("Accept", "")
            coding = rules.coding_of(accept if rules.knows(accept) else "audio/mpeg", how.rate_hz)
        except rules.Refused as error:
            status = 400 if error.status == 404 else error.status
            return web.Response(status=status, text=error.message)
        asked = Asked(text, how.speaker, how.model, how.rate_hz, accept, {**fields, "speed": how.speed})
        self.asked.append(asked)
        audio = coded(self, coding, self.speech(text, how.rate_hz, speed=how.speed))
        if not rules.knows(accept):
            # A missing or unknown Accept is answered, with all of it in one JSON object.
            asked.done = True
            return web.json_response({"audioContent": b64encode(audio).decode()})
        return await self.send_body(request, audio, {"Content-Type": accept}, asked)

    async def _voices(self, request: web.Request) -> web.Response:
        return web.json_response({model: dict(speakers) for model, speakers in rules.SPEAKERS.items()})

    async def _details(self, request: web.Request) -> web.Response:
        return web.json_response(
            [
                {
                    "speaker": name,
                    "gender": "Female" if name.endswith("a") else "Male",
                    "age": "Young Adult",
                    "country": "US",
                    "dialect": "Generic",
                    "demographic": "General American",
                    "genre": ["Any"],
                    "modelId": model,
                    "language": _NAMES[lang],
                    "lang": lang,
                }
                for model, speakers in rules.SPEAKERS.items()
                for lang, names in speakers.items()
                for name in names
            ]
        )

    def _authorized(self, authorization: str) -> bool:
        scheme, _, key = authorization.partition(" ")
        return scheme in ("Bearer", "Api-Key") and self.accepts(key)

    def _check_key(self, request: web.Request) -> None:
        authorization = request.headers.get("Authorization")
        if authorization is None:
            raise rules.Refused(401, "Missing Authorization header")
        if not authorization.partition(" ")[2]:
            raise rules.Refused(401, "empty apikey")
        if not self._authorized(authorization):
            raise rules.Refused(401, "invalid api key")


async def _json_object(request: web.Request) -> dict[str, object]:
    body = await request.read()
    if not body:
        raise rules.Refused(400, "request body is required")
    try:
        fields = json.loads(body)
    except ValueError:
        fields = None
    if not isinstance(fields, dict):
        raise rules.Refused(400, "payload must be an object")
    return fields


EMULATOR = RimeEmulator
