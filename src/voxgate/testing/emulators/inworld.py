"""Inworld: a WebSocket with contexts, NDJSON and JSON over HTTP, and both lists of voices.

Source: Inworld's OpenAPI and AsyncAPI, its package inworld-tts 1.2.1, its guides of 2026-10. Where they
differ (a header in each piece of PCM; 1,000 or 2,000 characters a message) the older page is followed: the
fault ``header_in_every_piece`` is the newer one. Tried by hand with livekit-plugins-inworld 1.8.9: the
socket, cancelling, and HTTP.

The key is sent as the vendor's portal shows it, which is in base64 already. The vendor documents no id of
requests; ``usage`` counts characters.
"""

from __future__ import annotations

import json
from base64 import b64encode
from typing import ClassVar

from aiohttp import web

from voxgate.testing.emulators import _inworld_rules as rules
from voxgate.testing.emulators._inworld_contexts import ContextSession
from voxgate.testing.emulators._inworld_rules import Refused, Speaking
from voxgate.testing.emulators._speech import coded
from voxgate.testing.emulators.base import NO_FAULTS, Asked, Emulator, Faults

MAX_HTTP_CHARACTERS = 2000
MAX_CONNECTIONS = 20

_CODES = {status: code for code, status in rules.HTTP_STATUS.items()}


class InworldEmulator(Emulator):
    """Inworld's interfaces on one port."""

    provider: ClassVar[str] = "inworld"
    voice: ClassVar[str] = "Inworld.Mini.Ashley"
    bad_voice: ClassVar[str] = "Inworld.Mini.Nobody"
    checked_by: ClassVar[str] = "inworld-tts 1.2.1; livekit-plugins-inworld 1.8.9 by hand"

    def __init__(self, *, key: str = "emulated-key", faults: Faults = NO_FAULTS) -> None:
        super().__init__(key=key, faults=faults)
        self._sockets = 0

    def add_routes(self, app: web.Application) -> None:
        """Add the vendor's endpoints."""
        app.router.add_get("/tts/v1/voice:streamBidirectional", self._socket)
        app.router.add_post("/tts/v1/voice:stream", self._stream)
        app.router.add_post("/tts/v1/voice", self._speak)
        app.router.add_get("/tts/v1/voices", self._older_voices)
        app.router.add_get("/voices/v1/voices", self._voices)

    def refusal(self, status: int) -> web.Response:
        """Word a refusal with the code of gRPC that goes with the status."""
        return _refusal(Refused(_CODES.get(status, rules.INTERNAL), "refused"), status)

    async def _socket(self, request: web.Request) -> web.StreamResponse:
        if not self._authorized(request):
            return self.refusal(401)
        if self._sockets >= MAX_CONNECTIONS:
            return self.refusal(429)
        socket = web.WebSocketResponse(max_msg_size=1 << 20)
        await socket.prepare(request)
        self._sockets += 1
        try:
            await ContextSession(self, request, socket).serve()
        finally:
            self._sockets -= 1
        return socket

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        try:
            text, how, asked = await self._asked(request)
        except Refused as error:
            return _refusal(error)
        in_piece = rules.framed(self, how)
        first = True

        def frame(piece: bytes) -> bytes:
            nonlocal first
            result: dict[str, object] = {
                "audioContent": b64encode(in_piece(piece)).decode(),
                "usage": rules.usage(how, text),
            }
            if how.timestamps and first:
                result["timestampInfo"] = rules.alignment(how, text)
            first = False
            return json.dumps({"result": result}).encode() + b"\n"

        failure = json.dumps({"error": Refused(rules.INTERNAL, "synthesis failed").status}).encode() + b"\n"
        audio = coded(self, how.coding, self.speech(text, how.coding.rate_hz, speed=how.speed))
        headers = {"Content-Type": "application/json"}
        return await self.send_body(request, audio, headers, asked, frame, failure=failure)

    async def _speak(self, request: web.Request) -> web.Response:
        try:
            text, how, asked = await self._asked(request)
        except Refused as error:
            return _refusal(error)
        audio = coded(self, how.coding, self.speech(text, how.coding.rate_hz, speed=how.speed))
        answer: dict[str, object] = {
            "audioContent": b64encode(rules.framed(self, how)(audio)).decode(),
            "usage": rules.usage(how, text),
        }
        if how.timestamps:
            answer["timestampInfo"] = rules.alignment(how, text)
        asked.done = True
        return web.json_response(answer)

    async def _asked(self, request: web.Request) -> tuple[str, Speaking, Asked]:
        if not self._authorized(request):
            raise Refused(rules.UNAUTHENTICATED, "invalid authorization")
        try:
            fields = rules.camel(json.loads(await request.read()))
        except ValueError:
            raise Refused(rules.INVALID_ARGUMENT, "the body is not JSON") from None
        text = rules.check_text(fields.get("text"), MAX_HTTP_CHARACTERS)
        if not text.strip():
            raise Refused(rules.INVALID_ARGUMENT, "text is required")
        how = rules.speaking(fields)
        asked = Asked(text, how.voice, how.model, how.coding.rate_hz, how.encoding, dict(fields))
        self.asked.append(asked)
        return text, how, asked

    async def _voices(self, request: web.Request) -> web.Response:
        if not self._authorized(request):
            return self.refusal(401)
        known = rules.voices(*request.query.getall("languages", []))
        if "pageSize" not in request.query and "pageToken" not in request.query:
            return web.json_response({"voices": known})
        try:
            size = int(request.query.get("pageSize", "20"))
            begin = int(request.query.get("pageToken", "1-0").partition("-")[2])
        except ValueError:
            return self.refusal(400)
        page = known[begin : begin + size]
        following = f"1-{begin + size}" if begin + size < len(known) else ""
        return web.json_response({"voices": page, "totalSize": len(known), "nextPageToken": following})

    async def _older_voices(self, request: web.Request) -> web.Response:
        """List as the deprecated endpoint does."""
        if not self._authorized(request):
            return self.refusal(401)
        language = request.query.get("filter", "").partition("language=")[2]
        fields = ("voiceId", "displayName", "description", "tags")
        return web.json_response(
            {
                "voices": [
                    {
                        **{name: voice[name] for name in fields},
                        "languages": [str(voice["langCode"]).partition("_")[0].lower()],
                        "isCustom": False,
                    }
                    for voice in rules.voices(language)
                ]
            }
        )

    def _authorized(self, request: web.Request) -> bool:
        given = request.headers.get("Authorization") or next(
            (value for name, value in request.query.items() if name.lower() == "authorization"), ""
        )
        scheme, _, key = given.partition(" ")
        return scheme in ("Basic", "Bearer") and self.accepts(key)


def _refusal(error: Refused, status: int = 0) -> web.Response:
    return web.json_response(error.status, status=status or rules.HTTP_STATUS[error.code])


EMULATOR = InworldEmulator
