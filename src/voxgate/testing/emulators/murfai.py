"""Murf: the WebSocket that takes text in contexts, the HTTP stream and the list of voices.

Sources: Murf's OpenAPI 3.1 and AsyncAPI 2.6 documents (September 2026); its docs, pages WebSockets, Context
ID, Advanced Settings, Rate Limits and FAQ; its Python SDK 2.3.0.

Where they are silent: an error on the socket is ``{"error", "context_id"}``, as Murf's own pipecat-murf-tts
0.2.6 reads it, and ends its context; a wrong query is refused before the upgrade; an HTTP error, "any type"
by the document, has ``errorCode`` and ``errorMessage``; too much at once is 429 over HTTP; ``rate`` is a
percentage; OGG is Vorbis. STEREO is refused, since all speech here has one channel. Tried by hand with
pipecat-murf-tts 0.2.6 on pipecat-ai 1.14.0: contexts, and one that was cleared.
"""

from __future__ import annotations

from typing import ClassVar

from aiohttp import web

from voxgate.testing.emulators._fields import Fields, Refused
from voxgate.testing.emulators._murfai_contexts import ContextSocket
from voxgate.testing.emulators._murfai_rules import (
    CODINGS,
    MODELS,
    MOST_CHARACTERS,
    Output,
    find_voice,
    list_voices,
)
from voxgate.testing.emulators._reply import Places
from voxgate.testing.emulators.base import NO_FAULTS, Emulator, Faults

_SOCKETS_A_CONTEXT = 10


class MurfEmulator(Emulator):
    """Murf.

    Args:
        key: the only key that it takes.
        faults: what goes wrong.
        max_contexts: utterances at once, over all connections; ten times as many sockets may be open.

    Attributes:
        places: of these utterances.
        sockets: open at this moment.
    """

    provider: ClassVar[str] = "murfai"
    voice: ClassVar[str] = "MurfAI.FALCON.en-US-natalie"
    bad_voice: ClassVar[str] = "MurfAI.FALCON.en-US-nobody"
    checked_by: ClassVar[str] = "murf 2.3.0; pipecat-murf-tts 0.2.6 by hand"

    def __init__(
        self, *, key: str = "emulated-key", faults: Faults = NO_FAULTS, max_contexts: int = 5
    ) -> None:
        super().__init__(key=key, faults=faults)
        self.places = Places(max_contexts, "Exceeded Active context limit")
        self.sockets = 0

    def add_routes(self, app: web.Application) -> None:
        """Add the socket, the stream and the list."""
        app.router.add_get("/v1/speech/stream-input", self._stream_input)
        app.router.add_post("/v1/speech/stream", self._stream)
        app.router.add_get("/v1/speech/voices", self._voices)

    def refusal(self, status: int) -> web.Response:
        """Word a refusal."""
        return _refuse(Refused("The emulator was told to refuse", status))

    async def _stream_input(self, request: web.Request) -> web.StreamResponse:
        # The reference says api_key, in the header or the query; the SDK and the quickstart send api-key.
        given = (request.headers, request.query)
        try:
            if not any(self.accepts(part.get(name)) for part in given for name in ("api-key", "api_key")):
                raise Refused("Invalid or expired api-key provided", 403)
            if self.sockets >= self.places.most * _SOCKETS_A_CONTEXT:
                raise Refused("Exceeded WebSocket connection limit", 429)
            output = Output.read(Fields(request.query, spelled=True), "sample_rate", "channel_type")
        except Refused as refused:
            return _refuse(refused)
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self.sockets += 1
        try:
            await ContextSocket(self, request, socket, output, self.places).serve()
        finally:
            self.sockets -= 1
        return socket

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        try:
            self._check_key(request)
            fields = Fields.read(await request.read())
            output = Output.read(fields, "sampleRate", "channelType")
            voice = find_voice(fields.text("voiceId"), output.model)
            order = output.order(voice, fields)
            order.asked.text = fields.text("text", most=MOST_CHARACTERS)
            self.places.take()
        except Refused as refused:
            return _refuse(refused)
        try:
            self.asked.append(order.asked)
            headers = {"Content-Type": CODINGS[output.format][2]}
            return await self.send_body(request, order.whole(self), headers, order.asked)
        finally:
            self.places.leave()

    async def _voices(self, request: web.Request) -> web.Response:
        try:
            self._check_key(request)
            model = Fields(request.query, spelled=True).word("model", MODELS, "GEN2", any_case=True)
        except Refused as refused:
            return _refuse(refused)
        return web.json_response(list_voices(MODELS[model]))

    def _check_key(self, request: web.Request) -> None:
        if not self.accepts(request.headers.get("api-key")):
            raise Refused("Invalid or expired token/api-key provided", 403)


def _refuse(refused: Refused) -> web.Response:
    body = {"errorCode": refused.status, "errorMessage": refused.message}
    return web.json_response(body, status=refused.status)


EMULATOR = MurfEmulator
