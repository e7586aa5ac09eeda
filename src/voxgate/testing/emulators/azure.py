"""Azure text to speech: REST with SSML, the WebSocket that Microsoft's SDK speaks (versions 1 and 2), voices.

Sources: Microsoft docs, "Text to speech REST API" (headers, formats, statuses) and the pages on SSML; for the
WebSocket see `voxgate.testing.emulators._usp`. Paths are those of a region and, behind ``/tts``, those of a
resource with a name of its own.

Not here: formats that we cannot make (AMR-WB, TrueSilk, G.722, WebM, bare Opus, WAV of G.711), refused as if
unknown; visemes, but for the silence at the end; quotas of requests; plain text in place of SSML.
"""

from __future__ import annotations

import asyncio
import uuid
from typing import ClassVar

from aiohttp import web

from voxgate.audio import wav
from voxgate.audio.format import BYTES_PER_SAMPLE, AudioFormat, Container
from voxgate.testing.emulators import _azure_rules as rules
from voxgate.testing.emulators._azure_rules import Refused
from voxgate.testing.emulators._azure_script import MAX_AUDIO_S, Script
from voxgate.testing.emulators._azure_socket import AzureSession
from voxgate.testing.emulators.base import NO_FAULTS, Asked, Emulator, Faults

TOKEN_LIFE_S = 600
MAX_USER_AGENT = 255

_KEY = "Ocp-Apim-Subscription-Key"
_REASONS = {
    400: "A required parameter is missing, empty or invalid.",
    401: "Access denied due to invalid subscription key or wrong API endpoint.",
    415: "Unsupported media type.",
    429: "Quota exceeded or too many requests.",
    502: "Bad gateway.",
    503: "Service unavailable.",
}


class AzureEmulator(Emulator):
    """A speech resource in one region.

    Attributes:
        socket_status: refuses every WebSocket, as a narrow gateway does; 0 for none.
        sockets_opened: how many there were so far.
    """

    provider: ClassVar[str] = "azure"
    voice: ClassVar[str] = "Azure.en-US-JennyNeural"
    checked_by: ClassVar[str] = "azure-cognitiveservices-speech 1.53.0; REST by its documents"
    bad_voice: ClassVar[str] = "Azure.en-US-NobodyNeural"

    def __init__(self, *, key: str = "emulated-key", faults: Faults = NO_FAULTS) -> None:
        super().__init__(key=key, faults=faults)
        self.socket_status = 0
        self.sockets_opened = 0
        self._tokens: dict[str, float] = {}

    def add_routes(self, app: web.Application) -> None:
        """Add the endpoints."""
        app.router.add_post("/sts/v1.0/issueToken", self._issue_token)
        for prefix in ("", "/tts"):
            app.router.add_post(f"{prefix}/cognitiveservices/v1", self._speak)
            app.router.add_get(f"{prefix}/cognitiveservices/voices/list", self._list_voices)
            app.router.add_get(f"{prefix}/cognitiveservices/websocket/v{{version:[12]}}", self._connect)

    def refusal(self, status: int) -> web.Response:
        """Word a refusal."""
        return web.Response(
            status=status, text=_REASONS.get(status, "Error."), headers={"X-RequestId": uuid.uuid4().hex}
        )

    def _knows(self, request: web.Request) -> bool:
        """Tell whether a request carries the key, or a token that was issued for it."""
        key = request.headers.get(_KEY) or request.query.get(_KEY)
        scheme, _, token = (request.headers.get("Authorization") or "").partition(" ")
        if scheme == "Bearer" and key is None:
            return self._tokens.get(token, 0.0) > asyncio.get_running_loop().time()
        return self.accepts(key)

    async def _issue_token(self, request: web.Request) -> web.Response:
        if not self.accepts(request.headers.get(_KEY)):
            return self.refusal(401)
        token = uuid.uuid4().hex
        self._tokens[token] = asyncio.get_running_loop().time() + TOKEN_LIFE_S
        return web.Response(text=token, content_type="application/jwt")

    async def _list_voices(self, request: web.Request) -> web.Response:
        if not self._knows(request):
            return self.refusal(401)
        return web.json_response([voice.listed() for voice in rules.VOICES.values()])

    async def _connect(self, request: web.Request) -> web.StreamResponse:
        if self.socket_status:
            return self.refusal(self.socket_status)
        if not self._knows(request):
            return self.refusal(401)
        socket = web.WebSocketResponse(protocols=("USP",), max_msg_size=1024 * 1024)
        await socket.prepare(request)
        self.sockets_opened += 1
        session = AzureSession(self, request, socket)
        session.version = int(request.match_info["version"])
        session.deployed = "deploymentId" in request.query
        await session.serve()
        return socket

    async def _speak(self, request: web.Request) -> web.StreamResponse:
        if not self._knows(request):
            return self.refusal(401)
        if request.content_type != "application/ssml+xml":
            return self.refusal(415)
        if not 0 < len(request.headers.get("User-Agent", "")) < MAX_USER_AGENT:
            return self.refusal(400)
        name = request.headers.get("X-Microsoft-OutputFormat", "")
        try:
            target = rules.find_format(name)
            script = Script(await request.text(), deployed="deploymentId" in request.query)
        except Refused as error:
            return web.Response(status=400, text=str(error), headers={"X-RequestId": uuid.uuid4().hex})
        asked = Asked(
            text=script.text,
            voice=script.voice,
            rate_hz=target.rate_hz,
            format=name,
            settings=script.settings,
        )
        self.asked.append(asked)
        headers = {"Content-Type": rules.media_type(name), "X-RequestId": uuid.uuid4().hex}
        return await self.send_body(request, self._audio(script, target), headers, asked)

    def _audio(self, script: Script, target: AudioFormat) -> bytes:
        """Make a whole reply, cut where the service cuts it."""
        pcm = b"".join(
            self.speech(part.text, target.rate_hz, speed=part.prosody.speed, volume=part.prosody.level)
            for part in script.parts
        )
        coder = rules.encoder(self, target)
        audio = coder.feed(pcm[: MAX_AUDIO_S * target.rate_hz * BYTES_PER_SAMPLE]) + coder.finish()
        return wav.with_exact_sizes(audio) if target.container is Container.WAV and pcm else audio


EMULATOR = AzureEmulator
