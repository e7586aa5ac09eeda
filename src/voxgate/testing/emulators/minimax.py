"""MiniMax: the WebSocket that takes text in pieces, the older one, HTTP with SSE, and the list of voices.

Sources: see `_minimax_order`; the vendor's page of the bidirectional WebSocket, and public clients of it by
authors who traced the live service: each piece of speech ends with ``is_final``, then comes ``task_flushed``.
A failed HTTP request is answered with 200 and a code in ``base_resp``; so is a wrong key.

The older WebSocket and SSE were tried by hand with livekit-plugins-minimax-ai 1.8.9. No client of the
bidirectional one can be installed; the message loop of one that others published was tried by hand.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, ClassVar

from aiohttp import web

from voxgate.testing.emulators import _minimax_order as order
from voxgate.testing.emulators._minimax_order import Order, Refusal, base_resp
from voxgate.testing.emulators._minimax_socket import PingedSocket, TaskSocket
from voxgate.testing.emulators.base import NO_FAULTS, Emulator, Faults

_CODES = {
    400: order.BAD_PARAMETER,
    401: order.NOT_AUTHORIZED,
    402: 1008,
    403: order.NO_ACCESS,
    429: order.RATE_LIMIT,
}
_TRAILER = bytes(480)
"""The aggregated audio of the last event is a little longer than what came before, as was seen live."""


class MiniMaxEmulator(Emulator):
    """MiniMax's speech API.

    Args:
        key: the only key that it takes.
        faults: what goes wrong.
    """

    provider: ClassVar[str] = "minimax"
    voice: ClassVar[str] = "MiniMax.speech-2.8-turbo.English_expressive_narrator"
    bad_voice: ClassVar[str] = "MiniMax.speech-2.8-turbo.Nobody"
    checked_by: ClassVar[str] = "livekit-plugins-minimax-ai 1.8.9 by hand, but for the newer WebSocket"

    def __init__(self, *, key: str = "emulated-key", faults: Faults = NO_FAULTS) -> None:
        super().__init__(key=key, faults=faults)
        self._traces = itertools.count(1)

    def add_routes(self, app: web.Application) -> None:
        """Add both WebSockets, HTTP and the list of voices."""
        app.router.add_get("/ws/v1/t2a_v2_bidi", self._bidi)
        app.router.add_get("/ws/v1/t2a_v2", self._classic)
        app.router.add_post("/v1/t2a_v2", self._answering(self._speech))
        app.router.add_post("/v1/get_voice", self._answering(self._voices))

    def refusal(self, status: int) -> web.Response:
        """Word a refusal by the vendor's gateway."""
        code = _CODES.get(status, order.UNKNOWN if status >= 500 else order.BAD_PARAMETER)
        return web.json_response({"base_resp": base_resp(code)}, status=status, headers=self._ids())

    async def _bidi(self, request: web.Request) -> web.WebSocketResponse:
        return await self._serve(request, bidi=True)

    async def _classic(self, request: web.Request) -> web.WebSocketResponse:
        return await self._serve(request, bidi=False)

    async def _serve(self, request: web.Request, *, bidi: bool) -> web.WebSocketResponse:
        ids = self._ids()
        socket = PingedSocket()
        socket.headers.update(ids)
        await socket.prepare(request)
        denied = self._denied(request)
        await TaskSocket(self, request, socket, denied=denied, bidi=bidi, trace_id=ids["Trace-Id"]).serve()
        return socket

    def _denied(self, request: web.Request) -> int:
        scheme, _, key = request.headers.get("Authorization", "").partition(" ")
        if scheme != "Bearer" or not key:
            return order.NOT_AUTHORIZED
        return order.OK if self.accepts(key) else order.BAD_KEY

    def _ids(self) -> dict[str, str]:
        trace_id = f"{next(self._traces):032x}"
        return {"Trace-Id": trace_id, "Minimax-Request-Id": f"request-{trace_id}"}

    def _answering(
        self, handler: Callable[[web.Request, dict[str, Any], dict[str, str]], Awaitable[web.StreamResponse]]
    ) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def answering(request: web.Request) -> web.StreamResponse:
            ids = self._ids()
            try:
                if code := self._denied(request):
                    raise Refusal(code)
                return await handler(request, await _fields(request), ids)
            except Refusal as refusal:
                said = {"base_resp": base_resp(refusal.code, str(refusal)), "trace_id": ids["Trace-Id"]}
                return web.json_response(said, headers=ids)

        return answering

    async def _speech(
        self, request: web.Request, fields: dict[str, Any], ids: dict[str, str]
    ) -> web.StreamResponse:
        streams = fields.get("stream", False) is True
        text = order.check_text(fields.get("text"))
        if not text.strip() or len(text) >= order.MAX_CHARACTERS:
            raise Refusal(order.BAD_PARAMETER, "text")
        wanted = Order.read(fields, streams=streams)
        asked = wanted.asked(text)
        self.asked.append(asked)
        audio = wanted.speak(self, text, whole=not streams)
        info = wanted.extra_info(text, audio)

        def said(piece: bytes, status: int, **more: object) -> dict[str, object]:
            data = {"audio": piece.hex(), "status": status}
            return {"data": data, "trace_id": ids["Trace-Id"], "base_resp": base_resp(), **more}

        if not streams:
            asked.done = True
            return web.json_response(said(audio, 2, extra_info=info), headers=ids)
        options = fields.get("stream_options")
        excluded = isinstance(options, dict) and options.get("exclude_aggregated_audio") is True
        failure = {"trace_id": ids["Trace-Id"], "base_resp": base_resp(order.UNKNOWN)}
        return await self.send_body(
            request,
            audio,
            {"Content-Type": "text/event-stream", **ids},
            asked,
            frame=lambda piece: _event(said(piece, 1)),
            end=_event(said(b"" if excluded else audio + _TRAILER, 2, extra_info=info)),
            failure=_event(failure),
        )

    async def _voices(
        self, _request: web.Request, fields: dict[str, Any], ids: dict[str, str]
    ) -> web.StreamResponse:
        kind = fields.get("voice_type")
        system = [
            {"voice_id": voice_id, "voice_name": name, "description": [f"{name}, a voice of the emulator."]}
            for voice_id, name in order.SYSTEM_VOICES.items()
        ]
        cloned = [{"voice_id": order.CLONED_VOICE, "description": [], "created_time": "2026-01-01"}]
        lists: dict[str, list[Any]] = {"system": system, "voice_cloning": cloned, "voice_generation": []}
        if kind not in (*lists, "all"):
            raise Refusal(order.BAD_PARAMETER, "voice_type")
        chosen = {
            "system_voice" if name == "system" else name: voices
            for name, voices in lists.items()
            if kind in (name, "all")
        }
        return web.json_response({**chosen, "base_resp": base_resp()}, headers=ids)


async def _fields(request: web.Request) -> dict[str, Any]:
    try:
        fields = json.loads(await request.read())
    except ValueError:
        raise Refusal(order.BAD_PARAMETER, "the body is not JSON") from None
    if not isinstance(fields, dict):
        raise Refusal(order.BAD_PARAMETER, "the body is not an object")
    return fields


def _event(said: Mapping[str, object]) -> bytes:
    return f"data: {json.dumps(said)}\n\n".encode()


EMULATOR = MiniMaxEmulator
